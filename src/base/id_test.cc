#include "theater/id.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace theater {
namespace {

TEST(Uuid, text_form_reads_back_to_the_same_id) {
  SecureRandom random;
  for (int i = 0; i < 1000; ++i) {
    const auto id = random.make_id<ActorId>();
    EXPECT_EQ(parse_id<ActorId>(to_string(id)), id);
  }
}

TEST(Uuid, made_from_random_bytes_is_version_4) {
  const auto id = ActorId::from_random(
      {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff});
  EXPECT_EQ(to_string(id), "ffffffff-ffff-4fff-bfff-ffffffffffff");
}

TEST(Uuid, reads_upper_case_and_refuses_everything_else) {
  EXPECT_TRUE(parse_id<ActorId>("0189ABCD-0000-4000-8000-000000000000"));
  EXPECT_FALSE(parse_id<ActorId>(""));
  EXPECT_FALSE(parse_id<ActorId>("0189abcd-0000-4000-8000-00000000000"));
  EXPECT_FALSE(parse_id<ActorId>("0189abcd-0000-4000-8000-00000000000g"));
  EXPECT_FALSE(parse_id<ActorId>("0189abcd_0000_4000_8000_000000000000"));
  EXPECT_FALSE(parse_id<ActorId>("{189abcd-0000-4000-8000-000000000000"));
}

}  // namespace
}  // namespace theater
