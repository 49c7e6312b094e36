// Messages at a later time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>

#include "base/clock.h"
#include "base/limits.h"
#include "seeded_world.h"

namespace theater::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr std::uint64_t kHourMs = 3'600'000;

class TimersWorld : public SeededWorld {
 protected:
  void see(const Answer& answer) { see((answer.ok ? "ok " : "error ") + answer.value); }
  void see(std::string what) {
    const std::lock_guard lock(mutex);
    seen.push_back(std::move(what));
    ++count;
  }
  std::vector<std::string> all_seen() {
    const std::lock_guard lock(mutex);
    return seen;
  }
  static bool said_yes(const Bytes& result) { return result.at(0) == 1; }
  Script listener() {
    return Script().on(kHandleSend, [this](ScriptContext&, Received message) -> Turn {
      see(message.content);
      co_return nothing();
    });
  }
  std::vector<std::string> notes(const ActorId& id) {
    std::vector<std::string> found;
    for (const Event& event : world.events(id)) {
      if (event.kind == EventKind::kNote)
        found.push_back(event.note_type + " " + std::string(as_text(event.note.head)));
    }
    return found;
  }

  std::mutex mutex;
  std::vector<std::string> seen;
  std::atomic<int> count = 0;
};

INSTANTIATE_TEST_SUITE_P(ThreadsAndSeeds, TimersWorld, ::testing::Range(0, 12));
/// The same when nothing is seen before it is safe on a disk.
INSTANTIATE_TEST_SUITE_P(SlowDisk, TimersWorld, ::testing::Range(100, 106));

TEST_P(TimersWorld, a_message_comes_after_its_time_and_names_the_call_that_set_it) {
  std::uint64_t set_ns = 0;
  std::uint64_t timer = 0;
  const ActorId id = world.spawn("self", Script().on(kHandleSend, [&](ScriptContext& me, Received message) -> Turn {
    if (message.content == "go") {
      set_ns = me.cell().monotonic_ns();
      const Answer set = number_of(co_await me.send_after(3, "self", "later"));
      EXPECT_TRUE(set.ok) << set.value;
      timer = std::stoull(set.value);
    } else {
      EXPECT_GE(me.cell().monotonic_ns(), set_ns + 3 * kNsPerMs);
      see(message.content);
    }
    co_return nothing();
  }));
  world.send(id, "go");
  world.run_until([&] { return count == 1; });
  const std::vector<Event> events = world.events(id);
  ASSERT_LT(timer, events.size());
  EXPECT_EQ(events[timer].function, "theater:ext/timers.send-after");
  const auto call = std::ranges::find(events.rbegin(), events.rend(), EventKind::kCall, &Event::kind);
  ASSERT_TRUE(call != events.rend() && call->cause);
  EXPECT_EQ(call->cause->actor, id);
  EXPECT_EQ(call->cause->sequence, timer);
}

TEST_P(TimersWorld, the_actor_goes_on_while_a_message_waits_for_its_time) {
  const ActorId id = world.spawn("self", Script().on(kHandleSend, [this](ScriptContext& me, Received message) -> Turn {
    if (message.content == "go") see(number_of(co_await me.send_after(kHourMs, "self", "late")));
    if (message.content == "next") see(message.content);
    co_return nothing();
  }));
  world.send(id, "go");
  world.send(id, "next");
  world.run_until([&] { return count == 2; });
  EXPECT_EQ(all_seen()[1], "next");
}

TEST_P(TimersWorld, messages_set_for_the_same_time_come_in_the_order_in_which_they_were_set) {
  world.spawn("to", listener());
  const ActorId from = world.spawn("from", Script().on(kHandleSend, [](ScriptContext& me, Received) -> Turn {
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(number_of(co_await me.send_after(2, "to", std::to_string(i))).ok);
    co_return nothing();
  }));
  world.send(from, "go");
  world.run_until([&] { return count == 20; });
  for (int i = 0; i < 20; ++i) EXPECT_EQ(all_seen()[static_cast<std::size_t>(i)], std::to_string(i));
}

TEST_P(TimersWorld, a_cancelled_message_does_not_come_and_one_that_came_cannot_be_cancelled) {
  std::uint64_t first = 0;
  const ActorId id = world.spawn("self", Script().on(kHandleSend, [&](ScriptContext& me, Received message) -> Turn {
    if (message.content == "go") {
      const auto second = std::stoull(number_of(co_await me.send_after(1, "self", "never")).value);
      first = std::stoull(number_of(co_await me.send_after(2, "self", "came")).value);
      EXPECT_NE(first, second);
      EXPECT_TRUE(said_yes(co_await me.cancel_timer(second)));
      EXPECT_FALSE(said_yes(co_await me.cancel_timer(1'000'000))) << "no such timer";
      co_return nothing();
    }
    EXPECT_FALSE(said_yes(co_await me.cancel_timer(first)));
    see(message.content);
    co_return nothing();
  }));
  world.send(id, "go");
  world.run_until([&] { return count == 1; });
  world.settle();
  EXPECT_THAT(all_seen(), ElementsAre("came"));
}

TEST_P(TimersWorld, what_an_actor_has_set_ends_with_it) {
  world.spawn("to", listener());
  for (const std::string way : {"stopped", "trapped"}) {
    std::atomic<int> set = 0;
    const ActorId id = world.spawn(way, Script().on(kHandleSend, [&](ScriptContext& me, Received) -> Turn {
      EXPECT_TRUE(number_of(co_await me.send_after(kHourMs, "to", "late")).ok);
      EXPECT_TRUE(number_of(co_await me.send_every(kHourMs, "to", "late")).ok);
      ++set;
      if (way == "trapped") throw Trap{"done for"};
      co_return nothing();
    }));
    world.send(id, "go");
    world.run_until([&] { return set == 1; });
    world.stop(id);
  }
  // On a simulation this returns only when nothing is left to come, however late.
  world.settle();
  EXPECT_THAT(all_seen(), IsEmpty());
}

TEST_P(TimersWorld, the_receiver_s_name_is_looked_up_when_the_time_has_come) {
  const ActorId id = world.spawn("self", Script().on(kHandleSend, [this](ScriptContext& me, Received message) -> Turn {
    if (message.content != "go") {
      see(message.content);
      co_return nothing();
    }
    EXPECT_TRUE(number_of(co_await me.send_after(0, "alias", "by its new name")).ok);
    EXPECT_TRUE(answer_of(co_await me.register_name("alias")).ok);
    co_return nothing();
  }));
  world.send(id, "go");
  world.run_until([&] { return count == 1; });
  EXPECT_THAT(all_seen(), ElementsAre("by its new name"));
}

TEST_P(TimersWorld, a_message_for_nobody_is_noted_and_ends_its_timer) {
  std::uint64_t timer = 0;
  const ActorId id = world.spawn("self", Script().on(kHandleSend, [&](ScriptContext& me, Received message) -> Turn {
    if (message.content == "go") {
      timer = std::stoull(number_of(co_await me.send_every(10, "nobody", "x")).value);
      EXPECT_TRUE(number_of(co_await me.send_after(20, "self", "look")).ok);
    } else {
      EXPECT_FALSE(said_yes(co_await me.cancel_timer(timer)));
      see(message.content);
    }
    co_return nothing();
  }));
  world.send(id, "go");
  world.run_until([&] { return count == 1; });
  EXPECT_THAT(notes(id), ElementsAre("timers.refused timer " + std::to_string(timer) + ": no such actor: nobody"));
  EXPECT_EQ(world.router().totals().refused, 1u);
}

TEST_P(TimersWorld, a_full_mailbox_is_noted_and_the_next_period_tries_again) {
  ActorWorld::Options small;
  small.limits.mailbox_messages = 1;
  const ActorId to = world.spawn("to",
                                 Script().on(kHandleSend,
                                             [this](ScriptContext& me, Received) -> Turn {
                                               see("taken");
                                               co_await me.sleep(kHourMs);
                                               co_return nothing();
                                             }),
                                 small);
  const ActorId from = world.spawn("from", Script().on(kHandleSend, [](ScriptContext& me, Received) -> Turn {
    EXPECT_TRUE(number_of(co_await me.send_every(10, "to", "x")).ok);
    co_return nothing();
  }));
  world.send(from, "go");
  world.run_until([&] { return world.router().totals().refused >= 3; });
  EXPECT_EQ(count, 1) << "one is taken, one waits, the others are refused";
  world.stop(from);
  EXPECT_THAT(notes(from), ::testing::Each(HasSubstr("mailbox full: to holds its limit of 1 messages")));
  world.stop(to);
}

TEST_P(TimersWorld, timers_are_bounded_in_number_bytes_and_pace) {
  ActorWorld::Options options;
  options.timers = {
      {"max_timers", std::uint64_t{2}}, {"max_bytes", std::uint64_t{100}}, {"min_period_ms", std::uint64_t{50}}};
  const ActorId id = world.spawn(
      "self",
      Script().on(kHandleSend,
                  [this](ScriptContext& me, Received) -> Turn {
                    see(number_of(co_await me.send_every(49, "self", "x")));
                    see(number_of(co_await me.send_after(limits::kTimerDelayMsMax + 1, "self", "x")));
                    see(number_of(co_await me.send_after(UINT64_MAX, "self", "x")));
                    see(number_of(co_await me.send_after(kHourMs, "self", std::string(101, 'x'))));
                    const Answer first = number_of(co_await me.send_after(kHourMs, "self", std::string(100, 'x')));
                    EXPECT_TRUE(first.ok);
                    see(number_of(co_await me.send_after(kHourMs, "self", "x")));
                    co_await me.cancel_timer(std::stoull(first.value));
                    for (int i = 0; i < 2; ++i) {
                      EXPECT_TRUE(number_of(co_await me.send_after(kHourMs, "self", "x")).ok);
                    }
                    see(number_of(co_await me.send_after(kHourMs, "self", "x")));
                    co_return nothing();
                  }),
      options);
  world.send(id, "go");
  world.run_until([&] { return count == 6; });
  EXPECT_THAT(all_seen(),
              ElementsAre("error period too short: 49 ms is below the manifest's min_period_ms = 50",
                          StartsWith("error too late: 31622400001 ms is more than"), StartsWith("error too late: "),
                          "error too many bytes: messages of 0 bytes wait for their time, and max_bytes = 100",
                          "error too many bytes: messages of 100 bytes wait for their time, and max_bytes = 100",
                          "error too many timers: this actor has its limit of 2 set (max_timers); cancel one"));
}

TEST_P(TimersWorld, who_may_not_send_sets_timers_for_itself_only) {
  world.spawn("to", listener());
  ActorWorld::Options options;
  options.permissions.capabilities["message_server"] = {
      .mode = PermissionMode::kRestrict, .restrictions = {{"can_send", false}}, .line = 1};
  const ActorId id = world.spawn("self",
                                 Script().on(kHandleSend,
                                             [this](ScriptContext& me, Received message) -> Turn {
                                               if (message.content != "go") see(message.content);
                                               if (message.content != "go") co_return nothing();
                                               see(number_of(co_await me.send_after(1, "to", "x")));
                                               EXPECT_TRUE(number_of(co_await me.send_after(1, "self", "for me")).ok);
                                               co_return nothing();
                                             }),
                                 options);
  world.send(id, "go");
  world.run_until([&] { return count == 2; });
  EXPECT_THAT(all_seen(), ElementsAre(StartsWith("error not permitted: "), "for me"));
  EXPECT_THAT(notes(id), ElementsAre(StartsWith("permission.refused not permitted: to")));
}

TEST_P(TimersWorld, a_large_message_waits_and_arrives_whole) {
  const std::string large(100'000, 'x');
  const ActorId id = world.spawn("self", Script().on(kHandleSend, [&](ScriptContext& me, Received message) -> Turn {
    if (message.content == "go") {
      EXPECT_TRUE(number_of(co_await me.send_after(1, "self", large)).ok);
    } else {
      EXPECT_EQ(message.content, large);
      ++count;
    }
    co_return nothing();
  }));
  world.send(id, "go");
  world.run_until([&] { return count == 1; });
}

/// What real threads could not tell from a message that is only late.
class SimulatedTimers : public TimersWorld {};

INSTANTIATE_TEST_SUITE_P(Seeds, SimulatedTimers, ::testing::Range(1, 12));
INSTANTIATE_TEST_SUITE_P(SlowDisk, SimulatedTimers, ::testing::Range(101, 106));

TEST_P(SimulatedTimers, a_repeated_message_comes_again_and_again_until_it_is_cancelled) {
  std::uint64_t timer = 0;
  const ActorId id = world.spawn("self", Script().on(kHandleSend, [&](ScriptContext& me, Received message) -> Turn {
    if (message.content == "go") {
      timer = std::stoull(number_of(co_await me.send_every(10, "self", "tick")).value);
      co_return nothing();
    }
    see(message.content);
    if (count == 3) {
      EXPECT_TRUE(said_yes(co_await me.cancel_timer(timer)));
      EXPECT_FALSE(said_yes(co_await me.cancel_timer(timer))) << "it is gone";
    }
    co_return nothing();
  }));
  world.send(id, "go");
  world.run_until([&] { return count >= 3; });
  world.settle();
  EXPECT_EQ(count, 3) << "nothing comes after it was cancelled";
}

}  // namespace
}  // namespace theater::testing
