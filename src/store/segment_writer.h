#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>

#include "store/file_system.h"
#include "store/open_segment_index.h"
#include "store/segment_format.h"

namespace theater::store {

/// A link as it goes into a segment.
struct LinkToWrite {
  ActorId actor;
  std::uint64_t first_sequence = 0;
  std::uint32_t event_count = 0;
  ByteView bytes;
  Digest hash{};
  /// It holds a started or a stopped event.
  bool has_lifecycle = false;
};

/// Writes one segment: what is added is gathered, write() hands it to the operating system as a group, sync() waits for
/// the disk. After the first error nothing more is written, and each call returns that error. One thread at a time.
class SegmentWriter {
 public:
  /// Makes the file. It is there for good, empty, when this returns.
  static Result<std::unique_ptr<SegmentWriter>> create(FileSystem& files, const std::filesystem::path& directory,
                                                       const SegmentHeader& header);
  /// Goes on with a segment that was not closed: at `end`, with what is before it as `index`. cut() comes next.
  static std::unique_ptr<SegmentWriter> go_on(std::unique_ptr<File> file, const SegmentHeader& header,
                                              std::uint64_t end, const SegmentIndex& index);

  /// For one that goes on: cuts the file where it goes on, in the group that begins at `group_offset`, and syncs.
  Result<void> cut(std::uint64_t group_offset);

  void add_link(const LinkToWrite& link);
  /// Content of a large value that a link of this segment names; to be added before it. It is kept once.
  void add_payload(const Digest& digest, ByteView content);

  /// Bytes added that no write() has taken yet.
  std::size_t pending_bytes() const { return pending_.size() - kPendingFront; }
  /// Hands what was added to the operating system.
  Result<void> write();
  /// Waits until all that was written is safe.
  Result<void> sync();
  /// Writes an empty group, which says what is safe; not itself synced. To be called when nothing follows for a while:
  /// from then on damage in what was written last cannot be taken for a torn tail.
  Result<void> write_mark();
  /// Writes what is pending, the index and the end, and syncs. The index. No other call may follow.
  Result<SegmentIndex> close(bool is_damaged = false);

  /// The file's size once all that is pending is written.
  std::uint64_t size_bytes() const {
    return written_bytes_ + pending_bytes() + (pending_bytes() > 0 ? kPendingFront : 0);
  }
  std::uint64_t written_bytes() const { return written_bytes_; }
  std::uint64_t synced_bytes() const { return synced_bytes_; }
  const SegmentHeader& header() const { return header_; }
  /// What write() has handed over, for those who read meanwhile; may outlive the writer. Any thread.
  std::shared_ptr<const OpenSegmentIndex> index() const { return index_; }

 private:
  /// Room for the group's own record before what is pending.
  static constexpr std::size_t kPendingFront = kGroupRecordBytes;

  SegmentWriter(std::unique_ptr<File> file, const SegmentHeader& header, std::shared_ptr<OpenSegmentIndex> index);
  void put(RecordType type, ByteView content, const Digest& digest);
  void write_alone(RecordType type, ByteView content, const Digest& digest);
  Result<void> write_at_end(ByteView bytes);
  void put_group_record(std::uint8_t* out, std::uint64_t offset, std::uint64_t bytes) const;
  std::uint64_t next_record_offset() const { return written_bytes_ + pending_.size(); }

  const std::unique_ptr<File> file_;
  const SegmentHeader header_;
  const std::shared_ptr<OpenSegmentIndex> index_;
  std::uint64_t links_ = 0;
  /// Of the large values since the last link: they are the next one's.
  std::uint64_t payload_bytes_ = 0;
  Bytes pending_;
  std::uint64_t written_bytes_ = 0;
  std::uint64_t synced_bytes_ = 0;
  std::optional<Error> error_;
};

}  // namespace theater::store
