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

}  // namespace
}  // namespace theater
