#pragma once

#include <charconv>
#include <cstdint>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "theater/bytes.h"

namespace theater::chain {

/// Writes one JSON object, member by member, straight into a text: a subscription shows hundreds of thousands of events
/// a second, which a tree of values would not do. The same bytes as nlohmann's dump() gives.
class JsonText {
 public:
  JsonText() { text_.reserve(1024); }

  void open() { text_ += '{'; }
  void open(std::string_view key) {
    name(key);
    text_ += '{';
  }
  void close() { text_ += '}'; }
  void member(std::string_view key, std::string_view value) {
    name(key);
    string(value);
  }
  // Not to be taken for numbers.
  void member(std::string_view key, const char* value) { member(key, std::string_view(value)); }
  void member(std::string_view key, std::uint64_t value) {
    name(key);
    char digits[std::numeric_limits<std::uint64_t>::digits10 + 1];
    text_.append(digits, std::to_chars(digits, digits + sizeof(digits), value).ptr);
  }
  void member(std::string_view key, bool value) {
    name(key);
    text_ += value ? "true" : "false";
  }
  void member(std::string_view key, std::nullptr_t) {
    name(key);
    text_ += "null";
  }
  /// The bytes as hexadecimal digits.
  void hex_member(std::string_view key, ByteView value) {
    name(key);
    text_ += '"';
    const std::size_t begin = text_.size();
    text_.resize(begin + 2 * value.size());
    char* out = text_.data() + begin;
    for (const std::uint8_t byte : value) {
      *out++ = kDigits[byte >> 4];
      *out++ = kDigits[byte & 15];
    }
    text_ += '"';
  }
  template <class Strings>
  void list(std::string_view key, const Strings& strings) {
    name(key);
    text_ += '[';
    for (const auto& each : strings) {
      if (text_.back() != '[') text_ += ',';
      string(each);
    }
    text_ += ']';
  }
  std::string take() { return std::move(text_); }

 private:
  static constexpr std::string_view kDigits = "0123456789abcdef";

  /// Keys are the program's own words.
  void name(std::string_view key) {
    if (text_.back() != '{') text_ += ',';
    text_ += '"';
    text_ += key;
    text_ += "\":";
  }

  void string(std::string_view value) {
    std::size_t plain = 0;
    std::size_t seen = 0;
    bool is_ascii = true;
    text_ += '"';
    const std::size_t begin = text_.size();
    for (; seen < value.size(); ++seen) {
      while (value.size() - seen >= 8 && are_plain(value.data() + seen)) seen += 8;
      if (seen == value.size()) break;
      const auto c = static_cast<unsigned char>(value[seen]);
      if (c >= 0x80) is_ascii = false;
      if (c >= 0x20 && c != '"' && c != '\\') continue;
      text_.append(value, plain, seen - plain);
      plain = seen + 1;
      escape(c);
    }
    text_.append(value, plain, seen - plain);
    text_ += '"';
    if (is_ascii || is_utf8(as_bytes(value))) return;
    // What is no UTF-8 is replaced.
    text_.resize(begin - 1);
    text_ += nlohmann::json(std::string(value)).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }

  /// Eight characters at once: all ASCII, and none is a control, a quote or a backslash.
  static bool are_plain(const char* eight) {
    std::uint64_t word = 0;
    std::memcpy(&word, eight, sizeof(word));
    constexpr std::uint64_t kOnes = 0x0101'0101'0101'0101;
    constexpr std::uint64_t kHighBits = 0x80 * kOnes;
    // As long as no byte has its high bit set, each borrows it only when it is below what is taken from it.
    const auto minus = [](std::uint64_t bytes, std::uint64_t each) { return bytes - each * kOnes; };
    const std::uint64_t quotes = word ^ '"' * kOnes;
    const std::uint64_t backslashes = word ^ '\\' * kOnes;
    const std::uint64_t found = word | minus(word, 0x20) | minus(quotes, 1) | minus(backslashes, 1);
    return (found & kHighBits) == 0;
  }

  void escape(unsigned char c) {
    text_ += '\\';
    switch (c) {
      case '"':
      case '\\': text_ += static_cast<char>(c); return;
      case '\b': text_ += 'b'; return;
      case '\t': text_ += 't'; return;
      case '\n': text_ += 'n'; return;
      case '\f': text_ += 'f'; return;
      case '\r': text_ += 'r'; return;
      default: text_ += "u00"; break;
    }
    text_ += kDigits[c >> 4];
    text_ += kDigits[c & 15];
  }

  std::string text_;
};

}  // namespace theater::chain
