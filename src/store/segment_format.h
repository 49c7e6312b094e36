#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/sha256.h"
#include "chain/record.h"
#include "theater/bytes.h"
#include "theater/error.h"
#include "theater/event.h"
#include "theater/id.h"

/// The bytes of a segment, as docs/data-directory.md says.
namespace theater::store {

/// Format and version in one; also tells a person what the file is.
inline constexpr std::string_view kSegmentMagic = "theater segmt 1\n";

enum class RecordType : std::uint8_t {
  kLink = 1,     ///< as in a chain file
  kPayload = 2,  ///< as in a chain file
  kSegment = 16,
  kGroup = 17,
  kIndex = 18,
  kEnd = 19,
  /// A payload whose content was removed. Far from kPayload in bits: no flipped bit makes one of the other.
  kRedacted = 21,
};

/// 16 random bytes that begin every group of a segment, so that groups are found again behind damage. Guests never see
/// them and cannot put them into a payload.
using Marker = std::array<std::uint8_t, 16>;

/// The first record of a segment.
struct SegmentHeader {
  std::uint64_t number = 0;
  /// Counts the times that the directory was opened to be written.
  std::uint64_t session = 0;
  std::uint32_t shard = 0;
  Marker marker{};
  std::uint64_t created_ns = 0;
};
/// What was written at once.
struct GroupHeader {
  Marker marker{};
  std::uint64_t offset = 0;  ///< of this record
  std::uint64_t synced = 0;  ///< what is before this offset was safe on the disk when this group was written
  std::uint64_t bytes = 0;   ///< of the records that follow and belong to it
};
/// The last record of a segment that was closed; all before it is safe on the disk.
struct SegmentEnd {
  Marker marker{};
  std::uint64_t offset = 0;  ///< of this record
  std::uint64_t index_offset = 0;
  std::uint64_t links = 0;
};

inline constexpr StopReason kLastStopReason = StopReason::kTerminated;

inline constexpr std::size_t kSegmentHeaderBytes = 8 + 8 + 4 + 16 + 8;
inline constexpr std::size_t kGroupHeaderBytes = 16 + 3 * 8;
inline constexpr std::size_t kSegmentEndBytes = 16 + 3 * 8;
/// Where the first group begins.
inline constexpr std::uint64_t kFirstGroupOffset =
    kSegmentMagic.size() + chain::kRecordFrameBytes + kSegmentHeaderBytes;
inline constexpr std::uint64_t kGroupRecordBytes = chain::kRecordFrameBytes + kGroupHeaderBytes;
inline constexpr std::uint64_t kEndRecordBytes = chain::kRecordFrameBytes + kSegmentEndBytes;

std::array<std::uint8_t, kSegmentHeaderBytes> encode(const SegmentHeader& header);
std::array<std::uint8_t, kGroupHeaderBytes> encode(const GroupHeader& header);
std::array<std::uint8_t, kSegmentEndBytes> encode(const SegmentEnd& end);
/// Each wants exactly the bytes that encode() makes.
SegmentHeader decode_segment_header(ByteView content);
GroupHeader decode_group_header(ByteView content);
SegmentEnd decode_segment_end(ByteView content);

/// Whether such a record may have this length.
bool is_possible(std::uint8_t type, std::uint64_t length);

/// What one segment holds of one actor's chain.
struct ChainPart {
  std::uint64_t first_sequence = 0;
  std::uint64_t next_sequence = 0;
  std::uint64_t links = 0;
  /// Hash that the first link names as the one before it.
  Digest previous{};
  /// Hash of the last link.
  Digest head{};
  /// Of the first and the last link's record in the file.
  std::uint64_t first_offset = 0;
  std::uint64_t last_offset = 0;
  /// Of the link with the actor's last started event; 0 when this segment holds none.
  std::uint64_t started_offset = 0;
  /// Of its records, with those of the large values that came with its links.
  std::uint64_t bytes = 0;
  /// Set when the last event is a stopped event.
  std::optional<StopReason> stopped;

  bool operator==(const ChainPart&) const = default;
};

/// Where a payload lies.
struct PayloadPlace {
  Digest digest{};
  std::uint64_t offset = 0;
  auto operator<=>(const PayloadPlace&) const = default;
};

/// What a closed segment says of its content, so that it need not be read to be opened.
struct SegmentIndex {
  /// Damage was found in it before it was closed; it is to be read when it is opened.
  bool is_damaged = false;
  std::map<ActorId, ChainPart> chains;
  /// Ordered, each digest once.
  std::vector<PayloadPlace> payloads;

  bool operator==(const SegmentIndex&) const = default;
};

/// Notes what the link's started and stopped events say; `offset`: of its record.
void note_lifecycle(ByteView link, std::uint64_t offset, ChainPart& part);
/// Joins what follows in the same segment to what it holds of a chain, if anything.
void extend(ChainPart& part, const ChainPart& later);

Bytes encode(const SegmentIndex& index);
/// kCorrupt when the bytes are no index.
Result<SegmentIndex> decode_index(ByteView content);

/// "000000000012-003.segment": number and shard.
std::string segment_file_name(std::uint64_t number, std::uint32_t shard);
/// Number and shard; none for another kind of name.
std::optional<std::pair<std::uint64_t, std::uint32_t>> parse_segment_file_name(std::string_view name);

}  // namespace theater::store
