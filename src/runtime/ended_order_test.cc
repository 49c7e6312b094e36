#include "runtime/ended_order.h"

#include <gtest/gtest.h>

namespace theater::runtime {
namespace {

ActorId actor(std::uint8_t number) { return ActorId({number}); }

TEST(EndedOrder, the_one_whose_end_is_longest_ago_is_too_many) {
  EndedOrder order(2);
  EXPECT_EQ(order.ended(actor(1)), std::nullopt);
  EXPECT_EQ(order.ended(actor(2)), std::nullopt);
  EXPECT_EQ(order.ended(actor(3)), actor(1));
  EXPECT_EQ(order.ended(actor(4)), actor(2));
  EXPECT_EQ(order.size(), 2u);
}

TEST(EndedOrder, one_that_ends_again_stands_there_once_and_last) {
  EndedOrder order(2);
  order.ended(actor(1));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order.ended(actor(2)), std::nullopt);
  EXPECT_EQ(order.ended(actor(1)), std::nullopt);
  EXPECT_EQ(order.ended(actor(3)), actor(2));
}

TEST(EndedOrder, one_that_runs_again_takes_no_place) {
  EndedOrder order(1);
  order.ended(actor(1));
  order.remove(actor(1));
  order.remove(actor(9));
  EXPECT_EQ(order.ended(actor(2)), std::nullopt);
}

}  // namespace
}  // namespace theater::runtime
