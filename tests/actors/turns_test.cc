// How turns follow each other, when what they do is seen, and what an actor may leave behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/limits.h"
#include "seeded_world.h"

namespace theater::testing {
namespace {

using ::testing::StartsWith;

class Turns : public SeededWorld {
 protected:
  std::atomic<int> count = 0;
};

INSTANTIATE_TEST_SUITE_P(ThreadsAndSeeds, Turns, ::testing::Range(0, 10));

TEST_P(Turns, an_actor_runs_one_turn_at_a_time_on_one_thread) {
  // Not guarded: turns that met each other here would be found out by the thread sanitizer too.
  bool inside = false;
  std::set<std::thread::id> threads;
  const auto handle = [&](ScriptContext& me, Received) -> Turn {
    EXPECT_FALSE(inside) << "a turn began before the one before it had ended";
    inside = true;
    threads.insert(std::this_thread::get_id());
    co_await me.sleep(1);
    threads.insert(std::this_thread::get_id());
    inside = false;
    ++count;
    co_return reply("");
  };
  world.spawn("to", Script().on(kHandleSend, handle).on(kHandleRequest, handle));
  for (int sender = 0; sender < 4; ++sender) {
    const ActorId from =
        world.spawn("from" + std::to_string(sender), Script().on(kHandleSend, [](ScriptContext& me, Received) -> Turn {
          for (int i = 0; i < 5; ++i) {
            EXPECT_TRUE(answer_of(co_await me.send("to", "x")).ok);
            EXPECT_TRUE(answer_of(co_await me.request("to", "x")).ok);
          }
          co_return nothing();
        }));
    world.send(from, "go");
  }
  world.run_until([&] { return count == 40; });
  EXPECT_EQ(threads.size(), 1u);
}

TEST_P(Turns, what_an_actor_sends_leaves_after_its_event_is_sealed) {
  std::mutex mutex;
  ActorId from;
  // Of the sender's events, how many were sealed when each message's turn began.
  std::vector<std::uint64_t> sealed;
  const ActorId to = world.spawn("to", Script().on(kHandleSend, [&](ScriptContext&, Received) -> Turn {
    const std::uint64_t now = world.sealed_events(from);
    const std::lock_guard lock(mutex);
    sealed.push_back(now);
    ++count;
    co_return nothing();
  }));
  from = world.spawn("from", Script().on(kHandleRequest, [](ScriptContext& me, Received) -> Turn {
    for (int i = 0; i < 10; ++i) {
      EXPECT_TRUE(answer_of(co_await me.send("to", "x")).ok);
      if (i % 3 == 2) co_await me.sleep(1);
    }
    co_return reply("done");
  }));
  std::uint64_t sealed_at_answer = 0;
  world.router().request(from, as_bytes("go"), 0, [&](Result<Bytes> answer) {
    EXPECT_TRUE(answer);
    sealed_at_answer = world.sealed_events(from);
    ++count;
  });
  world.run_until([&] { return count == 11; });

  std::size_t turn = 0;
  for (const Event& event : world.events(to)) {
    if (!event.cause) continue;
    ASSERT_LT(turn, sealed.size());
    EXPECT_LT(event.cause->sequence, sealed[turn++]) << "a message was there before its event was sealed";
  }
  EXPECT_EQ(turn, 10u);
  const std::vector<Event> sent = world.events(from);
  const auto returned = std::ranges::find(sent.rbegin(), sent.rend(), EventKind::kReturned, &Event::kind);
  ASSERT_NE(returned, sent.rend());
  EXPECT_LT(returned->sequence, sealed_at_answer) << "a program had the answer before it was sealed";
}

/// What has a bound of its own, on a simulation, where much is quick.
class Bounds : public ::testing::Test {
 protected:
  void TearDown() override {
    world.stop_all();
    world.expect_accounted();
  }
  /// Of requests from outside. Those that are open at the end are answered by TearDown.
  std::vector<std::string> errors;
  ActorWorld world{1};
};

TEST_F(Bounds, an_actor_owes_so_many_answers_at_most) {
  ActorWorld::Options roomy;
  roomy.limits.outstanding_requests_max = 100;
  const ActorId debtor = world.spawn(
      "debtor", Script().on(kHandleRequest, [](ScriptContext&, Received) -> Turn { co_return no_reply(); }), roomy);
  for (std::uint32_t i = 0; i <= roomy.limits.outstanding_requests_max; ++i) {
    world.router().request(debtor, as_bytes("?"), 86'400'000, [&](Result<Bytes> answer) {
      if (!answer) errors.push_back(answer.error().message());
    });
  }
  world.run_until([&] { return !errors.empty(); });
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_THAT(errors[0], StartsWith("overloaded: "));
  EXPECT_EQ(world.router().totals().dead_letters, 1u);
}

TEST_F(Bounds, of_dead_letters_the_latest_are_kept_and_all_are_counted) {
  constexpr std::uint32_t kMessages = 1'500;
  ActorWorld::Options dropping;
  dropping.limits.mailbox_messages = 1;
  dropping.limits.mailbox_overflow = MailboxOverflow::kDropOldest;
  const ActorId busy = world.spawn("busy",
                                   Script().on(kHandleSend,
                                               [](ScriptContext& me, Received) -> Turn {
                                                 co_await me.sleep(3'600'000);
                                                 co_return nothing();
                                               }),
                                   dropping);
  world.send(busy, "the one whose turn waits");
  world.run_until([&] { return world.router().totals().delivered == 1; });
  for (std::uint32_t i = 0; i <= kMessages; ++i) {
    world.send(busy, "x");
    world.run_until([&] { return world.router().totals().dead_letters == i; });
  }
  EXPECT_EQ(world.router().totals().dead_letters, kMessages);
  EXPECT_EQ(world.router().dead_letters().size(), limits::kDeadLettersKept);
}

/// Where a turn takes as long as it is said to.
class SimulatedTurns : public Turns {};

INSTANTIATE_TEST_SUITE_P(Seeds, SimulatedTurns, ::testing::Range(1, 20));

TEST_P(SimulatedTurns, an_actor_of_long_turns_lets_others_have_theirs_in_between) {
  ActorWorld::Options options;
  options.shard = 0;
  int seen = 0;
  world.spawn("other",
              Script().on(kHandleSend,
                          [&](ScriptContext&, Received) -> Turn {
                            seen = count;
                            co_return nothing();
                          }),
              options);
  const ActorId slow = world.spawn("slow",
                                   Script().on(kHandleSend,
                                               [&](ScriptContext& me, Received) -> Turn {
                                                 if (++count == 1) co_await me.send("other", "x");
                                                 world.simulated_clock().advance((limits::kEpochMs + 1) * kNsPerMs);
                                                 co_return nothing();
                                               }),
                                   options);
  world.on_cell(slow, [](actor::ActorCell& cell) { cell.pause(); });
  for (int i = 0; i < 20; ++i) world.send(slow, "x");
  std::uint32_t waiting = 0;
  while (waiting < 20) {
    world.on_cell(slow, [&](actor::ActorCell& cell) { waiting = cell.address().gate->messages(); });
    world.settle();
  }
  world.on_cell(slow, [](actor::ActorCell& cell) { cell.go_on(); });
  world.settle();
  EXPECT_EQ(count, 20);
  EXPECT_EQ(seen, 1);
}

}  // namespace
}  // namespace theater::testing
