#include "chain/record.h"

#include <array>

namespace theater::chain {
namespace {

constexpr std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0u);
    table[byte] = crc;
  }
  return table;
}

constexpr std::array<std::uint32_t, 256> kTable = make_table();

}  // namespace

std::uint32_t crc32c(ByteView bytes) {
  std::uint32_t crc = ~0u;
  for (const std::uint8_t byte : bytes) crc = (crc >> 8) ^ kTable[(crc ^ byte) & 0xff];
  return ~crc;
}

void put_record_header(std::uint8_t* out, RecordHeader header) {
  out[0] = header.type;
  put_little_endian(out + 1, header.length);
  // Of the first five bytes, so that a damaged length is not taken for a torn tail.
  put_little_endian(out + 5, crc32c({out, 5}));
}

std::optional<RecordHeader> get_record_header(const std::uint8_t* in) {
  if (get_little_endian<std::uint32_t>(in + 5) != crc32c({in, 5})) return std::nullopt;
  return RecordHeader{.type = in[0], .length = get_little_endian<std::uint32_t>(in + 1)};
}

}  // namespace theater::chain
