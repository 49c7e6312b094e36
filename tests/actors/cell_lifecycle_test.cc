#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <random>

#include "base/clock.h"
#include "seeded_world.h"

namespace theater::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class CellLifecycle : public SeededWorld {
 protected:
  void end_after_turn(const ActorId& id, std::uint64_t patience_ms) {
    world.on_cell(id, [patience_ms](actor::ActorCell& cell) {
      cell.end_after_turn(StopReason::kRequested, "", cell.monotonic_ns() + patience_ms * kNsPerMs);
    });
  }
  std::vector<std::string> notes(const ActorId& id) {
    std::vector<std::string> types;
    for (const Event& event : world.events(id)) {
      if (event.kind == EventKind::kNote) types.push_back(event.note_type);
    }
    return types;
  }
  Script sleeper(std::uint64_t ms) {
    return Script().on(kHandleSend, [this, ms](ScriptContext& me, Received) -> Turn {
      ++begun;
      co_await me.sleep(ms);
      ++done;
      co_return nothing();
    });
  }

  std::atomic<int> begun = 0;
  std::atomic<int> done = 0;
};

INSTANTIATE_TEST_SUITE_P(ThreadsAndSeeds, CellLifecycle, ::testing::Range(0, 100));

TEST_P(CellLifecycle, an_end_after_the_turn_waits_for_it_and_begins_no_other) {
  const ActorId id = world.spawn("sleeper", sleeper(5));
  world.send(id, "1");
  world.run_until([&] { return begun == 1; });
  world.send(id, "2");
  end_after_turn(id, 60'000);
  world.run_until([&] { return !world.end_of(id).empty(); });
  EXPECT_EQ(done, 1);
  EXPECT_EQ(begun, 1);
  EXPECT_EQ(world.end_of(id), "requested: ");
  EXPECT_EQ(world.router().totals().dead_letters, 1u);
}

TEST_P(CellLifecycle, a_turn_that_lasts_too_long_is_given_up_at_the_deadline) {
  const ActorId id = world.spawn("sleeper", sleeper(3'600'000));
  world.send(id, "1");
  world.run_until([&] { return begun == 1; });
  end_after_turn(id, 3);
  world.run_until([&] { return !world.end_of(id).empty(); });
  EXPECT_EQ(done, 0);
  EXPECT_THAT(world.end_of(id), HasSubstr("its turn did not end in time"));
}

TEST_P(CellLifecycle, a_pause_keeps_messages_until_it_is_over) {
  const ActorId id = world.spawn("actor", Script().on(kHandleSend, [this](ScriptContext&, Received) -> Turn {
    ++done;
    co_return nothing();
  }));
  std::atomic<bool> paused = false;
  world.on_cell(id, [&](actor::ActorCell& cell) {
    cell.pause();
    paused = true;
  });
  world.run_until([&] { return paused.load(); });
  for (int i = 0; i < 10; ++i) world.send(id, "x");
  std::atomic<bool> looked = false;
  world.on_cell(id, [&](actor::ActorCell& cell) {
    EXPECT_EQ(cell.address().gate->messages(), 10u);
    looked = true;
  });
  world.run_until([&] { return looked.load(); });
  EXPECT_EQ(done, 0);
  world.on_cell(id, [](actor::ActorCell& cell) { cell.go_on(); });
  world.run_until([&] { return done == 10; });
  EXPECT_THAT(notes(id), ElementsAre("runtime.paused", "runtime.continued"));
}

TEST_P(CellLifecycle, a_turn_that_is_suspended_ends_during_a_pause) {
  const ActorId id = world.spawn("sleeper", sleeper(5));
  world.send(id, "1");
  world.run_until([&] { return begun == 1; });
  world.on_cell(id, [](actor::ActorCell& cell) { cell.pause(); });
  world.send(id, "2");
  world.run_until([&] { return done == 1; });
  EXPECT_EQ(begun, 1);
}

TEST_P(CellLifecycle, who_waits_for_one_that_ends_after_its_turn_gets_the_answer_of_that_turn) {
  const ActorId id = world.spawn("slow", Script().on(kHandleRequest, [this](ScriptContext& me, Received) -> Turn {
    ++begun;
    co_await me.sleep(5);
    co_return reply("at last");
  }));
  std::mutex mutex;
  std::string heard;
  std::atomic<bool> answered = false;
  world.router().request(id, as_bytes("?"), 60'000, [&](Result<Bytes> answer) {
    const std::lock_guard lock(mutex);
    heard = answer ? std::string(as_text(*answer)) : answer.error().to_string();
    answered = true;
  });
  world.run_until([&] { return begun == 1; });
  end_after_turn(id, 60'000);
  world.run_until([&] { return answered.load(); });
  EXPECT_EQ(heard, "at last");
}

/// Messages, requests, channels, timers and groups under way while actors are updated, paused, continued, stopped with
/// and without patience. TearDown checks the accounts and that every chain is whole.
class Races : public CellLifecycle {
 protected:
  static constexpr int kActors = 8;

  static std::string name_of(int number) { return "actor" + std::to_string(number % kActors); }
  ActorWorld::Options narrow() const {
    ActorWorld::Options options;
    options.limits.mailbox_messages = 8;
    options.limits.request_timeout_ms = 20;
    return options;
  }

  /// How the init of a component goes that an actor is updated to.
  enum class Init { kReturns, kWaits, kSends, kTraps, kWaitsAndFails, kShutsDown, kWays };

  /// Whoever gets a letter sends the one before it in all ways that there are.
  Script busy(int number, Init init) {
    const auto pick = [number, n = std::make_shared<int>(0)] { return name_of(number * 3 + ++*n * 5); };
    Script script;
    script.on(kInit, [pick, init](ScriptContext& me, Received) -> Turn {
      if (init == Init::kWaits || init == Init::kWaitsAndFails) co_await me.sleep(2);
      if (init == Init::kSends) {
        co_await me.send(pick(), "b");
        co_await me.send_after(1, pick(), "b");
        co_await me.request(pick(), "b");
      }
      if (init == Init::kShutsDown) co_await me.shutdown();
      if (init == Init::kTraps) throw Trap{"trapped as asked"};
      if (init == Init::kWaitsAndFails) throw GuestError{"failed as asked"};
      co_return nothing();
    });
    script.on(kHandleSend, [pick](ScriptContext& me, Received message) -> Turn {
      const int hops = message.content.empty() ? 0 : message.content[0] - 'a';
      if (hops > 0) {
        const std::string next(1, static_cast<char>('a' + hops - 1));
        co_await me.send(pick(), next);
        co_await me.send_after(static_cast<std::uint64_t>(hops), pick(), next);
        const Answer timer = number_of(co_await me.send_every(10, pick(), ""));
        co_await me.join("all");
        co_await me.publish("all", "");
        co_await me.sleep(static_cast<std::uint64_t>(hops));
        co_await me.request(pick(), next);
        const Answer channel = answer_of(co_await me.open_channel(pick(), next));
        if (channel.ok) co_await me.send_on_channel(channel.value, next);
        if (timer.ok && hops > 1) co_await me.cancel_timer(std::stoull(timer.value));
      }
      co_return nothing();
    });
    script.on(kHandleRequest, [](ScriptContext& me, Received) -> Turn {
      co_await me.sleep(1);
      co_return reply("x");
    });
    script.on(kHandleChannelOpen, [](ScriptContext&, Received) -> Turn { co_return accept("first"); });
    return script;
  }

  void update(const ActorId& id, int number, Init init) {
    world.on_cell(id, [this, init,
                       spec = world.make_spec(name_of(number), busy(number, init), narrow())](actor::ActorCell& cell) {
      ++updates;
      cell.update(spec, [this, init, told = std::make_shared<bool>(false)](const Result<void>& updated) {
        EXPECT_FALSE(std::exchange(*told, true)) << "an update has one outcome";
        ++outcomes;
        if (!updated) return;
        EXPECT_TRUE(init != Init::kTraps && init != Init::kWaitsAndFails);
        ++succeeded;
      });
    });
  }

  std::atomic<int> updates = 0;
  std::atomic<int> outcomes = 0;
  std::atomic<int> succeeded = 0;
};

/// `make test` takes a sample, `make soak` ten thousand.
int seeds() {
  const char* text = std::getenv("THEATER_SOAK_SEEDS");
  return text == nullptr ? 100 : std::atoi(text);
}

INSTANTIATE_TEST_SUITE_P(ThreadsAndSeeds, Races, ::testing::Range(0, seeds()));

TEST_P(Races, whatever_is_under_way_when_actors_are_updated_pause_and_end_is_accounted_for) {
  std::mt19937_64 random(static_cast<std::uint64_t>(GetParam()));
  std::vector<ActorId> ids;
  for (int i = 0; i < kActors; ++i) ids.push_back(world.spawn(name_of(i), busy(i, Init::kReturns), narrow()));
  for (int i = 0; i < 60; ++i) {
    const int number = static_cast<int>(random() % kActors);
    const ActorId id = ids[static_cast<std::size_t>(number)];
    switch (random() % 10) {
      case 0: world.on_cell(id, [](actor::ActorCell& cell) { cell.pause(); }); break;
      case 1: world.on_cell(id, [](actor::ActorCell& cell) { cell.go_on(); }); break;
      case 2:
        if (random() % 4 == 0) end_after_turn(id, random() % 5);
        break;
      case 3:
        if (random() % 4 == 0) {
          world.on_cell(id, [](actor::ActorCell& cell) { cell.end(StopReason::kTerminated, ""); });
        }
        break;
      case 4:
      case 5: update(id, number, static_cast<Init>(random() % static_cast<int>(Init::kWays))); break;
      default: (void)world.router().send(id, as_bytes("c"));
    }
    bool passed = false;
    if (world.simulated() && random() % 3 == 0) {
      world.run_until([&] { return std::exchange(passed, true); });
    }
  }
  for (const ActorId& id : ids) world.on_cell(id, [](actor::ActorCell& cell) { cell.go_on(); });
  world.run_steps(1'000);
  // Their timers would go on for ever.
  world.stop_all();
  world.run_until([&] { return outcomes == updates; });
  std::size_t noted = 0;
  for (const ActorId& id : ids) noted += static_cast<std::size_t>(std::ranges::count(notes(id), "runtime.updated"));
  EXPECT_EQ(noted, static_cast<std::size_t>(succeeded)) << "told and recorded are the same";
}

}  // namespace
}  // namespace theater::testing
