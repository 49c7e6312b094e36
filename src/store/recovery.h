#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "store/segment_scanner.h"

namespace theater::store {

/// Something that is not as it was written.
struct Damage {
  /// Whose chain it is in, and its first event that is affected; none where no event is, or nothing tells whose.
  std::optional<ActorId> actor;
  std::uint64_t sequence = 0;
  std::string what;
  /// The chain ends before this event; otherwise it is a large value of the event only.
  bool breaks_chain = true;
  /// Where: the segment's number and the place in its file.
  std::uint64_t segment = 0;
  std::uint64_t offset = 0;

  std::string to_string() const;
};

/// Where a chain ends, as far as it was read.
struct ChainEnd {
  Digest head{};
  std::uint64_t next_sequence = 0;
  /// A link behind this one is missing or changed: what follows in later segments does not count.
  bool is_broken = false;
  /// What comes before this event was removed by retention, and may not be gone yet.
  std::uint64_t removed_before = 0;
};
using ChainEnds = std::unordered_map<ActorId, ChainEnd>;

/// What reading a whole segment found.
struct ScannedSegment {
  SegmentIndex index;
  std::vector<Damage> damages;
  SegmentTail tail;
};

/// Sees what is found good while a directory is read from its beginning to its end. Views are valid during the call.
class ScanObserver {
 public:
  virtual ~ScanObserver() = default;
  virtual void segment_begins() = 0;
  /// Content of a large value that links of this segment may name.
  virtual void payload(const Digest& digest, std::uint64_t size) = 0;
  /// A link that has this hash and follows its actor's last one.
  virtual void link(const ActorId& actor, ByteView bytes, const Digest& hash) = 0;
};

/// Reads all of a segment that was opened with its content checked, and joins its links to the chains' ends so far. An
/// error only when the file cannot be read. `observer`: null for none.
Result<ScannedSegment> scan_segment(SegmentScanner& scanner, std::uint64_t segment, ChainEnds& ends,
                                    ScanObserver* observer = nullptr);

/// Joins what a closed segment's index says to the chains' ends so far.
void join_index(const SegmentIndex& index, std::uint64_t segment, ChainEnds& ends, std::vector<Damage>& damages);

}  // namespace theater::store
