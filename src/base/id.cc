#include "theater/id.h"

namespace theater {
namespace {

constexpr int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// One table look-up a digit: an id is parsed for every message that a guest sends.
constexpr auto kHexValues = [] {
  std::array<std::int8_t, 256> table{};
  for (int c = 0; c < 256; ++c)
    table[static_cast<std::size_t>(c)] = static_cast<std::int8_t>(hex_value(static_cast<char>(c)));
  return table;
}();

/// Where each byte's two digits stand in the text.
constexpr std::array<std::uint8_t, 16> kOffsets = {0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};

}  // namespace

void format_uuid(const std::array<std::uint8_t, 16>& bytes, char (&text)[kUuidTextLength]) {
  constexpr char kDigits[] = "0123456789abcdef";
  text[8] = text[13] = text[18] = text[23] = '-';
  for (std::size_t i = 0; i < 16; ++i) {
    text[kOffsets[i]] = kDigits[bytes[i] >> 4];
    text[kOffsets[i] + 1] = kDigits[bytes[i] & 15];
  }
}

bool parse_uuid(std::string_view text, std::array<std::uint8_t, 16>& bytes) {
  if (text.size() != kUuidTextLength) return false;
  if (text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-') return false;
  int malformed = 0;
  for (std::size_t i = 0; i < 16; ++i) {
    const int high = kHexValues[static_cast<std::uint8_t>(text[kOffsets[i]])];
    const int low = kHexValues[static_cast<std::uint8_t>(text[kOffsets[i] + 1])];
    malformed |= high | low;
    bytes[i] = static_cast<std::uint8_t>((static_cast<unsigned>(high) << 4) | static_cast<unsigned>(low & 15));
  }
  return malformed >= 0;
}

}  // namespace theater
