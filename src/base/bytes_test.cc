#include "theater/bytes.h"

#include <gtest/gtest.h>

namespace theater {
namespace {

TEST(Utf8, accepts_well_formed_text) {
  EXPECT_TRUE(is_utf8(as_bytes("")));
  EXPECT_TRUE(is_utf8(as_bytes("plain")));
  EXPECT_TRUE(is_utf8(as_bytes("é€😀")));
}

TEST(Utf8, refuses_overlong_forms_surrogates_and_cut_sequences) {
  EXPECT_FALSE(is_utf8(as_bytes("\xc0\x80")));
  EXPECT_FALSE(is_utf8(as_bytes("\xe0\x80\x80")));
  EXPECT_FALSE(is_utf8(as_bytes("\xed\xa0\x80")));
  EXPECT_FALSE(is_utf8(as_bytes("\xf4\x90\x80\x80")));
  EXPECT_FALSE(is_utf8(as_bytes("\xe2\x82")));
  EXPECT_FALSE(is_utf8(as_bytes("\x80")));
}

TEST(Printable, shows_control_characters_and_malformed_bytes_as_hexadecimal) {
  EXPECT_EQ(printable(as_bytes("a\x1b[31mb"), 100), "a\\x1b[31mb");
  EXPECT_EQ(printable(as_bytes("\xff"), 100), "\\xff");
  EXPECT_EQ(printable(as_bytes("\xc2\x9b"), 100), "\\xc2\\x9b");
  EXPECT_EQ(printable(as_bytes("é"), 100), "é");
}

TEST(Printable, cuts_with_an_ellipsis) { EXPECT_EQ(printable(as_bytes("abcdef"), 3), "abc…"); }

TEST(Hex, is_lower_case) { EXPECT_EQ(to_hex(Bytes{0x00, 0xAB, 0xff}), "00abff"); }

}  // namespace
}  // namespace theater
