#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace theater {

/// Owned bytes.
using Bytes = std::vector<std::uint8_t>;
/// Borrowed bytes; valid as long as what they were made from.
using ByteView = std::span<const std::uint8_t>;

/// The bytes of a text, borrowed.
inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// Bytes seen as text, borrowed and not checked to be UTF-8.
inline std::string_view as_text(ByteView bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

/// A copy of the bytes of a text.
inline Bytes to_bytes(std::string_view text) {
  const ByteView view = as_bytes(text);
  return {view.begin(), view.end()};
}

inline Bytes to_bytes(ByteView view) { return {view.begin(), view.end()}; }

inline void append(Bytes& to, ByteView what) { to.insert(to.end(), what.begin(), what.end()); }

/// Lower-case hexadecimal.
std::string to_hex(ByteView bytes);
/// Reads exactly out.size() bytes of hexadecimal, in either case.
bool parse_hex(std::string_view text, std::span<std::uint8_t> out);

/// Whether the bytes are well-formed UTF-8 (no surrogates, no overlong forms).
bool is_utf8(ByteView bytes);

/// Whether the bytes look like text: UTF-8 without control characters other than tabs and line breaks.
bool is_text(ByteView bytes);

/// Text that is safe to show on a terminal: UTF-8 as it is, with control characters and malformed bytes as \xNN, cut at
/// `max_bytes` with an ellipsis.
std::string printable(ByteView bytes, std::size_t max_bytes);

}  // namespace theater
