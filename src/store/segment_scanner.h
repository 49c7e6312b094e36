#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "store/file_system.h"
#include "store/segment_format.h"

namespace theater::store {

/// A whole record; its bytes are valid until the scanner's next call.
struct SegmentRecord {
  RecordType type{};
  std::uint64_t offset = 0;
  ByteView content;
  /// As it is stored.
  Digest digest{};
};

/// A place where the file is not as it was written; reading goes on behind it. Views as in SegmentRecord.
struct SegmentFault {
  std::uint64_t offset = 0;
  /// Of what could not be read.
  std::uint64_t bytes = 0;
  const char* what = "";
  /// What stands there, when its frame could still be made out: content and digest as they are, one of them changed
  /// (neither, when only the frame was).
  std::optional<SegmentRecord> record;
};

/// The end of what can be read.
struct SegmentTail {
  /// The end record was there.
  bool closed = false;
  /// Bytes from `offset` on that were not all written when the writer ended; nobody was told that they are safe.
  std::uint64_t offset = 0;
  std::uint64_t torn_bytes = 0;
  /// Where the group begins that was cut; the same as `offset` when none was.
  std::uint64_t group_offset = 0;
};

using ScanStep = std::variant<SegmentRecord, SegmentFault, SegmentTail>;

/// Reads a segment's links and payloads in order, and tells damage from a torn tail: what a later group, or the end
/// record, says was safe cannot be torn. Bounded memory; trusts nothing but the file. One thread at a time.
class SegmentScanner {
 public:
  struct Options {
    /// Another segment shows that this one was closed: then nothing of it can be torn.
    bool was_closed = false;
    /// Compare each record's content with its digest. Without it only frames are checked, and content that is not
    /// asked for is not read.
    bool check_content = true;
    /// Where to begin: at a record, as a ChainPart or PayloadPlace says; 0: at the first.
    std::uint64_t from_offset = 0;
    /// Where to end; what follows is neither read nor judged.
    std::uint64_t until_offset = UINT64_MAX;
  };

  /// An error only when the file cannot be read.
  static Result<std::unique_ptr<SegmentScanner>> open(std::unique_ptr<File> file, Options options);

  /// The next record of type link, payload or redacted; or a fault; or the end, from then on always. An error only when
  /// the file cannot be read.
  Result<ScanStep> next();

  /// Whether what is wrong at this offset can be a torn tail, since nothing says that it was safe.
  Result<bool> may_be_torn(std::uint64_t offset);
  /// The last record is no good after all, though its digest is right: from here on the tail is torn (true), or it is a
  /// fault and reading goes on behind it (false).
  Result<bool> reject_last();

  /// None when the header was damaged.
  const std::optional<SegmentHeader>& header() const { return header_; }
  std::uint64_t file_bytes() const { return file_bytes_; }
  const File& file() const { return *file_; }
  std::unique_ptr<File> take_file() { return std::move(file_); }

 private:
  SegmentScanner(std::unique_ptr<File> file, std::uint64_t file_bytes, Options options);

  Result<ByteView> bytes_at(std::uint64_t offset, std::uint64_t bytes);
  Result<void> read_header();
  Result<std::optional<ScanStep>> enter_group();
  Result<ScanStep> read_record();
  Result<ScanStep> bad_group();
  Result<ScanStep> bad_record(const char* what);
  Result<ScanStep> bad_content(const chain::RecordHeader& header);
  Result<std::optional<chain::RecordHeader>> mend_header(std::uint64_t offset, std::uint64_t limit);
  Result<bool> content_matches(std::uint64_t offset, const chain::RecordHeader& header);
  Result<void> look_behind(std::uint64_t offset);
  Result<std::optional<std::uint64_t>> next_group_from(std::uint64_t offset);
  ScanStep tail(std::uint64_t offset);

  std::unique_ptr<File> file_;
  const std::uint64_t file_bytes_;
  const Options options_;
  std::optional<SegmentHeader> header_;
  /// The header's, or, where that is damaged, the first group's.
  std::optional<Marker> marker_;
  std::optional<SegmentFault> header_fault_;
  /// The next record, and where its group begins and ends.
  std::uint64_t offset_ = kFirstGroupOffset;
  std::uint64_t group_offset_ = 0;
  std::uint64_t group_end_ = kFirstGroupOffset;
  std::uint64_t last_offset_ = 0;
  std::optional<SegmentTail> tail_;
  /// Groups and the end found behind the first thing that was wrong; by looking for the marker.
  bool looked_behind_ = false;
  std::vector<std::uint64_t> groups_behind_;
  std::uint64_t safe_until_ = 0;
  Bytes window_;
  std::uint64_t window_offset_ = 0;
};

/// The link at this place with the hash that stands behind it, neither compared with the other; none when no link's
/// record is whole there.
struct StoredLink {
  Bytes bytes;
  Digest hash{};
};
Result<std::optional<StoredLink>> read_link(const File& file, std::uint64_t offset);
/// The header of the payload at this place, of type payload or redacted; kCorrupt when there is neither.
Result<chain::RecordHeader> read_payload_header(const File& file, std::uint64_t offset, const Digest& digest);
/// The payload at this place; none when it was redacted, kCorrupt when another digest or nothing whole is there.
Result<std::optional<Bytes>> read_payload(const File& file, std::uint64_t offset, const Digest& digest);
/// The index of a segment that was closed, found from its end without reading the rest; none when there is none or it
/// is damaged. An error only when the file cannot be read.
Result<std::optional<SegmentIndex>> read_index(const File& file);
/// The header; none when it is not whole.
Result<std::optional<SegmentHeader>> read_segment_header(const File& file);

}  // namespace theater::store
