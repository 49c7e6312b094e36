#include "theater/value.h"

#include <array>
#include <bit>
#include <cstring>

namespace theater {
namespace {

constexpr std::uint64_t kCanonicalNan = 0x7ff8000000000000ull;
constexpr std::uint32_t kCanonicalNan32 = 0x7fc00000u;

}  // namespace

void ValueWriter::signed_integer(std::int64_t value) {
  while (true) {
    const auto byte = static_cast<std::uint8_t>(value & 0x7f);
    value >>= 7;
    const bool sign = (byte & 0x40) != 0;
    if ((value == 0 && !sign) || (value == -1 && sign)) {
      out_.push_back(byte);
      return;
    }
    out_.push_back(static_cast<std::uint8_t>(byte | 0x80));
  }
}

void ValueWriter::f64(double value) {
  // One NaN only, so that equal values have equal bytes.
  const std::uint64_t bits = value != value ? kCanonicalNan : std::bit_cast<std::uint64_t>(value);
  for (int i = 0; i < 8; ++i) out_.push_back(static_cast<std::uint8_t>(bits >> (8 * i)));
}

void ValueWriter::f32(float value) {
  const std::uint32_t bits = value != value ? kCanonicalNan32 : std::bit_cast<std::uint32_t>(value);
  for (int i = 0; i < 4; ++i) out_.push_back(static_cast<std::uint8_t>(bits >> (8 * i)));
}

void ValueWriter::character(char32_t value) {
  const auto put = [&](unsigned byte) { out_.push_back(static_cast<std::uint8_t>(byte)); };
  if (value < 0x80) return put(value);
  const auto tail = [&](unsigned shift) { put(0x80u | ((value >> shift) & 0x3fu)); };
  if (value < 0x800) {
    put(0xc0u | (value >> 6));
  } else if (value < 0x10000) {
    put(0xe0u | (value >> 12));
    tail(6);
  } else {
    put(0xf0u | (value >> 18));
    tail(12);
    tail(6);
  }
  tail(0);
}

std::uint8_t ValueReader::u8() {
  if (!ok_ || head_.empty()) {
    ok_ = false;
    return 0;
  }
  const std::uint8_t value = head_.front();
  head_ = head_.subspan(1);
  return value;
}

bool ValueReader::boolean() {
  const std::uint8_t value = u8();
  if (value > 1) ok_ = false;
  return value == 1;
}

std::uint64_t ValueReader::unsigned_integer(std::uint64_t max) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    const std::uint8_t byte = u8();
    if (!ok_) return 0;
    const std::uint64_t bits = byte & 0x7f;
    const bool overflows = shift == 63 && bits > 1;
    const bool overlong = byte == 0 && shift > 0;
    if (overflows || overlong) break;
    value |= bits << shift;
    if ((byte & 0x80) == 0) {
      if (value > max) break;
      return value;
    }
  }
  ok_ = false;
  return 0;
}

std::int64_t ValueReader::signed_integer() {
  std::uint64_t value = 0;
  std::uint8_t before = 0;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    const std::uint8_t byte = u8();
    if (!ok_) return 0;
    value |= shift < 64 ? static_cast<std::uint64_t>(byte & 0x7f) << shift : 0;
    if ((byte & 0x80) != 0) {
      before = byte;
      continue;
    }
    if (shift == 63 && byte != 0 && byte != 0x7f) break;
    // A last byte that only repeats the sign of the one before is one too many.
    const bool negative = (byte & 0x40) != 0;
    const bool overlong = shift > 0 && byte == (negative ? 0x7f : 0) && ((before & 0x40) != 0) == negative;
    if (overlong) break;
    if (shift < 57 && negative) value |= ~std::uint64_t{0} << (shift + 7);
    return static_cast<std::int64_t>(value);
  }
  ok_ = false;
  return 0;
}

double ValueReader::f64() {
  std::uint64_t bits = 0;
  for (int i = 0; i < 8; ++i) bits |= static_cast<std::uint64_t>(u8()) << (8 * i);
  const double value = std::bit_cast<double>(bits);
  // One NaN only, as the writer writes it.
  if (value != value && bits != kCanonicalNan) ok_ = false;
  return ok_ ? value : 0;
}

float ValueReader::f32() {
  std::uint32_t bits = 0;
  for (int i = 0; i < 4; ++i) bits |= static_cast<std::uint32_t>(u8()) << (8 * i);
  const float value = std::bit_cast<float>(bits);
  if (value != value && bits != kCanonicalNan32) ok_ = false;
  return ok_ ? value : 0;
}

char32_t ValueReader::character() {
  const std::uint8_t first = u8();
  const std::size_t more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
  std::array<std::uint8_t, 4> bytes = {first};
  for (std::size_t i = 1; i <= more; ++i) bytes[i] = u8();
  if (!ok_ || !is_utf8(ByteView(bytes).first(more + 1))) {
    ok_ = false;
    return 0;
  }
  char32_t value = more == 0 ? first : first & (0x3fu >> more);
  for (std::size_t i = 1; i <= more; ++i) value = value << 6 | (bytes[i] & 0x3fu);
  return value;
}

std::string_view ValueReader::string() {
  const ByteView content = bytes();
  if (!is_utf8(content)) {
    ok_ = false;
    return {};
  }
  return as_text(content);
}

ByteView ValueReader::bytes() {
  const std::uint64_t size = unsigned_integer();
  if (!ok_) return {};
  if (size <= head_.size() && (size > 0 || body_.empty() || !head_.empty())) {
    const ByteView content = head_.first(size);
    head_ = head_.subspan(size);
    return content;
  }
  if (head_.empty() && size == body_.size()) {
    const ByteView content = body_;
    body_ = {};
    return content;
  }
  ok_ = false;
  return {};
}

std::optional<Bytes> ValueReader::optional_bytes() {
  if (!tag()) return std::nullopt;
  return to_bytes(bytes());
}

}  // namespace theater
