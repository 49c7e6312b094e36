#include "manifest/toml_tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace theater {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::vector<TomlTable> kTables = {{.name = "server", .keys = {"address", "retries"}},
                                        {.name = "output", .keys = {"colors", "folders", "width"}}};

Result<std::vector<TomlEntry>> read(std::string_view text) {
  return read_toml_tables(text, "config.toml", kTables, [](const TomlEntry& entry) {
    return entry.key == "width" && entry.values != std::vector<std::string>{"80"} ? "must be 80" : "";
  });
}

std::string error_of(std::string_view text) {
  const auto entries = read(text);
  return entries ? "none" : entries.error().to_string();
}

TEST(TomlTables, values_come_as_text_with_their_lines) {
  const auto entries = read(
      "[server]\naddress = 'here:1'\nretries = 3\n\n[output]\ncolors = true\nfolders = ['a', \"b\"]\nwidth = 80\n");
  ASSERT_TRUE(entries) << entries.error().to_string();
  ASSERT_EQ(entries->size(), 5u);
  EXPECT_EQ(entries->at(0).table, "server");
  EXPECT_EQ(entries->at(0).key, "address");
  EXPECT_THAT(entries->at(0).values, ElementsAre("here:1"));
  EXPECT_THAT(entries->at(1).values, ElementsAre("3"));
  EXPECT_EQ(entries->at(2).line, 6u);
  EXPECT_THAT(entries->at(2).values, ElementsAre("true"));
  EXPECT_THAT(entries->at(3).values, ElementsAre("a", "b"));
  EXPECT_TRUE(read("")->empty());
}

TEST(TomlTables, what_is_not_known_is_told_with_its_place_and_the_nearest) {
  EXPECT_EQ(error_of("[server]\naddres = 1\n"),
            "config.toml:2:1: unknown key \"addres\" in [server]; did you mean \"address\"?");
  EXPECT_THAT(error_of("\n[sever]\n"),
              HasSubstr("config.toml:2:2: unknown table \"sever\"; did you mean \"[server]\"?"));
  EXPECT_THAT(error_of("address = 1\n"), HasSubstr("config.toml:1:1: unknown key \"address\""));
}

TEST(TomlTables, all_that_is_wrong_is_told_at_once) {
  const std::string errors = error_of("server = 1\n[output]\nwidth = 7\ncolors = {}\nfolders = [[1]]\n");
  EXPECT_THAT(errors, HasSubstr("config.toml:1:1: \"server\" is a table: [server]"));
  EXPECT_THAT(errors, HasSubstr("config.toml:3:9: \"width\" must be 80"));
  EXPECT_THAT(errors, HasSubstr("config.toml:4:10: \"colors\" is a table"));
  EXPECT_THAT(errors, HasSubstr("config.toml:5:11: \"folders\" is a list"));
}

TEST(TomlTables, what_is_no_toml_is_an_error_with_its_place) {
  EXPECT_THAT(error_of("[server]\naddress = \n"), HasSubstr("config.toml:2:"));
  EXPECT_THAT(error_of("[[[a]]]"), HasSubstr("config.toml:1:"));
}

}  // namespace
}  // namespace theater
