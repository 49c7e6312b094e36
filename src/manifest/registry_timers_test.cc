#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "theater/manifest.h"

namespace theater {
namespace {

using ::testing::ElementsAre;

Manifest parse(const std::string& handlers) {
  ParseOptions options;
  options.base_directory = "/actors";
  auto manifest = parse_manifest("name = \"a\"\ncomponent = \"a.wasm\"\n" + handlers, options);
  EXPECT_TRUE(manifest) << manifest.error().to_string();
  return manifest.value_or(Manifest());
}

TEST(RegistryAndTimers, their_fields_have_the_documented_defaults) {
  const Manifest manifest = parse("[[handler]]\ntype = \"timers\"\n[[handler]]\ntype = \"registry\"\n");
  const HandlerConfig& timers = *manifest.handler("timers");
  EXPECT_EQ(timers.unsigned_integer("max_timers"), 1'000u);
  EXPECT_EQ(timers.unsigned_integer("max_bytes"), 8'388'608u);
  EXPECT_EQ(timers.unsigned_integer("min_period_ms"), 10u);
  EXPECT_EQ(manifest.handler("registry")->string_list("allowed_names"), nullptr);
  EXPECT_EQ(manifest.handler("registry")->string_list("allowed_groups"), nullptr);
}

TEST(RegistryAndTimers, their_fields_are_read) {
  const Manifest manifest = parse(R"([[handler]]
type = "timers"
max_timers = 5
max_bytes = "1KiB"
min_period_ms = 100
[[handler]]
type = "registry"
allowed_names = ["printer"]
allowed_groups = []
)");
  const HandlerConfig& timers = *manifest.handler("timers");
  EXPECT_EQ(timers.unsigned_integer("max_timers"), 5u);
  EXPECT_EQ(timers.unsigned_integer("max_bytes"), 1024u);
  EXPECT_EQ(timers.unsigned_integer("min_period_ms"), 100u);
  EXPECT_THAT(*manifest.handler("registry")->string_list("allowed_names"), ElementsAre("printer"));
  EXPECT_THAT(*manifest.handler("registry")->string_list("allowed_groups"), ElementsAre());
}

}  // namespace
}  // namespace theater
