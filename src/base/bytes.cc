#include "theater/bytes.h"

#include <algorithm>
#include <cstring>

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

/// How many bytes at the front are ASCII, found eight at a time: texts are mostly that, and they are looked through for
/// each event that is shown.
std::size_t ascii_length(ByteView bytes) {
  std::size_t length = 0;
  for (std::uint64_t eight = 0; length + sizeof(eight) <= bytes.size(); length += sizeof(eight)) {
    std::memcpy(&eight, bytes.data() + length, sizeof(eight));
    if ((eight & 0x8080'8080'8080'8080) != 0) break;
  }
  while (length < bytes.size() && bytes[length] < 0x80) ++length;
  return length;
}

bool is_shown_as_it_is(std::uint8_t byte) { return byte >= 0x20 && byte < 0x7f; }

}  // namespace

std::string to_hex(ByteView bytes) {
  std::string text(bytes.size() * 2, '\0');
  char* out = text.data();
  for (const std::uint8_t byte : bytes) {
    *out++ = kHexDigits[byte >> 4];
    *out++ = kHexDigits[byte & 15];
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
  while (true) {
    bytes = bytes.subspan(ascii_length(bytes));
    if (bytes.empty()) return true;
    const std::size_t length = utf8_sequence_length(bytes);
    if (length == 0) return false;
    bytes = bytes.subspan(length);
  }
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
    const ByteView room = bytes.first(std::min(bytes.size(), max_bytes - text.size()));
    const auto plain = static_cast<std::size_t>(std::ranges::find_if_not(room, is_shown_as_it_is) - room.begin());
    if (plain > 0) {
      text.append(as_text(bytes.first(plain)));
      bytes = bytes.subspan(plain);
      continue;
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
