#include <gtest/gtest.h>

#include "theater/manifest.h"

namespace theater {
namespace {

TEST(ManifestLimits, limits_alone_are_read_whatever_else_the_manifest_says) {
  const std::string text =
      "name = 5\nbananas = true\n[[handler]]\ntype = \"of-another-program\"\n"
      "[limits]\nfuel_per_turn = {{default fuel \"7\"}}\n";
  const auto limits = find_limits(text, {});
  ASSERT_TRUE(limits) << limits.error().to_string();
  EXPECT_EQ(limits->fuel_per_turn, 7u);
  const std::string state = R"({"fuel": 9})";
  ParseOptions options;
  options.initial_state = as_bytes(state);
  EXPECT_EQ(find_limits(text, options)->fuel_per_turn, 9u);
  EXPECT_EQ(find_limits("name = \"x\"", {}), ActorLimits());
  const auto wrong = find_limits("[limits]\nfuel = 7\n", {});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code(), ErrorCode::kInvalidManifest);
}

TEST(ManifestLimits, a_message_of_the_largest_size_fits_the_mailbox) {
  const auto read = [](const std::string& lines) { return find_limits("[limits]\n" + lines, {}); };
  EXPECT_EQ(read("mailbox_bytes = 1000\n")->message_max_bytes, 1000u) << "a default gives way";
  EXPECT_EQ(read("message_max_bytes = \"16MiB\"")->mailbox_bytes, 16u << 20) << "and so does the other";
  EXPECT_EQ(read("mailbox_bytes = 1000\nmessage_max_bytes = 1000")->message_max_bytes, 1000u);
  const auto wrong = read("message_max_bytes = 1001\nmailbox_bytes = 1000");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(
      wrong.error().message(),
      "manifest.toml:2:21: message_max_bytes (1001) is more than mailbox_bytes (1000), so the largest messages could "
      "never be accepted");
  EXPECT_EQ(read("message_max_bytes = 5\nmailbox_bytes = 0").error().message().find("is more than"), std::string::npos);
}

}  // namespace
}  // namespace theater
