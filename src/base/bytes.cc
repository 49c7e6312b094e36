#include "theater/bytes.h"

#include <algorithm>

namespace theater {
namespace {

/// Length of the well-formed UTF-8 sequence at the front, 0 if there is none (Unicode 15, table 3-7).
std::size_t utf8_sequence_length(ByteView bytes) {
  const auto continuation = [&](std::size_t at, std::uint8_t low = 0x80, std::uint8_t high = 0xbf) {
    return at < bytes.size() && bytes[at] >= low && bytes[at] <= high;
  };
  const std::uint8_t first = bytes[0];
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return continuation(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const std::uint8_t low = first == 0xe0 ? 0xa0 : 0x80;
    const std::uint8_t high = first == 0xed ? 0x9f : 0xbf;
    return continuation(1, low, high) && continuation(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const std::uint8_t low = first == 0xf0 ? 0x90 : 0x80;
    const std::uint8_t high = first == 0xf4 ? 0x8f : 0xbf;
    return continuation(1, low, high) && continuation(2) && continuation(3) ? 4 : 0;
  }
  return 0;
}

constexpr char kHexDigits[] = "0123456789abcdef";

}  // namespace

std::string to_hex(ByteView bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::uint8_t byte : bytes) {
    text.push_back(kHexDigits[byte >> 4]);
    text.push_back(kHexDigits[byte & 15]);
  }
  return text;
}

bool parse_hex(std::string_view text, std::span<std::uint8_t> out) {
  if (text.size() != out.size() * 2) return false;
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = digit(text[2 * i]);
    const int low = digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return true;
}

bool is_utf8(ByteView bytes) {
  while (!bytes.empty()) {
    const std::size_t length = utf8_sequence_length(bytes);
    if (length == 0) return false;
    bytes = bytes.subspan(length);
  }
  return true;
}

bool is_text(ByteView bytes) {
  const auto is_control = [](std::uint8_t byte) {
    return (byte < 0x20 && byte != '\n' && byte != '\t' && byte != '\r') || byte == 0x7f;
  };
  return std::none_of(bytes.begin(), bytes.end(), is_control) && is_utf8(bytes);
}

std::string printable(ByteView bytes, std::size_t max_bytes) {
  std::string text;
  while (!bytes.empty()) {
    if (text.size() >= max_bytes) {
      text += "…";
      break;
    }
    const std::size_t length = utf8_sequence_length(bytes);
    // C1 controls (U+0080 to U+009F) steer a terminal as well as the ASCII ones do.
    const bool control =
        (length == 1 && (bytes[0] < 0x20 || bytes[0] == 0x7f)) || (length == 2 && bytes[0] == 0xc2 && bytes[1] < 0xa0);
    if (length == 0 || control) {
      const std::size_t count = length == 0 ? 1 : length;
      for (std::size_t i = 0; i < count; ++i) {
        text += "\\x";
        text.push_back(kHexDigits[bytes[i] >> 4]);
        text.push_back(kHexDigits[bytes[i] & 15]);
      }
      bytes = bytes.subspan(count);
      continue;
    }
    text.append(as_text(bytes.first(length)));
    bytes = bytes.subspan(length);
  }
  return text;
}

}  // namespace theater
