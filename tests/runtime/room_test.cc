#include <gmock/gmock.h>

#include "runtime_fixture.h"

namespace theater::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// What one actor may use ----------------------------------------------------------------------------------------------

using ActorBounds = RuntimeTest;

TEST_F(ActorBounds, a_turn_that_has_too_much_recorded_ends_its_actor) {
  (void)spawn("good", "guests/echo");
  const ActorId flood =
      spawn("flood", "guests/sends_a_million", "[limits]\nevent_bytes_per_turn = \"64KiB\"\nturn_timeout_ms = 60000\n");
  send(flood, "good 100000");
  EXPECT_THAT(
      ended(flood).end_message,
      HasSubstr("too many events: the host calls of this turn have more than limits.event_bytes_per_turn = 65536"));
  // So much in every turn is another matter.
  const ActorId steady = spawn("steady", "guests/sends_a_million", "[limits]\nevent_bytes_per_turn = \"64KiB\"\n");
  for (int i = 0; i < 20; ++i) EXPECT_THAT(send_and_ask(steady, "good 500"), HasSubstr(" ")) << i;
}

TEST_F(ActorBounds, tables_grow_to_their_limit_and_no_further) {
  const ActorId table = spawn("table", "guests/eats_table", "[limits]\ntable_elements = 5500\n");
  send(table, "x");
  wait_for_log("table", "5000 0");
}

TEST_F(ActorBounds, the_fuel_of_each_turn_is_told) {
  const ActorId echo = spawn("echo", "guests/echo");
  const ActorInfo before = *runtime->info(echo);
  const std::uint64_t all_before = runtime->fuel_used();
  EXPECT_EQ(ask_text(echo, "x"), "x");
  const ActorInfo after = *runtime->info(echo);
  EXPECT_EQ(after.turns, before.turns + 1);
  EXPECT_GT(after.fuel_last_turn, 0u);
  EXPECT_EQ(after.fuel_used, before.fuel_used + after.fuel_last_turn);
  EXPECT_EQ(runtime->fuel_used(), all_before + after.fuel_last_turn);
  EXPECT_EQ(runtime->turns(), after.turns);
  EXPECT_EQ(runtime->events(echo)->back().fuel, after.fuel_last_turn) << "as its chain says";
}

// What all may use together
// --------------------------------------------------------------------------------------------

class Room : public RuntimeTest {
 protected:
  void SetUp() override {}

  /// Starts an actor and does not wait for it.
  std::shared_ptr<std::promise<Result<ActorId>>> begin(const std::string& name, const std::string& more = "") {
    auto promise = std::make_shared<std::promise<Result<ActorId>>>();
    const auto blueprint = runtime->prepare(*parse(manifest_text(name, "guests/echo", more)));
    EXPECT_TRUE(blueprint) << blueprint.error().to_string();
    runtime->spawn_async(*blueprint, {}, [promise](Result<ActorId> id) { promise->set_value(std::move(id)); });
    return promise;
  }
};

/// With the tables.
constexpr std::uint64_t kTwoMebibytes = (2u << 20) + 2 * 800;
constexpr const char* kOneMebibyte = "[limits]\nmemory = \"1MiB\"\ntable_elements = 100\n";

TEST_F(Room, no_actor_starts_whose_memory_could_be_too_much_with_all_others) {
  RuntimeOptions options;
  options.guest_memory_bytes = kTwoMebibytes;
  start(std::move(options));
  const ActorId first = spawn("first", "guests/echo", kOneMebibyte);
  (void)spawn("second", "guests/echo", kOneMebibyte);
  const auto third = try_spawn("third", "guests/echo", kOneMebibyte);
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code(), ErrorCode::kResourceExhausted);
  EXPECT_THAT(third.error().to_string(), HasSubstr("(guest_memory_bytes)"));
  ASSERT_TRUE(runtime->stop(first));
  EXPECT_TRUE(try_spawn("third", "guests/echo", kOneMebibyte));
  EXPECT_FALSE(runtime->restart(first)) << "what has ended has given its room away";
}

TEST_F(Room, no_actor_starts_while_the_process_uses_too_much) {
  RuntimeOptions options;
  options.resident_bytes_max = 1;
  start(std::move(options));
  const auto none = try_spawn("none", "guests/echo");
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().to_string(), HasSubstr("(resident_bytes_max)"));
}

TEST_F(Room, starts_wait_in_their_order_where_they_may) {
  RuntimeOptions options;
  options.actors_max = 1;
  options.over_limit = OverLimit::kWait;
  start(std::move(options));
  ActorId living = spawn("first", "guests/echo");
  const auto second = begin("second");
  const auto third = begin("third");
  for (const auto& next : {second, third}) {
    EXPECT_EQ(runtime->living(), 1u);
    ASSERT_TRUE(runtime->stop(living));
    const auto id = next->get_future().get();
    ASSERT_TRUE(id) << id.error().to_string();
    living = *id;
  }
  EXPECT_EQ(runtime->info(living)->name, "third");
}

TEST_F(Room, a_start_that_waited_too_long_is_refused) {
  RuntimeOptions options;
  options.actors_max = 1;
  options.over_limit = OverLimit::kWait;
  options.start_wait_ms = 1;
  start(std::move(options));
  (void)spawn("first", "guests/echo");
  const auto second = begin("second")->get_future().get();
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().to_string(), HasSubstr("(actors_max)"));
}

TEST_F(Room, what_can_never_have_room_does_not_wait_and_nobody_waits_at_the_end) {
  RuntimeOptions options;
  options.actors_max = 1;
  options.guest_memory_bytes = kTwoMebibytes;
  options.over_limit = OverLimit::kWait;
  start(std::move(options));
  (void)spawn("first", "guests/echo", kOneMebibyte);
  EXPECT_FALSE(begin("large")->get_future().get()) << "its 64 MiB are more than there ever is";
  const auto second = begin("second", kOneMebibyte);
  runtime->end_all();
  const auto refused = second->get_future().get();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kUnavailable);
}

// Who waits for whom
// ---------------------------------------------------------------------------------------------------

using Waits = RuntimeTest;

TEST_F(Waits, who_waits_for_whom_and_what_stands_in_the_way_is_told) {
  const ActorId asked = spawn("asked", "guests/asks_back");
  const ActorId asker = spawn("asker", "guests/asks_back");
  const ActorId sleeper = spawn("sleeper", "guests/sleeps");
  ASSERT_TRUE(runtime->pause(asked));
  send(asker, "asked");
  send(sleeper, "3600000");
  wait_until([&] { return runtime->waits().waits.size() == 2; });
  const WaitReport report = runtime->waits();
  const auto find = [&](const ActorId& id) { return *std::ranges::find(report.waits, id, &ActorWait::actor); };
  const ActorWait waits = find(asker);
  EXPECT_EQ(waits.name, "asker");
  EXPECT_EQ(waits.function, "theater:simple/message-server-host.request");
  EXPECT_EQ(waits.waits_for, asked);
  EXPECT_GT(waits.waiting_ns, 0u);
  EXPECT_LE(waits.given_up_in_ns, 30'000'000'000u);
  EXPECT_TRUE(parse_id<RequestId>(waits.awaited)) << waits.awaited;
  const ActorWait sleeps = find(sleeper);
  EXPECT_EQ(sleeps.function, "theater:simple/timing.sleep");
  EXPECT_EQ(sleeps.waits_for, std::nullopt);
  ASSERT_THAT(report.awaited, SizeIs(1));
  EXPECT_EQ(report.awaited.front().actor, asked);
  EXPECT_EQ(report.awaited.front().name, "asked");
  EXPECT_TRUE(report.awaited.front().is_paused);
  EXPECT_EQ(report.awaited.front().mailbox_messages, 1u);
  EXPECT_THAT(report.shards, SizeIs(2));
  for (const ShardActivity& shard : report.shards) EXPECT_TRUE(shard.answers);
  ASSERT_TRUE(runtime->terminate(asker));
  ASSERT_TRUE(runtime->terminate(sleeper));
  EXPECT_THAT(runtime->waits().waits, IsEmpty());
}

TEST_F(Waits, a_shard_that_does_not_answer_is_told_with_the_actor_that_holds_it_up) {
  const ActorId loops = spawn("loops", "guests/loops_in_handler",
                              "[limits]\nturn_timeout_ms = 1500\nfuel_per_turn = 9000000000000000000\n");
  send(loops, "x");
  const auto held_up = [&](const WaitReport& report) {
    return std::ranges::find(report.shards, std::optional(loops), &ShardActivity::runs) != report.shards.end();
  };
  wait_until([&] { return held_up(runtime->waits(std::chrono::milliseconds(20))); });
  EXPECT_EQ(ended(loops).failure, FailureReason::kTimedOut);
  EXPECT_FALSE(held_up(runtime->waits()));
}

}  // namespace
}  // namespace theater::testing
