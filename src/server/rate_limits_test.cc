#include "server/rate_limits.h"

#include <gtest/gtest.h>

namespace theater::server {
namespace {

using std::chrono::milliseconds;

/// How many of so many requests at one time are admitted.
int admitted(RateLimits& limits, const Bearer& bearer, RateLimits::Time now, int requests) {
  int count = 0;
  for (int i = 0; i < requests; ++i) count += limits.admit(bearer, now) ? 1 : 0;
  return count;
}

TEST(RateLimits, ATokenMakesASecondsRequestsAtOnceAndThenOneAfterTheOther) {
  RateLimits limits;
  const Bearer bearer{.right = Right::kRead, .place = 3, .requests_per_s = 10};
  const RateLimits::Time start{};
  EXPECT_EQ(admitted(limits, bearer, start, 100), 10);
  EXPECT_EQ(admitted(limits, bearer, start + milliseconds(99), 10), 0);
  EXPECT_EQ(admitted(limits, bearer, start + milliseconds(101), 10), 1);
  EXPECT_EQ(admitted(limits, bearer, start + milliseconds(601), 10), 5);
  // What is not used is not saved.
  EXPECT_EQ(admitted(limits, bearer, start + milliseconds(60'000), 100), 10);
}

TEST(RateLimits, TokensDoNotShareAndThoseWithoutALimitHaveNone) {
  RateLimits limits;
  const RateLimits::Time now{};
  EXPECT_EQ(admitted(limits, {.right = Right::kRead, .place = 1, .requests_per_s = 2}, now, 10), 2);
  EXPECT_EQ(admitted(limits, {.right = Right::kRead, .place = 0, .requests_per_s = 5}, now, 10), 5);
  EXPECT_EQ(admitted(limits, {.right = Right::kRead, .place = 2, .requests_per_s = 0}, now, 1000), 1000);
}

}  // namespace
}  // namespace theater::server
