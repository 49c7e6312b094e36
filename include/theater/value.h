#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "theater/bytes.h"

namespace theater {

/// Canonical bytes in two pieces, borrowed: the value is `head` followed by `body`. The body is the content of a byte
/// list that ends the value, kept apart so that a large message is copied once only. Either may be empty.
struct ValueView {
  ByteView head;
  ByteView body;

  std::size_t size() const { return head.size() + body.size(); }
};

/// Writes canonical bytes: the component model's value encoding (LEB128 numbers; strings and lists as count and items;
/// option and result as a tag byte; records and tuples field by field).
class ValueWriter {
 public:
  explicit ValueWriter(Bytes& out) : out_(out) {}

  void u8(std::uint8_t value) { out_.push_back(value); }
  void boolean(bool value) { out_.push_back(value ? 1 : 0); }
  /// u16, u32 and u64.
  void unsigned_integer(std::uint64_t value) {
    while (value >= 0x80) {
      out_.push_back(static_cast<std::uint8_t>(value | 0x80));
      value >>= 7;
    }
    out_.push_back(static_cast<std::uint8_t>(value));
  }
  /// s16, s32 and s64.
  void signed_integer(std::int64_t value);
  void f32(float value);
  void f64(double value);
  /// char: a Unicode scalar value, as UTF-8.
  void character(char32_t value);
  void string(std::string_view text) { bytes(as_bytes(text)); }
  /// list<u8>.
  void bytes(ByteView content) {
    unsigned_integer(content.size());
    out_.insert(out_.end(), content.begin(), content.end());
  }
  /// The tag of option some / none.
  void some() { u8(1); }
  void none() { u8(0); }
  /// The tag of result ok / error.
  void ok() { u8(0); }
  void error() { u8(1); }
  void error(std::string_view text) {
    u8(1);
    string(text);
  }
  void optional_bytes(const std::optional<Bytes>& content) {
    if (!content) return none();
    some();
    bytes(*content);
  }

 private:
  Bytes& out_;
};

/// Reads canonical bytes with bounds. The first malformed item makes the reader fail for good; what it returns from
/// then on is zero or empty. Check ok() (or done()) before believing anything.
class ValueReader {
 public:
  explicit ValueReader(ByteView head, ByteView body = {}) : head_(head), body_(body) {}
  explicit ValueReader(const ValueView& value) : head_(value.head), body_(value.body) {}

  std::uint8_t u8();
  bool boolean();
  /// At most `max`; a larger or overlong number is malformed.
  std::uint64_t unsigned_integer(std::uint64_t max = UINT64_MAX);
  std::int64_t signed_integer();
  float f32();
  double f64();
  /// char.
  char32_t character();
  /// Borrowed, and checked to be UTF-8.
  std::string_view string();
  /// list<u8>, borrowed. Never copies: the content lies wholly in the head, or is the body.
  ByteView bytes();
  /// Tag of option: true for some. Tag of result: true for error.
  bool tag() { return boolean(); }
  std::optional<Bytes> optional_bytes();

  bool ok() const { return ok_; }
  /// Everything was read and nothing was malformed.
  bool done() const { return ok_ && head_.empty() && body_.empty(); }
  void fail() { ok_ = false; }

 private:
  ByteView head_;
  ByteView body_;
  bool ok_ = true;
};

}  // namespace theater
