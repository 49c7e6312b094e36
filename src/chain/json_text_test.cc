#include "chain/json_text.h"

#include <gtest/gtest.h>

#include <array>

namespace theater::chain {
namespace {

using Json = nlohmann::ordered_json;

std::string written(std::string_view value) {
  JsonText text;
  text.open();
  text.member("key", value);
  text.close();
  return text.take();
}
std::string dumped(const std::string& value) {
  return Json{{"key", value}}.dump(-1, ' ', false, Json::error_handler_t::replace);
}

TEST(JsonText, StringsAreWrittenAsTheLibraryDoes) {
  for (int c = 0; c < 256; ++c) {
    const std::string one(1, static_cast<char>(c));
    EXPECT_EQ(written(one), dumped(one)) << c;
    const std::string within = "a" + one + "b\"" + one;
    EXPECT_EQ(written(within), dumped(within)) << c;
  }
  for (const std::string value : {"", "plain", "κόσμε…", "a\xff\"b", "\xed\xa0\x80", "tab\tline\n", "\xc3"}) {
    EXPECT_EQ(written(value), dumped(value)) << value;
  }
}

TEST(JsonText, MembersOfAllKindsMakeOneObject) {
  JsonText text;
  text.open();
  text.member("text", "a");
  text.member("number", UINT64_MAX);
  text.open("inner");
  text.member("none", nullptr);
  text.member("yes", true);
  text.close();
  text.open("empty");
  text.close();
  text.list("list", std::array<std::string, 2>{"x", "y\""});
  text.list("nothing", std::array<std::string, 0>{});
  text.close();
  EXPECT_EQ(
      text.take(),
      R"({"text":"a","number":18446744073709551615,"inner":{"none":null,"yes":true},"empty":{},"list":["x","y\""],"nothing":[]})");
}

}  // namespace
}  // namespace theater::chain
