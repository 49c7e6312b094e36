#include "cli/terminal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace theater::cli {
namespace {

using ::testing::ElementsAre;
using Kind = Key::Kind;

std::vector<Kind> kinds_of(std::string_view bytes) {
  KeyDecoder decoder;
  decoder.add(bytes);
  std::vector<Kind> kinds;
  while (const auto key = decoder.next(/*is_all=*/true)) kinds.push_back(key->kind);
  return kinds;
}

TEST(KeyDecoder, knows_what_terminals_send) {
  EXPECT_THAT(kinds_of("\x1b[A\x1bOB\x1b[5~\x1b[6~\x1b[H\x1b[4~"),
              ElementsAre(Kind::kUp, Kind::kDown, Kind::kPageUp, Kind::kPageDown, Kind::kHome, Kind::kEnd));
  EXPECT_THAT(kinds_of("\r\x7f\t\x03\x1a"),
              ElementsAre(Kind::kEnter, Kind::kBackspace, Kind::kTab, Kind::kInterrupt, Kind::kSuspend));
}

TEST(KeyDecoder, a_key_in_pieces_is_one_key_and_an_escape_alone_is_one) {
  KeyDecoder decoder;
  decoder.add("\x1b");
  EXPECT_FALSE(decoder.next(/*is_all=*/false));
  decoder.add("[");
  EXPECT_FALSE(decoder.next(/*is_all=*/false));
  decoder.add("A");
  EXPECT_EQ(decoder.next(/*is_all=*/false)->kind, Kind::kUp);
  decoder.add("\x1b");
  EXPECT_EQ(decoder.next(/*is_all=*/true)->kind, Kind::kEscape);
  EXPECT_FALSE(decoder.is_begun());
}

TEST(KeyDecoder, what_is_not_known_is_passed_over_whole) {
  EXPECT_THAT(kinds_of("\x1b[15;2~q"), ElementsAre(Kind::kOther, Kind::kText));
  EXPECT_THAT(kinds_of("\x1b[1;5"), ElementsAre(Kind::kOther));
  EXPECT_THAT(kinds_of("\x01"), ElementsAre(Kind::kOther));
}

TEST(KeyDecoder, a_character_is_whole_utf_8) {
  KeyDecoder decoder;
  decoder.add("\xc3");
  EXPECT_FALSE(decoder.next(/*is_all=*/false));
  decoder.add("\xa4x");
  EXPECT_EQ(decoder.next(/*is_all=*/false)->text, "\xc3\xa4");
  EXPECT_TRUE(decoder.next(/*is_all=*/false)->is("x"));
  decoder.add("\xe2");
  EXPECT_EQ(decoder.next(/*is_all=*/true)->kind, Kind::kOther);
}

TEST(Screen, rows_have_the_screens_width_in_characters) {
  EXPECT_EQ(fitted("abcdef", 3), "abc");
  EXPECT_EQ(fitted("\xc3\xa4", 3), "\xc3\xa4  ");
  EXPECT_EQ(fitted("\xc3\xa4\xc3\xb6x", 2), "\xc3\xa4\xc3\xb6");
  EXPECT_EQ(fitted("\xc3", 2), "\xc3 ");
}

TEST(Screen, what_is_selected_is_seen_without_colours_too) {
  const std::vector<ScreenLine> lines = {{.text = "one", .style = LineStyle::kSelected},
                                         {.text = "two", .style = LineStyle::kBad}};
  EXPECT_EQ(screen_text(lines, {.columns = 4, .rows = 3}, false), "\x1b[H\x1b[7mone \x1b[0m\r\ntwo \r\n\x1b[K");
  EXPECT_EQ(screen_text(lines, {.columns = 3, .rows = 2}, true), "\x1b[H\x1b[7mone\x1b[0m\r\n\x1b[31mtwo\x1b[0m");
}

}  // namespace
}  // namespace theater::cli
