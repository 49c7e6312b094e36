#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "actor_world.h"

namespace theater::testing {
namespace {

using ::testing::HasSubstr;

/// What happens when the disk does not keep up, or fails. Parameter 100: real threads; 100 + n: a simulation with seed
/// n.
class Disk : public ::testing::TestWithParam<int> {
 protected:
  void TearDown() override {
    world.stop_all();
    world.expect_accounted();
    world.expect_chains_verify();
  }
  /// Counts what it is sent.
  Script listener() {
    return Script().on(kHandleSend, [this](ScriptContext&, Received) -> Turn {
      ++count;
      co_return nothing();
    });
  }
  /// Answers with what it is asked.
  static Script echo() {
    return Script().on(kHandleRequest,
                       [](ScriptContext&, Received message) -> Turn { co_return reply(message.content); });
  }
  /// Asks an actor what it is sent.
  static Script asker(std::string target) {
    return Script().on(kHandleSend, [target](ScriptContext& me, Received message) -> Turn {
      co_await me.request(target, message.content);
      co_return nothing();
    });
  }

  ActorWorld world{static_cast<std::uint64_t>(GetParam())};
  std::atomic<int> count = 0;
};

INSTANTIATE_TEST_SUITE_P(SlowDisk, Disk, ::testing::Range(100, 125));

TEST_P(Disk, while_it_is_full_no_turn_begins_and_nothing_is_lost) {
  for (std::uint32_t shard = 0; shard < 2; ++shard) {
    ActorWorld::Options options;
    options.shard = shard;
    world.spawn("to" + std::to_string(shard), listener(), options);
    world.on_disk(shard, [](SlowDisk& disk) { disk.set_full(true); });
  }
  for (int i = 0; i < 20; ++i) {
    for (const char* name : {"to0", "to1"}) world.send(*world.router().find(name), std::to_string(i));
  }
  if (world.simulated()) world.settle();
  EXPECT_EQ(count, 0);
  for (std::uint32_t shard = 0; shard < 2; ++shard) {
    world.on_disk(shard, [](SlowDisk& disk) { disk.set_full(false); });
  }
  world.run_until([&] { return count == 40; });
}

TEST_P(Disk, an_actor_stops_though_it_is_full) {
  ActorWorld::Options options;
  options.shard = 0;
  const ActorId id = world.spawn("to", listener(), options);
  world.on_disk(0, [](SlowDisk& disk) { disk.set_full(true); });
  world.send(id, "hello");
  world.stop(id);
  world.on_disk(0, [](SlowDisk& disk) { disk.set_full(false); });
  world.settle();
  EXPECT_EQ(world.router().totals().dead_letters, 1u);
}

TEST_P(Disk, when_it_fails_new_turns_are_refused_and_who_waits_is_told) {
  ActorWorld::Options options;
  options.shard = 0;
  const ActorId to = world.spawn("to", echo(), options);
  world.on_disk(0, [](SlowDisk& disk) { disk.fail_for_good(); });
  std::atomic<int> errors = 0;
  for (int i = 0; i < 10; ++i) {
    world.router().request(to, as_bytes("hello"), 0, [&](const Result<Bytes>& answer) {
      ASSERT_FALSE(answer);
      EXPECT_THAT(answer.error().to_string(), HasSubstr("not recorded"));
      ++errors;
    });
  }
  world.run_until([&] { return errors == 10; });
  EXPECT_EQ(world.events(to).size(), 3u) << "no turn was recorded after its start";
}

TEST_P(Disk, when_it_fails_nothing_that_was_not_safe_is_seen_and_all_is_accounted_for) {
  std::atomic<int> answers = 0;
  const ActorId to = world.spawn("to", echo());
  const ActorId one = world.spawn("one", asker("to"));
  const ActorId other = world.spawn("other", asker("to"));
  for (int i = 0; i < 30; ++i) {
    world.send(i % 2 == 0 ? one : other, std::to_string(i));
    world.router().request(to, as_bytes("hello"), 0, [&](const Result<Bytes>&) { ++answers; });
    if (i == 15)
      world.on_disk(static_cast<std::uint32_t>(GetParam()) % 2, [](SlowDisk& disk) { disk.fail_for_good(); });
  }
  // Causes are checked as they are recorded.
  world.run_until([&] { return answers == 30; });
}

}  // namespace
}  // namespace theater::testing
