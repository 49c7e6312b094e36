#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/limits.h"
#include "base/sha256.h"
#include "theater/bytes.h"

/// The frame of a record in a file (docs/event-format.md, "Chain file"): type, length, a check of both, content, digest
/// of the content.
namespace theater::chain {

/// type, length, check of both
inline constexpr std::size_t kRecordHeaderBytes = 1 + 4 + 4;
/// What a record has beside its content.
inline constexpr std::size_t kRecordFrameBytes = kRecordHeaderBytes + sizeof(Digest);
/// The largest value: a message of the largest size, and a little for what surrounds it.
inline constexpr std::uint64_t kPayloadBytesMax = limits::kMessageMaxBytesMax + (1u << 20);

struct RecordHeader {
  std::uint8_t type = 0;
  std::uint32_t length = 0;  ///< of the content
};

/// CRC-32C (Castagnoli).
std::uint32_t crc32c(ByteView bytes);

/// Writes kRecordHeaderBytes.
void put_record_header(std::uint8_t* out, RecordHeader header);
/// Reads kRecordHeaderBytes; none when the check is wrong.
std::optional<RecordHeader> get_record_header(const std::uint8_t* in);

template <class Number>
void put_little_endian(std::uint8_t* out, Number value) {
  for (std::size_t i = 0; i < sizeof(Number); ++i) out[i] = static_cast<std::uint8_t>(value >> (8 * i));
}

template <class Number>
Number get_little_endian(const std::uint8_t* in) {
  Number value = 0;
  for (std::size_t i = 0; i < sizeof(Number); ++i) value |= static_cast<Number>(in[i]) << (8 * i);
  return value;
}

}  // namespace theater::chain
