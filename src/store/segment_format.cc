#include "store/segment_format.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "chain/link_codec.h"
#include "theater/value.h"

namespace theater::store {
namespace {

/// Writes and reads fields of fixed size one after the other.
class FieldWriter {
 public:
  explicit FieldWriter(std::uint8_t* at) : at_(at) {}
  template <class Number>
  FieldWriter& number(Number value) {
    chain::put_little_endian(at_, value);
    at_ += sizeof(Number);
    return *this;
  }
  FieldWriter& marker(const Marker& marker) {
    std::memcpy(at_, marker.data(), marker.size());
    at_ += marker.size();
    return *this;
  }

 private:
  std::uint8_t* at_;
};

class FieldReader {
 public:
  explicit FieldReader(ByteView bytes) : at_(bytes.data()) {}
  template <class Number>
  FieldReader& number(Number& value) {
    value = chain::get_little_endian<Number>(at_);
    at_ += sizeof(Number);
    return *this;
  }
  FieldReader& marker(Marker& marker) {
    std::memcpy(marker.data(), at_, marker.size());
    at_ += marker.size();
    return *this;
  }

 private:
  const std::uint8_t* at_;
};

/// The least that an actor takes in an index: no count beyond what the bytes can hold is believed.
constexpr std::size_t kChainPartBytesMin = 16 + 32 + 32 + 8;
constexpr std::size_t kPayloadPlaceBytes = 32 + 8;
constexpr std::uint8_t kDamagedFlag = 1;

/// Reads an index; the first byte that is wrong ends it.
class IndexReader {
 public:
  explicit IndexReader(ByteView content) : rest_(content) {}

  bool read(SegmentIndex& index) {
    std::uint8_t flags = 0;
    if (!u8(flags) || flags > kDamagedFlag) return false;
    index.is_damaged = flags == kDamagedFlag;
    std::uint64_t count = 0;
    if (!leb(count) || count > rest_.size() / kChainPartBytesMin) return false;
    for (; count > 0; --count) {
      if (!chain_part(index)) return false;
    }
    if (!leb(count) || count > rest_.size() / kPayloadPlaceBytes) return false;
    index.payloads.resize(count);
    for (PayloadPlace& place : index.payloads) {
      ByteView offset;
      if (!digest(place.digest) || !take(8, offset)) return false;
      place.offset = chain::get_little_endian<std::uint64_t>(offset.data());
    }
    const auto not_before = [](const PayloadPlace& a, const PayloadPlace& b) { return !(a.digest < b.digest); };
    return rest_.empty() && std::ranges::adjacent_find(index.payloads, not_before) == index.payloads.end();
  }

 private:
  bool take(std::size_t bytes, ByteView& out) {
    if (rest_.size() < bytes) return false;
    out = rest_.first(bytes);
    rest_ = rest_.subspan(bytes);
    return true;
  }
  bool u8(std::uint8_t& value) {
    ByteView bytes;
    if (!take(1, bytes)) return false;
    value = bytes[0];
    return true;
  }
  bool leb(std::uint64_t& value) {
    // A number has at most ten bytes; ValueReader wants the shortest form.
    std::size_t length = 0;
    while (length < rest_.size() && length < 10 && (rest_[length] & 0x80) != 0) ++length;
    ByteView bytes;
    if (!take(length + 1, bytes)) return false;
    ValueReader reader(bytes);
    value = reader.unsigned_integer();
    return reader.done();
  }
  bool digest(Digest& digest) {
    ByteView bytes;
    if (!take(digest.size(), bytes)) return false;
    std::memcpy(digest.data(), bytes.data(), digest.size());
    return true;
  }
  bool chain_part(SegmentIndex& index) {
    ByteView id;
    if (!take(16, id)) return false;
    std::array<std::uint8_t, 16> bytes;
    std::memcpy(bytes.data(), id.data(), bytes.size());
    const ActorId actor(bytes);
    if (!index.chains.empty() && !(index.chains.rbegin()->first < actor)) return false;
    ChainPart part;
    std::uint64_t events = 0;
    std::uint8_t stopped = 0;
    if (!leb(part.first_sequence) || !leb(events) || !leb(part.links) || !digest(part.previous) || !digest(part.head) ||
        !leb(part.first_offset) || !leb(part.last_offset) || !leb(part.started_offset) || !leb(part.bytes) ||
        !u8(stopped)) {
      return false;
    }
    if (stopped > static_cast<std::uint8_t>(kLastStopReason) || part.links == 0 || events < part.links ||
        events > UINT64_MAX - part.first_sequence) {
      return false;
    }
    part.next_sequence = part.first_sequence + events;
    if (stopped != 0) part.stopped = static_cast<StopReason>(stopped);
    index.chains.emplace_hint(index.chains.end(), actor, part);
    return true;
  }

  ByteView rest_;
};

}  // namespace

std::array<std::uint8_t, kSegmentHeaderBytes> encode(const SegmentHeader& header) {
  std::array<std::uint8_t, kSegmentHeaderBytes> bytes;
  FieldWriter(bytes.data())
      .number(header.number)
      .number(header.session)
      .number(header.shard)
      .marker(header.marker)
      .number(header.created_ns);
  return bytes;
}

std::array<std::uint8_t, kGroupHeaderBytes> encode(const GroupHeader& header) {
  std::array<std::uint8_t, kGroupHeaderBytes> bytes;
  FieldWriter(bytes.data()).marker(header.marker).number(header.offset).number(header.synced).number(header.bytes);
  return bytes;
}

std::array<std::uint8_t, kSegmentEndBytes> encode(const SegmentEnd& end) {
  std::array<std::uint8_t, kSegmentEndBytes> bytes;
  FieldWriter(bytes.data()).marker(end.marker).number(end.offset).number(end.index_offset).number(end.links);
  return bytes;
}

SegmentHeader decode_segment_header(ByteView content) {
  SegmentHeader header;
  FieldReader(content)
      .number(header.number)
      .number(header.session)
      .number(header.shard)
      .marker(header.marker)
      .number(header.created_ns);
  return header;
}

GroupHeader decode_group_header(ByteView content) {
  GroupHeader header;
  FieldReader(content).marker(header.marker).number(header.offset).number(header.synced).number(header.bytes);
  return header;
}

SegmentEnd decode_segment_end(ByteView content) {
  SegmentEnd end;
  FieldReader(content).marker(end.marker).number(end.offset).number(end.index_offset).number(end.links);
  return end;
}

bool is_possible(std::uint8_t type, std::uint64_t length) {
  switch (static_cast<RecordType>(type)) {
    case RecordType::kLink: return length > 0 && length <= chain::kLinkBytesMax;
    case RecordType::kPayload:
    case RecordType::kRedacted: return length > 0 && length <= chain::kPayloadBytesMax;
    case RecordType::kSegment: return length == kSegmentHeaderBytes;
    case RecordType::kGroup: return length == kGroupHeaderBytes;
    case RecordType::kIndex: return length > 0;
    case RecordType::kEnd: return length == kSegmentEndBytes;
  }
  return false;
}

void note_lifecycle(ByteView link, std::uint64_t offset, ChainPart& part) {
  chain::LinkDecoder decoder(link);
  chain::EventView event;
  while (decoder.next(event)) {
    if (event.kind() == EventKind::kStarted) part.started_offset = offset;
    const auto* stopped = std::get_if<chain::StoppedView>(&event.body);
    part.stopped = stopped != nullptr ? std::optional(stopped->reason) : std::nullopt;
  }
}

void extend(ChainPart& part, const ChainPart& later) {
  if (part.links == 0) {
    part = later;
    return;
  }
  part.next_sequence = later.next_sequence;
  part.links += later.links;
  part.head = later.head;
  part.last_offset = later.last_offset;
  if (later.started_offset != 0) part.started_offset = later.started_offset;
  part.bytes += later.bytes;
  part.stopped = later.stopped;
}

Bytes encode(const SegmentIndex& index) {
  Bytes bytes;
  ValueWriter writer(bytes);
  writer.u8(index.is_damaged ? kDamagedFlag : 0);
  writer.unsigned_integer(index.chains.size());
  for (const auto& [actor, part] : index.chains) {
    append(bytes, actor.bytes());
    writer.unsigned_integer(part.first_sequence);
    writer.unsigned_integer(part.next_sequence - part.first_sequence);
    writer.unsigned_integer(part.links);
    append(bytes, part.previous);
    append(bytes, part.head);
    writer.unsigned_integer(part.first_offset);
    writer.unsigned_integer(part.last_offset);
    writer.unsigned_integer(part.started_offset);
    writer.unsigned_integer(part.bytes);
    writer.u8(part.stopped ? static_cast<std::uint8_t>(*part.stopped) : 0);
  }
  writer.unsigned_integer(index.payloads.size());
  for (const PayloadPlace& place : index.payloads) {
    append(bytes, place.digest);
    std::uint8_t offset[8];
    chain::put_little_endian(offset, place.offset);
    append(bytes, offset);
  }
  return bytes;
}

Result<SegmentIndex> decode_index(ByteView content) {
  SegmentIndex index;
  if (!IndexReader(content).read(index)) return fail(ErrorCode::kCorrupt, "the segment's index is malformed");
  return index;
}

std::string segment_file_name(std::uint64_t number, std::uint32_t shard) {
  const auto digits = [](std::uint64_t value, std::size_t width) {
    const std::string text = std::to_string(value);
    return std::string(width > text.size() ? width - text.size() : 0, '0') + text;
  };
  return digits(number, 12) + "-" + digits(shard, 3) + ".segment";
}

std::optional<std::pair<std::uint64_t, std::uint32_t>> parse_segment_file_name(std::string_view name) {
  std::uint64_t number = 0;
  std::uint32_t shard = 0;
  const char* const end = name.data() + name.size();
  const auto first = std::from_chars(name.data(), end, number);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != '-') return std::nullopt;
  const auto second = std::from_chars(first.ptr + 1, end, shard);
  if (second.ec != std::errc() || segment_file_name(number, shard) != name) return std::nullopt;
  return std::pair(number, shard);
}

}  // namespace theater::store
