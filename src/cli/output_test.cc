#include "cli/output.h"

#include <gtest/gtest.h>

namespace theater::cli {
namespace {

TEST(Output, lines_stay_lines_and_nothing_steers_the_terminal) {
  EXPECT_EQ(printable_lines("", 100), "");
  EXPECT_EQ(printable_lines("one", 100), "one");
  EXPECT_EQ(printable_lines("one\n\ntwo\n", 100), "one\n\ntwo");
  EXPECT_EQ(printable_lines("one\n\ntwo", 100, 3), "one\n\n   two");
  EXPECT_EQ(printable_lines("\ttab", 100), "        tab");
  EXPECT_EQ(printable_lines("\x1b[2J\r\xff", 100), "\\x1b[2J\\x0d\\xff");
}

TEST(Output, what_is_too_long_is_cut) {
  EXPECT_EQ(printable_lines("abcdef", 3), "abc…");
  EXPECT_LT(printable_lines(std::string(1000, '\n') + "end", 100).size(), 110u);
}

}  // namespace
}  // namespace theater::cli
