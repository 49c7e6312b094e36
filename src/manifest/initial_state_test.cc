#include <gtest/gtest.h>

#include <string>

#include "base/limits.h"
#include "theater/manifest.h"

namespace theater {
namespace {

std::string merged(std::string_view declared, std::string_view given) {
  const Bytes bytes = merge_initial_states(as_bytes(declared), as_bytes(given));
  return std::string(as_text(bytes));
}

TEST(InitialState, of_two_objects_has_the_members_of_both_and_what_is_given_has_the_last_word) {
  EXPECT_EQ(merged(R"({"name":"a","port":80})", R"({ "port": 81, "debug": true })"),
            R"({"debug":true,"name":"a","port":81})");
  EXPECT_EQ(merged(R"({"a":1})", "{}"), R"({"a":1})");
  EXPECT_EQ(merged("{}", R"({"a":null})"), R"({"a":null})");
}

TEST(InitialState, is_merged_at_the_top_only) {
  EXPECT_EQ(merged(R"({"server":{"host":"h","port":80},"list":[1,2]})", R"({"server":{"port":81},"list":[3]})"),
            R"({"list":[3],"server":{"port":81}})");
}

TEST(InitialState, is_what_was_given_to_the_byte_where_either_is_no_object) {
  for (const char* given : {"", "text", "[ 1 ]", "7", "null", "{\"a\":", "{} {}", "{\"a\":\"\xff\"}"}) {
    EXPECT_EQ(merged(R"({"a":1})", given), given);
  }
  for (const char* declared : {"", "text", "[1]", "{\"a\":"}) {
    EXPECT_EQ(merged(declared, R"({ "b" : 2 })"), R"({ "b" : 2 })");
  }
}

TEST(InitialState, is_what_was_given_where_merging_would_be_too_much) {
  const std::string large = R"({"a":")" + std::string(limits::kTemplateStateBytes, 'x') + R"("})";
  EXPECT_EQ(merged(large, R"({ "b" : 2 })"), R"({ "b" : 2 })");
  EXPECT_EQ(merged(R"({"b":2})", large), large);
  const auto nested = [](std::size_t levels) {
    return R"({"a]":)" + std::string(levels - 1, '[') + std::string(levels - 1, ']') + "}";
  };
  EXPECT_EQ(merged(R"({"b":2})", nested(limits::kInitialStateNesting + 1)), nested(limits::kInitialStateNesting + 1));
  EXPECT_EQ(merged(R"({"a]":2})", nested(limits::kInitialStateNesting)), nested(limits::kInitialStateNesting));
  EXPECT_EQ(merged(R"({"b":"\"[[["})", nested(limits::kInitialStateNesting)).find("[[[\"}") == std::string::npos,
            false);
}

}  // namespace
}  // namespace theater
