#include "base/base64.h"

#include <gtest/gtest.h>

#include <random>

namespace theater {
namespace {

TEST(Base64, texts_of_rfc_4648_come_out) {
  constexpr std::pair<std::string_view, std::string_view> kTexts[] = {{"", ""},
                                                                      {"f", "Zg=="},
                                                                      {"fo", "Zm8="},
                                                                      {"foo", "Zm9v"},
                                                                      {"foob", "Zm9vYg=="},
                                                                      {"fooba", "Zm9vYmE="},
                                                                      {"foobar", "Zm9vYmFy"},
                                                                      {"\xfb\xef\xff", "++//"}};
  for (const auto& [bytes, text] : kTexts) {
    EXPECT_EQ(to_base64(as_bytes(bytes)), text);
    EXPECT_EQ(parse_base64(text), to_bytes(bytes)) << text;
  }
}

TEST(Base64, any_bytes_come_back) {
  std::mt19937 random(3);
  for (std::size_t size = 0; size < 200; ++size) {
    Bytes bytes(size);
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
    EXPECT_EQ(parse_base64(to_base64(bytes)), bytes);
  }
}

TEST(Base64, only_the_one_text_for_some_bytes_is_read) {
  for (const char* text : {"Z", "Zg", "Zg=", "Zg==\n", "Zg= =", "Zh==", "Zm9=", "Z===", "====", "Zg==Zg==", "Zm-v",
                           "Zm_v", " Zm9v", "Zm9v====", "Z=g="}) {
    EXPECT_FALSE(parse_base64(text)) << text;
  }
}

}  // namespace
}  // namespace theater
