#include "theater/value.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace theater {
namespace {

TEST(Value, integers_read_back_at_every_width) {
  for (unsigned shift = 0; shift < 64; ++shift) {
    for (const std::int64_t delta : {-1, 0, 1}) {
      const std::uint64_t value = (std::uint64_t{1} << shift) + static_cast<std::uint64_t>(delta);
      Bytes bytes;
      ValueWriter writer(bytes);
      writer.unsigned_integer(value);
      writer.signed_integer(static_cast<std::int64_t>(value));
      writer.signed_integer(-static_cast<std::int64_t>(value >> 1));
      ValueReader reader(bytes);
      EXPECT_EQ(reader.unsigned_integer(), value);
      EXPECT_EQ(reader.signed_integer(), static_cast<std::int64_t>(value));
      EXPECT_EQ(reader.signed_integer(), -static_cast<std::int64_t>(value >> 1));
      EXPECT_TRUE(reader.done());
    }
  }
}

TEST(Value, smallest_and_largest_signed_integers_read_back) {
  Bytes bytes;
  ValueWriter(bytes).signed_integer(std::numeric_limits<std::int64_t>::min());
  ValueWriter(bytes).signed_integer(std::numeric_limits<std::int64_t>::max());
  ValueReader reader(bytes);
  EXPECT_EQ(reader.signed_integer(), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(reader.signed_integer(), std::numeric_limits<std::int64_t>::max());
  EXPECT_TRUE(reader.done());
}

TEST(Value, overlong_and_overflowing_integers_are_malformed) {
  for (const Bytes& bytes :
       {Bytes{0x80, 0x00}, Bytes{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02}, Bytes{0x80}}) {
    ValueReader reader(bytes);
    reader.unsigned_integer();
    EXPECT_FALSE(reader.ok());
  }
  const Bytes too_large = {0x80, 0x02};
  ValueReader reader(too_large);
  reader.unsigned_integer(255);
  EXPECT_FALSE(reader.ok());
}

TEST(Value, overlong_signed_integers_and_other_nans_are_malformed) {
  for (const Bytes& bytes : {Bytes{0x80, 0x00}, Bytes{0xff, 0x7f}, Bytes{0xc0, 0x80, 0x00}}) {
    ValueReader reader(bytes);
    reader.signed_integer();
    EXPECT_FALSE(reader.ok());
  }
  const Bytes sixty_four = {0xc0, 0x00};
  ValueReader needs_both(sixty_four);
  EXPECT_EQ(needs_both.signed_integer(), 64);
  EXPECT_TRUE(needs_both.done());
  const Bytes nan = {1, 0, 0, 0, 0, 0, 0xf8, 0x7f};
  ValueReader other_nan(nan);
  other_nan.f64();
  EXPECT_FALSE(other_nan.ok());
}

TEST(Value, a_byte_list_is_found_in_the_head_or_is_the_body) {
  Bytes head;
  ValueWriter writer(head);
  writer.string("name");
  writer.bytes(as_bytes("whole"));
  ValueReader whole(head);
  EXPECT_EQ(whole.string(), "name");
  EXPECT_EQ(as_text(whole.bytes()), "whole");
  EXPECT_TRUE(whole.done());

  head.clear();
  writer.string("name");
  writer.unsigned_integer(5);
  ValueReader split(head, as_bytes("apart"));
  EXPECT_EQ(split.string(), "name");
  EXPECT_EQ(as_text(split.bytes()), "apart");
  EXPECT_TRUE(split.done());
}

TEST(Value, an_empty_list_at_the_end_is_read) {
  const Bytes head = {0};
  ValueReader reader(head);
  EXPECT_TRUE(reader.bytes().empty());
  EXPECT_TRUE(reader.done());
}

TEST(Value, a_length_beyond_the_input_is_malformed) {
  const Bytes bytes = {5, 'a', 'b'};
  ValueReader reader(bytes);
  EXPECT_TRUE(reader.bytes().empty());
  EXPECT_FALSE(reader.ok());
  const Bytes head = {5};
  ValueReader body_too_short(head, as_bytes("abc"));
  body_too_short.bytes();
  EXPECT_FALSE(body_too_short.ok());
}

TEST(Value, left_over_bytes_are_seen) {
  const Bytes bytes = {1, 2};
  ValueReader reader(bytes);
  reader.u8();
  EXPECT_TRUE(reader.ok());
  EXPECT_FALSE(reader.done());
}

TEST(Value, text_must_be_utf8) {
  const Bytes bytes = {1, 0xff};
  ValueReader reader(bytes);
  reader.string();
  EXPECT_FALSE(reader.ok());
}

TEST(Value, every_nan_has_the_same_bytes) {
  Bytes one;
  Bytes other;
  ValueWriter(one).f64(std::numeric_limits<double>::quiet_NaN());
  ValueWriter(other).f64(-std::numeric_limits<double>::signaling_NaN());
  EXPECT_EQ(one, other);
}

TEST(Value, characters_and_floats_read_back) {
  for (const char32_t value : {0x0, 0x61, 0x7f, 0x80, 0x7ff, 0x800, 0xffff, 0x10000, 0x10ffff}) {
    Bytes bytes;
    ValueWriter(bytes).character(value);
    ValueWriter(bytes).f32(1.5F);
    ValueReader reader(bytes);
    EXPECT_EQ(reader.character(), value);
    EXPECT_EQ(reader.f32(), 1.5F);
    EXPECT_TRUE(reader.done());
  }
  const Bytes surrogate = {0xed, 0xa0, 0x80};
  ValueReader reader(surrogate);
  reader.character();
  EXPECT_FALSE(reader.ok());
}

TEST(Value, a_failed_reader_stays_failed_and_returns_nothing) {
  const Bytes bytes = {2, 1, 1};
  ValueReader reader(bytes);
  reader.boolean();
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.u8(), 0);
  EXPECT_TRUE(reader.bytes().empty());
  EXPECT_FALSE(reader.done());
}

}  // namespace
}  // namespace theater
