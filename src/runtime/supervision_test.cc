#include "runtime/supervision.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <random>

#include "base/clock.h"

namespace theater::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Action = SupervisionDecision::Action;

constexpr auto kPermanent = RestartPolicy::kPermanent;
constexpr auto kTransient = RestartPolicy::kTransient;
constexpr auto kTemporary = RestartPolicy::kTemporary;
constexpr std::uint64_t kNow = 1'000 * kNsPerSecond;

Supervision strategy(RestartStrategy strategy) {
  Supervision supervision;
  supervision.strategy = strategy;
  return supervision;
}

SupervisionDecision decide(const Supervision& supervision, const std::vector<RestartPolicy>& children,
                           std::size_t ended, ChildEnd end = ChildEnd::kAbnormal, const RestartHistory& history = {}) {
  return decide_restart(supervision, children, ended, end, history, kNow, 0);
}

TEST(Supervision, a_permanent_child_is_always_restarted_a_transient_one_after_a_failure_a_temporary_one_never) {
  const Supervision supervision;
  EXPECT_EQ(decide(supervision, {kPermanent}, 0, ChildEnd::kNormal).action, Action::kRestart);
  EXPECT_EQ(decide(supervision, {kPermanent}, 0, ChildEnd::kAbnormal).action, Action::kRestart);
  EXPECT_EQ(decide(supervision, {kTransient}, 0, ChildEnd::kNormal).action, Action::kForget);
  EXPECT_EQ(decide(supervision, {kTransient}, 0, ChildEnd::kAbnormal).action, Action::kRestart);
  EXPECT_EQ(decide(supervision, {kTemporary}, 0, ChildEnd::kNormal).action, Action::kForget);
  EXPECT_EQ(decide(supervision, {kTemporary}, 0, ChildEnd::kAbnormal).action, Action::kForget);
}

TEST(Supervision, one_for_one_touches_no_sibling) {
  const auto decision = decide(strategy(RestartStrategy::kOneForOne), {kPermanent, kPermanent, kPermanent}, 1);
  EXPECT_THAT(decision.stop, IsEmpty());
  EXPECT_THAT(decision.start, ElementsAre(1));
}

TEST(Supervision, one_for_all_stops_in_reverse_order_and_starts_in_order) {
  const auto decision = decide(strategy(RestartStrategy::kOneForAll), {kPermanent, kPermanent, kTransient}, 1);
  EXPECT_THAT(decision.stop, ElementsAre(2, 0));
  EXPECT_THAT(decision.start, ElementsAre(0, 1, 2));
}

TEST(Supervision, rest_for_one_leaves_those_that_were_started_before) {
  const auto decision =
      decide(strategy(RestartStrategy::kRestForOne), {kPermanent, kPermanent, kPermanent, kPermanent}, 1);
  EXPECT_THAT(decision.stop, ElementsAre(3, 2));
  EXPECT_THAT(decision.start, ElementsAre(1, 2, 3));
}

TEST(Supervision, a_temporary_child_that_is_stopped_for_a_sibling_does_not_come_back) {
  const auto decision = decide(strategy(RestartStrategy::kOneForAll), {kTemporary, kPermanent, kTemporary}, 1);
  EXPECT_THAT(decision.stop, ElementsAre(2, 0));
  EXPECT_THAT(decision.start, ElementsAre(1));
}

TEST(Supervision, an_end_that_restarts_nothing_touches_no_sibling_and_counts_nothing) {
  const auto decision = decide(strategy(RestartStrategy::kOneForAll), {kPermanent, kTemporary}, 1);
  EXPECT_EQ(decision.action, Action::kForget);
  EXPECT_THAT(decision.stop, IsEmpty());
  EXPECT_THAT(decision.history.restarts_ns, IsEmpty());
}

TEST(Supervision, one_restart_more_than_allowed_within_the_period_escalates) {
  Supervision supervision;
  supervision.max_restarts = 2;
  supervision.within_s = 10;
  RestartHistory history;
  const auto restart = [&](std::uint64_t at_s) {
    const std::vector<RestartPolicy> children = {kPermanent};
    const auto decision =
        decide_restart(supervision, children, 0, ChildEnd::kAbnormal, history, at_s * kNsPerSecond, 0);
    history = decision.history;
    return decision.action;
  };
  EXPECT_EQ(restart(100), Action::kRestart);
  EXPECT_EQ(restart(105), Action::kRestart);
  EXPECT_EQ(restart(110), Action::kEscalate) << "the first was exactly the period ago and still counts";
  EXPECT_EQ(restart(111), Action::kRestart) << "the first counts no longer";
  EXPECT_EQ(restart(115), Action::kEscalate);
  EXPECT_EQ(restart(122), Action::kRestart);
}

TEST(Supervision, without_any_restart_allowed_the_first_failure_escalates) {
  Supervision supervision;
  supervision.max_restarts = 0;
  EXPECT_EQ(decide(supervision, {kPermanent}, 0).action, Action::kEscalate);
  EXPECT_EQ(decide(supervision, {kTransient}, 0, ChildEnd::kNormal).action, Action::kForget);
}

TEST(Supervision, the_wait_doubles_up_to_its_bound_and_jitter_comes_on_top) {
  Supervision supervision;
  supervision.backoff_min_ms = 10;
  supervision.backoff_max_ms = 70;
  supervision.backoff_jitter_ms = 0;
  std::vector<std::uint64_t> waits;
  for (std::size_t earlier = 0; earlier < 5; ++earlier) waits.push_back(restart_delay_ms(supervision, earlier, 12345));
  EXPECT_THAT(waits, ElementsAre(10, 20, 40, 70, 70));
  supervision.backoff_jitter_ms = 9;
  EXPECT_EQ(restart_delay_ms(supervision, 0, 29), 19u);
  supervision.backoff_min_ms = 0;
  EXPECT_EQ(restart_delay_ms(supervision, 100, 0), 0u);
  supervision.backoff_min_ms = supervision.backoff_max_ms = INT64_MAX;
  EXPECT_EQ(restart_delay_ms(supervision, 1'000, 0), static_cast<std::uint64_t>(INT64_MAX));
}

/// OTP's rules, said again as what must hold of any decision rather than how it is made.
class SupervisionRules : public ::testing::Test {
 protected:
  std::mt19937_64 random{20'26};
  std::uint64_t draw(std::uint64_t below) { return random() % below; }

  Supervision any_supervisor() {
    Supervision supervision;
    supervision.strategy = static_cast<RestartStrategy>(draw(3));
    supervision.max_restarts = static_cast<std::uint32_t>(draw(5));
    supervision.within_s = 1 + draw(20);
    supervision.backoff_min_ms = draw(50);
    supervision.backoff_max_ms = supervision.backoff_min_ms + draw(500);
    supervision.backoff_jitter_ms = draw(20);
    return supervision;
  }
};

TEST_F(SupervisionRules, hold_for_any_supervisor_children_and_history) {
  for (int round = 0; round < 20'000; ++round) {
    const Supervision supervision = any_supervisor();
    std::vector<RestartPolicy> children(1 + draw(6));
    for (RestartPolicy& child : children) child = static_cast<RestartPolicy>(draw(3));
    const std::size_t ended = draw(children.size());
    const auto end = static_cast<ChildEnd>(draw(2));
    RestartHistory history;
    std::size_t counted = 0;
    for (std::uint64_t age_s = 30; age_s > 0 && history.restarts_ns.size() < supervision.max_restarts; age_s -= 3) {
      history.restarts_ns.push_back(kNow - age_s * kNsPerSecond);
      if (age_s <= supervision.within_s) ++counted;
    }
    const auto decision = decide_restart(supervision, children, ended, end, history, kNow, random());
    const bool wants = children[ended] == kPermanent || (children[ended] == kTransient && end == ChildEnd::kAbnormal);
    ASSERT_EQ(decision.action == Action::kForget, !wants);
    if (!wants) {
      ASSERT_EQ(decision.history, history);
      continue;
    }
    ASSERT_EQ(decision.action == Action::kEscalate, counted + 1 > supervision.max_restarts);
    ASSERT_LE(decision.history.restarts_ns.size(), supervision.max_restarts);
    if (decision.action == Action::kEscalate) {
      ASSERT_TRUE(decision.start.empty() && decision.stop.empty());
      continue;
    }
    ASSERT_EQ(decision.history.restarts_ns.size(), counted + 1);
    ASSERT_TRUE(std::ranges::is_sorted(decision.start));
    ASSERT_TRUE(std::ranges::is_sorted(decision.stop, std::greater()));
    for (std::size_t child = 0; child < children.size(); ++child) {
      const bool started = std::ranges::find(decision.start, child) != decision.start.end();
      const bool stopped = std::ranges::find(decision.stop, child) != decision.stop.end();
      const bool touched = supervision.strategy == RestartStrategy::kOneForAll ||
                           (supervision.strategy == RestartStrategy::kRestForOne && child > ended);
      ASSERT_EQ(stopped, child != ended && touched);
      ASSERT_EQ(started, child == ended || (touched && children[child] != kTemporary));
    }
    ASSERT_GE(decision.delay_ms, supervision.backoff_min_ms);
    ASSERT_LE(decision.delay_ms, supervision.backoff_max_ms + supervision.backoff_jitter_ms);
  }
}

TEST_F(SupervisionRules, no_period_ever_sees_more_restarts_than_allowed) {
  for (int round = 0; round < 200; ++round) {
    const Supervision supervision = any_supervisor();
    RestartHistory history;
    std::vector<std::uint64_t> made_ns;
    std::uint64_t now_ns = kNow;
    const std::vector<RestartPolicy> children = {kPermanent};
    for (int failure = 0; failure < 100; ++failure) {
      now_ns += draw(4 * kNsPerSecond);
      const auto decision = decide_restart(supervision, children, 0, ChildEnd::kAbnormal, history, now_ns, 0);
      history = decision.history;
      if (decision.action == Action::kRestart) made_ns.push_back(now_ns);
    }
    for (std::size_t i = 0; i + supervision.max_restarts < made_ns.size(); ++i)
      ASSERT_GT(made_ns[i + supervision.max_restarts] - made_ns[i], supervision.within_s * kNsPerSecond);
  }
}

}  // namespace
}  // namespace theater::runtime
