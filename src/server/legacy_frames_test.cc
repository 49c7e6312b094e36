#include "server/legacy_frames.h"

#include <gtest/gtest.h>

#include "base/base64.h"

namespace theater::server {
namespace {

using Clock = LegacyFrames::Clock;

std::string frame(const std::string& json) {
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8) text.push_back(static_cast<char>(json.size() >> shift));
  return text + json;
}

std::string fragment(unsigned id, unsigned index, unsigned total, std::string_view data) {
  return frame(R"({"Fragment":{"message_id":)" + std::to_string(id) + R"(,"fragment_index":)" + std::to_string(index) +
               R"(,"total_fragments":)" + std::to_string(total) + R"(,"data":")" + to_base64(as_bytes(data)) + "\"}}");
}

/// All messages in the bytes, or the errors' codes.
std::vector<std::string> messages(LegacyFrames& frames, const std::string& text, Clock::time_point now = {}) {
  std::vector<std::string> messages;
  Bytes received = to_bytes(text);
  std::size_t offset = 0;
  while (!frames.broken()) {
    auto taken = frames.take(received, offset, now);
    if (!taken) {
      messages.push_back("error " + std::string(to_string(taken.error().code())));
      continue;
    }
    if (!taken->more) break;
    if (taken->message) messages.emplace_back(as_text(*taken->message));
  }
  return messages;
}
std::vector<std::string> messages(const std::string& text) {
  LegacyFrames frames;
  return messages(frames, text);
}

using Texts = std::vector<std::string>;

TEST(LegacyFrames, AWholeMessageIsAnArrayOfBytes) {
  EXPECT_EQ(messages(frame(R"({"Complete":[104,105]})") + frame(R"( { "Complete" : [ 104 , 255 , 0 ] } )")),
            (Texts{"hi", std::string("h\xff\0", 3)}));
  EXPECT_EQ(messages(frame(R"({"Complete":[]})")), Texts{""});
  EXPECT_EQ(messages(frame(R"({"Complete":[104,105]})").substr(0, 20)), Texts{});
}

TEST(LegacyFrames, AMalformedFrameIsAnErrorAndTheNextOneIsRead) {
  for (const char* json : {"", "x", "{}", R"({"Complete":[256]})", R"({"Complete":[-1]})", R"({"Complete":[1,]})",
                           R"({"Complete":[01]})", R"({"Complete":[1]}x)", R"({"Complete":"x"})", R"({"Fragment":{}})",
                           R"({"Fragment":{"message_id":1,"fragment_index":2,"total_fragments":2,"data":""}})",
                           R"({"Fragment":{"message_id":1,"fragment_index":0,"total_fragments":0,"data":""}})",
                           R"({"Fragment":{"message_id":1,"fragment_index":0,"total_fragments":99999999,"data":""}})",
                           R"({"Fragment":{"message_id":1,"fragment_index":0,"total_fragments":1,"data":"?"}})"}) {
    EXPECT_EQ(messages(frame(json) + frame(R"({"Complete":[104]})")), (Texts{"error invalid-argument", "h"})) << json;
  }
}

TEST(LegacyFrames, ALengthOverTheBoundEndsTheConnection) {
  LegacyFrames frames;
  EXPECT_EQ(messages(frames, std::string("\x02\x00\x00\x01", 4)), Texts{"error invalid-argument"});
  EXPECT_TRUE(frames.broken());
}

TEST(LegacyFrames, FragmentsComeInAnyOrderAndMixed) {
  EXPECT_EQ(messages(fragment(1, 2, 3, "c") + fragment(2, 0, 1, "other") + fragment(1, 0, 3, "a") +
                     frame(R"({"Complete":[104]})") + fragment(1, 1, 3, "b")),
            (Texts{"other", "h", "abc"}));
  EXPECT_EQ(messages(fragment(1, 0, 2, "a") + fragment(1, 0, 2, "a") + fragment(1, 1, 3, "b")),
            (Texts{"error invalid-argument", "error invalid-argument"}));
}

TEST(LegacyFrames, FragmentsAreForgottenAfterHalfAMinute) {
  LegacyFrames frames;
  const Clock::time_point begin{};
  EXPECT_EQ(messages(frames, fragment(1, 0, 2, "old"), begin), Texts{});
  EXPECT_EQ(messages(frames, fragment(1, 0, 2, "new "), begin + std::chrono::seconds(31)), Texts{});
  EXPECT_EQ(messages(frames, fragment(1, 1, 2, "one"), begin + std::chrono::seconds(32)), Texts{"new one"});
}

TEST(LegacyFrames, MessagesInFragmentsAreBoundedInNumber) {
  LegacyFrames frames;
  for (unsigned id = 0; id < 16; ++id) EXPECT_EQ(messages(frames, fragment(id, 0, 2, "x")), Texts{});
  EXPECT_EQ(messages(frames, fragment(16, 0, 2, "x")), Texts{"error too-large"});
}

TEST(LegacyFrames, WhatIsWrittenIsReadAgain) {
  const std::string small = "{\"ListActors\":\"\xc3\xa9\"}";
  const std::string large(9u << 20, 'x');
  const std::string written = legacy_frames(small, 1) + legacy_frames(large, 2);
  EXPECT_NE(written.find("\"Fragment\""), std::string::npos);
  EXPECT_EQ(messages(written), (Texts{small, large}));
}

TEST(LegacyFrames, AreToldFromHttpByTheirFirstByte) {
  EXPECT_TRUE(begins_legacy(0));
  EXPECT_TRUE(begins_legacy(2));
  EXPECT_FALSE(begins_legacy(3));
  EXPECT_FALSE(begins_legacy('G'));
}

}  // namespace
}  // namespace theater::server
