#include "runtime/family.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <deque>
#include <map>
#include <random>
#include <set>

#include "base/clock.h"

namespace theater::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

ActorId actor(std::uint8_t number) { return ActorId({number}); }
int number_of(const ActorId& id) { return id.bytes()[0]; }

/// Stands for the shards: instances that start and end when the test lets them.
class World final : public FamilyActions {
 public:
  explicit World(std::uint64_t seed) : random_(seed), family(*this, random_) {}

  void stop(const ActorId& id, StopReason reason, bool by_force, const std::string&) override {
    said.push_back("stop " + std::to_string(number_of(id)) + (by_force ? " by force" : ""));
    // Depth first: whoever is stopped in order has no child left. A failure passed up goes the other way.
    if (reason != StopReason::kFailed && reason != StopReason::kRuntimeEnded) {
      for (const ActorId& child : living) EXPECT_FALSE(parents[child] == id) << number_of(child) << " still lives";
    }
    EXPECT_TRUE(living.contains(id));
    if (ordered.emplace(id, reason).second) ending.push_back(id);
  }
  void start_again(const ActorId& id) override {
    said.push_back("start " + std::to_string(number_of(id)));
    EXPECT_TRUE(living.insert(id).second) << "there is an instance already";
    EXPECT_TRUE(!parents[id] || living.contains(*parents[id])) << "a child without its parent";
    expected.erase(id);
    starting.push_back(id);
  }
  void wait(const ActorId&, std::uint64_t delay_ms, std::uint64_t number) override {
    said.push_back("wait " + std::to_string(delay_ms));
    waiting.push_back(number);
  }
  void finished(const ActorId& id) override {
    said.push_back("finished " + std::to_string(number_of(id)));
    EXPECT_EQ(expected.erase(id), 1u);
  }
  void forgotten(const ActorId& id) override {
    EXPECT_FALSE(living.contains(id));
    EXPECT_FALSE(expected.contains(id));
  }
  void tell_parent(const ActorId& parent, const ActorId& child) override {
    EXPECT_TRUE(living.contains(parent));
    said.push_back("tell " + std::to_string(number_of(parent)) + " of " + std::to_string(number_of(child)));
  }
  void report(const std::string&) override {}

  void spawn(std::uint8_t number, std::optional<std::uint8_t> parent, const Supervision& supervision = {}) {
    const ActorId id = actor(number);
    parents[id] = parent ? std::optional(actor(*parent)) : std::nullopt;
    ASSERT_TRUE(family.add(id, parents[id], supervision, 1000));
    living.insert(id);
    family.started(id);
  }
  /// The instance has ended.
  void end(ActorId id, StopReason reason) {  // NOLINT(performance-unnecessary-value-param): it may lie in `ending`
    living.erase(id);
    ordered.erase(id);
    std::erase(ending, id);
    std::erase(starting, id);
    expected.insert(id);
    if (family.ended(id, reason, now_ns)) return;
    expected.erase(id);
    family.gone(id);
  }
  void fail(std::uint8_t number) { end(actor(number), StopReason::kFailed); }
  /// Everything that is under way happens, oldest first.
  void run() {
    while (!ending.empty() || !starting.empty() || !waiting.empty()) {
      if (!ending.empty()) {
        end(ending.front(), ordered.at(ending.front()));
      } else if (!starting.empty()) {
        const ActorId id = starting.front();
        starting.pop_front();
        family.started(id);
      } else {
        const std::uint64_t number = waiting.front();
        waiting.pop_front();
        family.wait_is_over(number);
      }
    }
  }
  std::vector<std::string> take() { return std::exchange(said, {}); }

  SeededRandom random_;
  Family family;
  std::uint64_t now_ns = 1'000 * kNsPerSecond;
  std::vector<std::string> said;
  std::map<ActorId, std::optional<ActorId>> parents;
  std::set<ActorId> living;
  /// Ended, and said to come back.
  std::set<ActorId> expected;
  std::map<ActorId, StopReason> ordered;
  std::deque<ActorId> ending;
  std::deque<ActorId> starting;
  std::deque<std::uint64_t> waiting;
};

Supervision permanent(RestartStrategy strategy = RestartStrategy::kOneForOne) {
  Supervision supervision;
  supervision.restart = RestartPolicy::kPermanent;
  supervision.strategy = strategy;
  supervision.backoff_jitter_ms = 0;
  return supervision;
}

class FamilyTest : public ::testing::Test {
 protected:
  World world{1};
};

TEST_F(FamilyTest, a_stop_ends_the_children_first_the_last_started_before_the_others) {
  world.spawn(1, {});
  world.spawn(2, 1);
  world.spawn(3, 1);
  world.spawn(4, 3);
  ASSERT_TRUE(world.family.stop(actor(1), false, Family::Asker::kOutside));
  world.run();
  EXPECT_THAT(world.take(), ElementsAre("stop 4", "stop 3", "stop 2", "stop 1"));
  EXPECT_THAT(world.living, IsEmpty());
}

TEST_F(FamilyTest, a_failure_ends_the_children_and_tells_the_parent) {
  world.spawn(1, {});
  world.spawn(2, 1);
  world.spawn(3, 2);
  world.fail(2);
  world.run();
  EXPECT_THAT(world.take(), ElementsAre("tell 1 of 2", "stop 3"));
  EXPECT_THAT(world.living, ElementsAre(actor(1)));
}

TEST_F(FamilyTest, a_stop_by_the_parent_is_no_news_to_it_and_one_from_outside_is) {
  world.spawn(1, {});
  world.spawn(2, 1);
  world.spawn(3, 1);
  ASSERT_TRUE(world.family.stop(actor(2), false, Family::Asker::kParent));
  ASSERT_TRUE(world.family.stop(actor(3), true, Family::Asker::kOutside));
  world.run();
  EXPECT_THAT(world.take(), ElementsAre("stop 2", "stop 3 by force", "tell 1 of 3"));
}

TEST_F(FamilyTest, a_permanent_child_comes_back_after_the_wait) {
  world.spawn(1, {}, permanent());
  world.spawn(2, 1, permanent());
  world.fail(2);
  world.run();
  EXPECT_THAT(world.take(), ElementsAre("tell 1 of 2", "wait 100", "start 2"));
}

TEST_F(FamilyTest, one_for_all_stops_the_siblings_then_waits_then_starts_one_after_the_other) {
  world.spawn(1, {}, permanent(RestartStrategy::kOneForAll));
  for (std::uint8_t child = 2; child <= 4; ++child) world.spawn(child, 1, permanent());
  world.spawn(5, 4);
  world.fail(3);
  world.run();
  EXPECT_THAT(world.take(),
              ElementsAre("tell 1 of 3", "stop 5", "stop 4", "stop 2", "wait 100", "start 2", "start 3", "start 4"));
}

TEST_F(FamilyTest, too_many_restarts_fail_the_parent_and_its_own_supervisor_decides) {
  world.spawn(1, {}, permanent());
  world.spawn(2, 1, permanent());
  world.spawn(3, 2, permanent());
  for (int i = 0; i < 3; ++i) {
    world.fail(3);
    world.run();
  }
  world.take();
  world.fail(3);
  world.run();
  EXPECT_THAT(world.take(), ElementsAre("tell 2 of 3", "stop 2 by force", "tell 1 of 2", "wait 100", "start 2"));
  EXPECT_THAT(world.family.children(actor(2)), IsEmpty());
}

TEST_F(FamilyTest, an_actor_without_a_parent_that_fails_too_often_stays_down) {
  world.spawn(1, {}, permanent());
  for (int i = 0; i < 4; ++i) {
    world.fail(1);
    world.run();
  }
  EXPECT_THAT(world.living, IsEmpty());
  EXPECT_THAT(world.expected, IsEmpty());
}

TEST_F(FamilyTest, a_stop_while_it_waits_to_come_back_ends_it_for_good) {
  world.spawn(1, {}, permanent());
  world.fail(1);
  ASSERT_TRUE(world.family.stop(actor(1), false, Family::Asker::kOutside));
  world.run();
  EXPECT_THAT(world.take(), ElementsAre("wait 100", "finished 1"));
}

TEST_F(FamilyTest, one_that_has_ended_for_good_is_started_again_by_hand) {
  world.spawn(1, {});
  world.spawn(2, 1);
  world.fail(2);
  EXPECT_THAT(world.family.children(actor(1)), IsEmpty());
  ASSERT_TRUE(world.family.restart(actor(2)));
  world.run();
  EXPECT_THAT(world.take(), ElementsAre("tell 1 of 2", "start 2"));
  EXPECT_THAT(world.family.children(actor(1)), ElementsAre(actor(2)));
}

TEST_F(FamilyTest, a_restart_by_hand_ends_the_children_and_needs_no_wait) {
  world.spawn(1, {});
  world.spawn(2, 1);
  ASSERT_TRUE(world.family.restart(actor(1)));
  world.run();
  EXPECT_THAT(world.take(), ElementsAre("stop 2", "stop 1", "start 1"));
}

TEST_F(FamilyTest, nobody_has_children_while_it_ends) {
  world.spawn(1, {});
  ASSERT_TRUE(world.family.stop(actor(1), false, Family::Asker::kOutside));
  EXPECT_EQ(world.family.add(actor(2), actor(1), {}, 10).error().code(), ErrorCode::kStopped);
  world.run();
  EXPECT_EQ(world.family.add(actor(2), actor(1), {}, 10).error().code(), ErrorCode::kNotFound);
}

TEST_F(FamilyTest, a_start_that_does_not_even_begin_lets_its_ending_parent_go_on) {
  world.spawn(1, {});
  ASSERT_TRUE(world.family.add(actor(2), actor(1), {}, 10));
  world.living.insert(actor(2));
  ASSERT_TRUE(world.family.stop(actor(1), false, Family::Asker::kOutside));
  EXPECT_THAT(world.take(), ElementsAre("stop 2"));
  world.living.erase(actor(2));
  world.family.remove(actor(2));
  EXPECT_THAT(world.take(), ElementsAre("stop 1"));
}

TEST_F(FamilyTest, children_and_generations_are_bounded) {
  ASSERT_TRUE(world.family.add(actor(1), std::nullopt, {}, 1));
  ASSERT_TRUE(world.family.add(actor(2), actor(1), {}, 1));
  EXPECT_EQ(world.family.add(actor(3), actor(1), {}, 1).error().code(), ErrorCode::kResourceExhausted);
  for (std::uint8_t i = 3; i <= 100; ++i) ASSERT_TRUE(world.family.add(actor(i), actor(i - 1), {}, 1));
  EXPECT_EQ(world.family.add(actor(101), actor(100), {}, 1).error().code(), ErrorCode::kResourceExhausted);
}

TEST_F(FamilyTest, those_that_have_ended_are_remembered_up_to_a_bound) {
  world.spawn(1, {});
  for (int round = 0; round < 3; ++round) {
    for (std::uint8_t child = 2; child < 202; ++child) {
      if (world.family.contains(actor(child))) continue;
      world.spawn(child, 1);
      world.fail(child);
    }
  }
  EXPECT_EQ(world.family.size(), 101u);
}

TEST_F(FamilyTest, a_hundred_thousand_restarts_leave_nothing_behind) {
  Supervision always = permanent();
  always.max_restarts = 1000;
  world.spawn(1, {}, always);
  world.spawn(2, 1, always);
  for (int i = 0; i < 100'000; ++i) {
    world.now_ns += kNsPerSecond;
    world.fail(2);
    world.run();
    world.said.clear();
  }
  EXPECT_EQ(world.living.size(), 2u);
  EXPECT_EQ(world.family.size(), 2u);
}

/// Trees under random failures, stops, restarts and arrivals in random order. The world's own checks hold at each step:
/// children end first, no child starts without its parent, nobody is started twice.
TEST(FamilySeeds, whatever_happens_when_nobody_is_left_behind_and_nobody_comes_back_from_a_stop) {
  for (std::uint64_t seed = 1; seed <= 2'000; ++seed) {
    SCOPED_TRACE(seed);
    World world(seed);
    std::mt19937_64 random(seed);
    const auto draw = [&](std::uint64_t below) { return random() % below; };
    std::set<ActorId> stopped;
    std::uint8_t next = 1;
    for (int step = 0; step < 120; ++step) {
      world.now_ns += draw(2) * kNsPerSecond;
      std::vector<ActorId> living(world.living.begin(), world.living.end());
      const auto any = [&] { return living[draw(living.size())]; };
      const std::uint64_t what = draw(10);
      if (what < 3 && next < 40) {
        Supervision supervision = permanent(static_cast<RestartStrategy>(draw(3)));
        supervision.restart = static_cast<RestartPolicy>(draw(3));
        supervision.max_restarts = static_cast<std::uint32_t>(draw(4));
        supervision.backoff_min_ms = draw(2) * 100;
        const ActorId id = actor(next);
        const auto parent = living.empty() || draw(4) == 0 ? std::nullopt : std::optional(any());
        if (world.family.add(id, parent, supervision, 10)) {
          world.parents[id] = parent;
          world.living.insert(id);
          world.starting.push_back(id);
        }
        ++next;
      } else if (living.empty()) {
        continue;
      } else if (what == 3) {
        const ActorId id = any();
        if (world.family.stop(id, draw(2) == 0, static_cast<Family::Asker>(draw(2)))) stopped.insert(id);
      } else if (what == 4) {
        const ActorId id = any();
        if (world.family.restart(id)) stopped.erase(id);
      } else if (what == 5) {
        world.end(any(), draw(3) == 0 ? StopReason::kShutdown : StopReason::kFailed);
      } else if (!world.ending.empty() && draw(2) == 0) {
        const ActorId id = world.ending[draw(world.ending.size())];
        world.end(id, world.ordered.at(id));
      } else if (!world.starting.empty() && draw(2) == 0) {
        const std::size_t at = draw(world.starting.size());
        const ActorId id = world.starting[at];
        world.starting.erase(world.starting.begin() + static_cast<std::ptrdiff_t>(at));
        world.family.started(id);
      } else if (!world.waiting.empty()) {
        const std::uint64_t number = world.waiting.front();
        world.waiting.pop_front();
        world.family.wait_is_over(number);
      }
      ASSERT_FALSE(::testing::Test::HasFailure());
    }
    world.run();
    ASSERT_TRUE(world.expected.empty()) << "somebody waits for ever";
    for (const ActorId& id : world.living) {
      ASSERT_FALSE(stopped.contains(id)) << number_of(id) << " was stopped and lives";
      ASSERT_TRUE(!world.parents[id] || world.living.contains(*world.parents[id]));
    }
    // The end of all, in order or at once.
    if (seed % 2 == 0) {
      world.family.shut_down();
    } else {
      for (const auto& [id, parent] : world.parents) {
        if (!parent && world.family.contains(id)) {
          ASSERT_TRUE(world.family.stop(id, false, Family::Asker::kOutside));
        }
      }
    }
    world.run();
    ASSERT_TRUE(world.living.empty());
    ASSERT_FALSE(::testing::Test::HasFailure());
  }
}

}  // namespace
}  // namespace theater::runtime
