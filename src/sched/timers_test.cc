#include "sched/timers.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <set>

namespace theater::sched {
namespace {

struct RecordingTimer final : Timer {
  explicit RecordingTimer(std::vector<int>& order, int name) : order(order), name(name) {}
  void expired() override { order.push_back(name); }
  std::vector<int>& order;
  int name;
};

TEST(Timers, fire_in_order_of_their_deadlines) {
  std::vector<int> order;
  RecordingTimer a(order, 1), b(order, 2), c(order, 3);
  Timers timers;
  timers.arm(a, 30);
  timers.arm(b, 10);
  timers.arm(c, 20);
  EXPECT_EQ(timers.next_deadline_ns(), 10u);
  EXPECT_EQ(timers.fire(25, 100), 2u);
  EXPECT_EQ(order, (std::vector<int>{2, 3}));
  EXPECT_TRUE(a.armed());
  timers.disarm(a);
}

TEST(Timers, a_disarmed_timer_does_not_fire) {
  std::vector<int> order;
  RecordingTimer a(order, 1), b(order, 2);
  Timers timers;
  timers.arm(a, 10);
  timers.arm(b, 20);
  timers.disarm(a);
  timers.fire(100, 100);
  EXPECT_EQ(order, (std::vector<int>{2}));
}

TEST(Timers, arming_again_moves_the_deadline) {
  std::vector<int> order;
  RecordingTimer a(order, 1);
  Timers timers;
  timers.arm(a, 10);
  timers.arm(a, 50);
  EXPECT_EQ(timers.fire(49, 100), 0u);
  EXPECT_EQ(timers.fire(50, 100), 1u);
}

TEST(Timers, at_most_the_limit_fires_in_one_call) {
  std::vector<int> order;
  std::vector<std::unique_ptr<RecordingTimer>> all;
  Timers timers;
  for (int i = 0; i < 10; ++i) timers.arm(*all.emplace_back(std::make_unique<RecordingTimer>(order, i)), 1);
  EXPECT_EQ(timers.fire(1, 3), 3u);
  EXPECT_EQ(timers.fire(1, 100), 7u);
}

TEST(Timers, random_arming_and_disarming_agrees_with_a_sorted_set) {
  std::mt19937_64 random(7);
  std::vector<int> order;
  std::vector<std::unique_ptr<RecordingTimer>> all;
  for (int i = 0; i < 200; ++i) all.push_back(std::make_unique<RecordingTimer>(order, i));
  std::set<std::pair<std::uint64_t, int>> expected;
  std::vector<std::uint64_t> deadline(200);
  Timers timers;
  for (int step = 0; step < 20'000; ++step) {
    const int i = static_cast<int>(random() % 200);
    if (all[i]->armed()) expected.erase({deadline[i], i});
    if (random() % 3 == 0) {
      timers.disarm(*all[i]);
    } else {
      // Distinct deadlines, since the order of equal ones is not promised.
      deadline[i] = (random() % 1000) * 1000 + static_cast<std::uint64_t>(i);
      timers.arm(*all[i], deadline[i]);
      expected.insert({deadline[i], i});
    }
    ASSERT_EQ(timers.size(), expected.size());
    if (!expected.empty()) {
      ASSERT_EQ(timers.next_deadline_ns(), expected.begin()->first);
    }
  }
  timers.fire(UINT64_MAX, 1000);
  std::vector<int> sorted;
  for (const auto& [ns, name] : expected) sorted.push_back(name);
  EXPECT_EQ(order, sorted);
}

}  // namespace
}  // namespace theater::sched
