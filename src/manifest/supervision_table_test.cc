#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "manifest/schema.h"
#include "theater/manifest.h"

namespace theater {
namespace {

using ::testing::HasSubstr;

Result<Manifest> parse_with(const std::string& more) {
  ParseOptions options;
  options.base_directory = "/actors";
  return parse_manifest("name = \"a\"\ncomponent = \"a.wasm\"\n" + more, options);
}

Supervision supervision_of(const std::string& more) {
  const auto manifest = parse_with(more);
  EXPECT_TRUE(manifest) << manifest.error().to_string();
  return manifest ? manifest->supervision : Supervision();
}

std::string error_with(const std::string& more) {
  const auto manifest = parse_with(more);
  EXPECT_FALSE(manifest);
  return manifest ? "" : manifest.error().message();
}

TEST(SupervisionTable, has_defaults_and_every_key_is_read) {
  EXPECT_EQ(supervision_of(""), Supervision());
  EXPECT_EQ(supervision_of("[supervision]\n"), Supervision());
  const Supervision expected = {RestartPolicy::kTransient, RestartStrategy::kOneForAll, 0, 7, 1, 2, 3};
  EXPECT_EQ(supervision_of("[supervision]\nrestart = \"transient\"\nstrategy = \"one-for-all\"\nmax_restarts = 0\n"
                           "within_s = 7\nbackoff_ms = { min = 1, max = 2, jitter = 3 }\n"),
            expected);
  EXPECT_EQ(supervision_of("[supervision]\nrestart = \"permanent\"").restart, RestartPolicy::kPermanent);
  EXPECT_EQ(supervision_of("[supervision]\nstrategy = \"rest-for-one\"").strategy, RestartStrategy::kRestForOne);
}

TEST(SupervisionTable, a_mistake_is_told_with_what_was_meant) {
  EXPECT_THAT(error_with("[supervision]\nintensity = 5"), HasSubstr("did you mean \"max_restarts\"?"));
  EXPECT_THAT(error_with("[supervision]\nstrategy = \"one_for_one\""), HasSubstr("did you mean \"one-for-one\"?"));
  EXPECT_THAT(error_with("[supervision]\nbackoff_ms = 5"), HasSubstr("backoff_ms = { min = …, max = …, jitter = … }"));
  EXPECT_THAT(error_with("[supervision]\nbackoff_ms = { mn = 5 }"), HasSubstr("did you mean \"min\"?"));
  EXPECT_THAT(error_with("[supervision]\nbackoff_ms = { min = 5, max = 4 }"),
              HasSubstr("backoff_ms.min (5) is more than backoff_ms.max (4)"));
  EXPECT_THAT(error_with("[supervisor]\nrestart = \"permanent\""), HasSubstr("did you mean \"[supervision]\"?"));
  EXPECT_THAT(error_with("max_restarts = 5"), HasSubstr("it belongs in [supervision]"));
}

TEST(SupervisionTable, its_numbers_have_bounds) {
  EXPECT_THAT(error_with("[supervision]\nmax_restarts = 1001"), HasSubstr("max_restarts must be from 0 to 1000"));
  EXPECT_THAT(error_with("[supervision]\nwithin_s = 0"), HasSubstr("within_s must be from 1 to 86400"));
  EXPECT_THAT(error_with("[supervision]\nbackoff_ms = { max = 3600001 }"), HasSubstr("max must be from 0 to 3600000"));
}

TEST(SupervisionTable, the_guide_s_example_is_accepted) {
  std::ifstream file(THEATER_MANIFEST_GUIDE);
  std::ostringstream guide;
  guide << file.rdbuf();
  const std::string text = guide.str();
  const std::size_t begin = text.find("[supervision]\nrestart");
  ASSERT_NE(begin, std::string::npos);
  const Supervision supervision = supervision_of(text.substr(begin, text.find("```", begin) - begin));
  EXPECT_EQ(supervision.strategy, RestartStrategy::kRestForOne);
  EXPECT_EQ(supervision.backoff_jitter_ms, 20u);
}

}  // namespace
}  // namespace theater
