// Hot update and eviction of one actor's cell, on real threads and on the simulation.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <random>

#include "base/clock.h"
#include "seeded_world.h"

namespace theater::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class CellUpdate : public SeededWorld {
 protected:
  enum class Init { kOk, kTraps, kFails, kWaits, kWaitsAndTraps, kWaitsForever };

  /// An actor that tells its version when it is asked, and counts what it is sent.
  Script version(int number, Init init) {
    return Script()
        .on(kInit,
            [init](ScriptContext& me, Received) -> Turn {
              if (init == Init::kWaits || init == Init::kWaitsAndTraps) co_await me.sleep(2);
              if (init == Init::kWaitsForever) co_await me.sleep(3'600'000);
              if (init == Init::kTraps || init == Init::kWaitsAndTraps) throw Trap{"trapped as asked"};
              if (init == Init::kFails) throw GuestError{"failed as asked"};
              co_return nothing();
            })
        .on(kHandleSend,
            [this](ScriptContext&, Received) -> Turn {
              ++handled;
              co_return nothing();
            })
        .on(kHandleRequest, [number](ScriptContext&, Received) -> Turn { co_return reply(std::to_string(number)); });
  }
  void update(const ActorId& id, int number, Init init) {
    world.on_cell(
        id, [this, spec = world.make_spec("updated", version(number, init), {}), number, init](actor::ActorCell& cell) {
          ++begun;
          cell.update(spec, [this, number, init](const Result<void>& updated) {
            ++told;
            if (!updated) return;
            current = number;
            EXPECT_TRUE(init == Init::kOk || init == Init::kWaits) << number;
          });
        });
  }
  std::string ask(const ActorId& id) {
    std::string answer;
    std::atomic<bool> is_there = false;
    world.router().request(id, as_bytes("?"), 0, [&](const Result<Bytes>& answered) {
      answer = answered ? std::string(as_text(*answered)) : answered.error().to_string();
      is_there = true;
    });
    world.run_until([&] { return is_there.load(); });
    return answer;
  }
  std::vector<std::string> notes(const ActorId& id) {
    std::vector<std::string> types;
    for (const Event& event : world.events(id)) {
      if (event.kind == EventKind::kNote) types.push_back(event.note_type);
    }
    return types;
  }
  ActorId spawn_sender(int messages) {
    return world.spawn("sender", Script().on(kHandleSend, [messages](ScriptContext& me, Received) -> Turn {
      for (int i = 0; i < messages; ++i) co_await me.send("updated", "x");
      co_return nothing();
    }));
  }

  std::atomic<int> begun = 0;
  std::atomic<int> told = 0;
  std::atomic<int> handled = 0;
  std::atomic<int> current = 0;
  std::mt19937_64 random{static_cast<std::uint64_t>(GetParam())};
};

INSTANTIATE_TEST_SUITE_P(ThreadsAndSeeds, CellUpdate, ::testing::Range(0, 100));
INSTANTIATE_TEST_SUITE_P(SlowDisk, CellUpdate, ::testing::Range(100, 120));

TEST_P(CellUpdate, of_many_updates_each_has_one_outcome_and_no_message_is_lost) {
  constexpr int kRounds = 8;
  constexpr int kMessages = 10;
  const ActorId id = world.spawn("updated", version(0, Init::kOk));
  const ActorId sender = spawn_sender(kMessages);
  for (int round = 1; round <= kRounds; ++round) {
    world.send(sender, "go");
    // A minute passes quickly on the simulation only.
    update(id, round, static_cast<Init>(random() % (world.simulated() ? 6 : 5)));
    if (random() % 2 == 0) world.run_until([&] { return told == round; });
  }
  world.run_until([&] { return told == kRounds && handled == kRounds * kMessages; });
  EXPECT_EQ(begun, kRounds);
  EXPECT_EQ(ask(id), std::to_string(current));
}

TEST_P(CellUpdate, a_failed_update_brings_back_the_former_component_and_says_so) {
  const ActorId id = world.spawn("updated", version(0, Init::kOk));
  update(id, 1, Init::kWaitsAndTraps);
  world.run_until([&] { return told == 1; });
  EXPECT_EQ(ask(id), "0");
  EXPECT_THAT(notes(id), ElementsAre("runtime.update-failed"));
  update(id, 2, Init::kWaits);
  world.run_until([&] { return told == 2; });
  EXPECT_EQ(ask(id), "2");
  EXPECT_THAT(notes(id), ElementsAre("runtime.update-failed", "runtime.updated"));
}

TEST_P(CellUpdate, an_end_at_any_time_tells_of_the_update_and_of_the_messages) {
  const ActorId id = world.spawn("updated", version(0, Init::kOk));
  const ActorId sender = spawn_sender(10);
  world.send(sender, "go");
  update(id, 1, static_cast<Init>(random() % 5));
  const auto how = random() % 3;
  const auto end = [how](actor::ActorCell& cell) {
    if (how == 0) return cell.end(StopReason::kTerminated, "");
    cell.end_after_turn(StopReason::kRequested, "", cell.monotonic_ns() + (how == 1 ? 1 : 1'000'000) * kNsPerMs);
  };
  if (random() % 2 == 0) world.run_until([&] { return begun == 1; });
  world.on_cell(id, end);
  world.run_until([&] { return !world.end_of(id).empty(); });
  world.run_until([&] { return told == begun; });
}

TEST_P(CellUpdate, whoever_ends_with_the_turn_that_an_update_waits_for_is_not_updated) {
  enum class End { kTraps, kShutsDown, kIsStopped };
  const auto how = static_cast<End>(random() % 3);
  const ActorId id = world.spawn("updated", Script().on(kHandleSend, [this, how](ScriptContext& me, Received) -> Turn {
    ++handled;
    co_await me.sleep(5);
    if (how == End::kTraps) throw Trap{"trapped as asked"};
    if (how == End::kShutsDown) co_await me.shutdown();
    co_return nothing();
  }));
  world.send(id, "x");
  world.run_until([&] { return handled == 1; });
  update(id, 1, static_cast<Init>(random() % 5));
  if (how == End::kIsStopped) {
    world.on_cell(id, [](actor::ActorCell& cell) {
      cell.end_after_turn(StopReason::kRequested, "", cell.monotonic_ns() + 60'000 * kNsPerMs);
    });
  }
  world.run_until([&] { return !world.end_of(id).empty(); });
  world.run_until([&] { return told == begun; });
  EXPECT_EQ(current, 0);
  EXPECT_THAT(notes(id), ::testing::IsEmpty());
}

/// What would take a minute of real threads.
class SimulatedCellUpdate : public CellUpdate {};

INSTANTIATE_TEST_SUITE_P(Seeds, SimulatedCellUpdate, ::testing::Range(1, 100));
INSTANTIATE_TEST_SUITE_P(SlowDisk, SimulatedCellUpdate, ::testing::Range(101, 120));

TEST_P(SimulatedCellUpdate, an_actor_of_an_update_that_waits_too_long_goes_on) {
  const ActorId id = world.spawn("updated", version(0, Init::kOk));
  update(id, 1, Init::kWaitsForever);
  world.send(id, "x");
  world.run_until([&] { return told == 1; });
  EXPECT_EQ(ask(id), "0");
  EXPECT_EQ(handled, 1);
}

class Eviction : public CellUpdate {
 protected:
  static constexpr std::uint64_t kEvictAfterMs = 10;

  /// Of a component of which `room` instances can be made in all.
  ActorId spawn(const std::string& name, Script script, int room = 1'000'000) {
    ActorWorld::Options options;
    options.instance.evict_after_ms = kEvictAfterMs;
    const auto plain = world.make_spec(name, std::move(script), options);
    auto counted = std::make_shared<actor::ActorSpec>(*plain);
    counted->make_guest = [this, plain, room](actor::ActorCell& cell) -> Result<std::unique_ptr<actor::Guest>> {
      if (made >= room) return fail(ErrorCode::kResourceExhausted, "no room is left");
      ++made;
      return plain->make_guest(cell);
    };
    return world.spawn(name, counted, [](actor::ActorCell& cell) { return std::move(*cell.make_guest(cell.spec())); });
  }
  bool has_instance(const ActorId& id) {
    std::atomic<int> answer = -1;
    world.on_cell(id, [&](actor::ActorCell& cell) { answer = cell.has_instance() ? 1 : 0; });
    world.run_until([&] { return answer >= 0; });
    return answer == 1;
  }
  void wait_until_evicted(const ActorId& id) {
    while (has_instance(id)) world.settle();
  }

  std::atomic<int> made = 0;
};

INSTANTIATE_TEST_SUITE_P(ThreadsAndSeeds, Eviction, ::testing::Range(0, 20));

TEST_P(Eviction, an_idle_actor_has_no_instance_until_its_next_message) {
  const ActorId id = spawn("idle", version(7, Init::kOk));
  wait_until_evicted(id);
  EXPECT_EQ(ask(id), "7");
  EXPECT_EQ(made, 2);
  EXPECT_THAT(notes(id), ElementsAre("runtime.instance-renewed"));
  wait_until_evicted(id);
  EXPECT_EQ(made, 2) << "nothing is made without a message";
}

TEST_P(Eviction, an_actor_whose_turn_waits_is_not_idle) {
  const ActorId id = spawn("idle", Script().on(kHandleSend, [this](ScriptContext& me, Received) -> Turn {
    co_await me.sleep(5 * kEvictAfterMs);
    ++handled;
    co_return nothing();
  }));
  world.send(id, "sleep");
  world.run_until([&] { return handled == 1; });
  EXPECT_EQ(made, 1 + static_cast<int>(notes(id).size()));
}

TEST_P(Eviction, one_that_cannot_be_made_again_has_failed) {
  const ActorId id = spawn("idle", version(7, Init::kOk), 1);
  wait_until_evicted(id);
  world.send(id, "x");
  world.run_until([&] { return !world.end_of(id).empty(); });
  EXPECT_THAT(world.end_of(id), HasSubstr("could not be made again: no room is left"));
  EXPECT_EQ(world.router().totals().dead_letters, 1u);
}

/// Another guest, counted while it lives.
class Counted final : public actor::Guest {
 public:
  Counted(std::unique_ptr<actor::Guest> guest, std::atomic<int>& living) : guest_(std::move(guest)), living_(living) {
    ++living_;
  }
  ~Counted() override { --living_; }
  const te_outcome& call(const te_call_args& args) override { return guest_->call(args); }
  const te_outcome& resume(te_value result) override { return guest_->resume(result); }
  std::uint64_t memory_bytes() const override { return 1; }

 private:
  std::unique_ptr<actor::Guest> guest_;
  std::atomic<int>& living_;
};

TEST_P(Eviction, where_there_is_no_room_the_idle_make_room) {
  constexpr int kRoom = 3;
  constexpr int kActors = 8;
  std::atomic<int> living = 0;
  ActorWorld::Options options;
  options.instance.evict_after_ms = 3'600'000;
  const auto plain = world.make_spec("idle", version(7, Init::kOk), options);
  auto crowded = std::make_shared<actor::ActorSpec>(*plain);
  crowded->make_guest = [&living, plain](actor::ActorCell& cell) -> Result<std::unique_ptr<actor::Guest>> {
    if (living == kRoom) return fail(ErrorCode::kResourceExhausted, "no room is left");
    return std::make_unique<Counted>(std::move(*plain->make_guest(cell)), living);
  };
  std::vector<ActorId> actors;
  for (int i = 0; i < kActors; ++i) {
    actors.push_back(world.spawn(
        "idle-" + std::to_string(i), crowded,
        [](actor::ActorCell& cell) { return std::move(*cell.make_guest(cell.spec())); }, 0));
  }
  for (const ActorId& id : actors) EXPECT_EQ(ask(id), "7");
  world.stop_all();
  EXPECT_EQ(living, 0);
}

TEST_P(Eviction, an_evicted_actor_is_updated) {
  const ActorId id = spawn("idle", version(7, Init::kOk));
  wait_until_evicted(id);
  update(id, 8, Init::kTraps);
  world.run_until([&] { return told == 1; });
  EXPECT_FALSE(has_instance(id));
  EXPECT_EQ(ask(id), "7");
  wait_until_evicted(id);
  update(id, 9, Init::kOk);
  world.run_until([&] { return told == 2; });
  EXPECT_EQ(ask(id), "9");
}

}  // namespace
}  // namespace theater::testing
