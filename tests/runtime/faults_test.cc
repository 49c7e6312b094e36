#include <gmock/gmock.h>

#include "runtime_fixture.h"

namespace theater::testing {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;

/// Beside each faulty actor lives a good one, which must not notice anything.
class Faults : public RuntimeTest {
 protected:
  void SetUp() override {
    RuntimeTest::SetUp();
    good = spawn("good", "guests/echo");
  }
  void TearDown() override {
    // Its mailbox may be full of what a test sent it.
    wait_until([&] { return ask_text(good, "still there?") == "still there?"; });
    RuntimeTest::TearDown();
  }
  /// The actor failed at this message; in words, how.
  std::string failure_at(const ActorId& id, std::string_view message) {
    send(id, message);
    const ActorInfo info = ended(id);
    EXPECT_EQ(info.status, ActorStatus::kFailed);
    return info.end_message;
  }
  ActorId good;
};

constexpr const char* kShort = "[limits]\nturn_timeout_ms = 50\nfuel_per_turn = 100000000000\n";
constexpr const char* kLittleFuel = "[limits]\nfuel_per_turn = 1000000\n";

// Components ----------------------------------------------------------------------------------------------------------

TEST_F(Faults, a_file_that_is_no_component_is_refused) {
  auto manifest = parse(manifest_text("x", "guests/echo"));
  ASSERT_TRUE(manifest);
  for (const std::string& bytes :
       {std::string(), std::string("not wasm"), std::string("\0asm\1\0\0\0", 8), std::string("\0asm\x0d\0\1\0", 8)}) {
    const auto blueprint = runtime->prepare(*manifest, as_bytes(bytes));
    ASSERT_FALSE(blueprint);
    EXPECT_EQ(blueprint.error().code(), ErrorCode::kInvalidComponent) << blueprint.error().to_string();
  }
}

TEST_F(Faults, a_truncated_component_is_refused) {
  std::ifstream file(components_folder() + "/guests/echo.wasm", std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  auto manifest = parse(manifest_text("x", "guests/echo"));
  const auto complete = runtime->prepare(*manifest, as_bytes(whole));
  ASSERT_TRUE(complete);
  for (std::size_t size = 0; size < whole.size(); size += 97) {
    const auto blueprint = runtime->prepare(*manifest, as_bytes(std::string_view(whole).substr(0, size)));
    // A cut between the last sections leaves a component that is whole, but exports less.
    if (blueprint) {
      EXPECT_LT(blueprint->functions().exports.size(), complete->functions().exports.size()) << size;
    }
  }
}

TEST_F(Faults, a_missing_file_is_an_error_that_names_it) {
  const auto id = try_spawn("x", "guests/none");
  ASSERT_FALSE(id);
  EXPECT_EQ(id.error().code(), ErrorCode::kNotFound);
  EXPECT_THAT(id.error().to_string(), HasSubstr("guests/none.wasm"));
}

TEST_F(Faults, an_interface_that_the_manifest_does_not_grant_is_an_error_with_the_lines_to_add) {
  auto manifest = parse("name = \"x\"\ncomponent = \"" + components_folder() +
                        "/guests/sleeps.wasm\"\n[[handler]]\ntype = \"message-server\"\n");
  ASSERT_TRUE(manifest) << manifest.error().to_string();
  const auto blueprint = runtime->prepare(std::move(*manifest));
  ASSERT_FALSE(blueprint);
  EXPECT_EQ(blueprint.error().code(), ErrorCode::kMissingHandler);
  EXPECT_THAT(blueprint.error().to_string(),
              AllOf(HasSubstr("theater:simple/timing"), HasSubstr("[[handler]]\ntype = \"timing\"")));
}

TEST_F(Faults, an_interface_that_nobody_implements_is_an_error_that_names_it) {
  const auto id = try_spawn("x", "greeter");
  ASSERT_FALSE(id);
  EXPECT_EQ(id.error().code(), ErrorCode::kMissingHandler);
  EXPECT_THAT(id.error().to_string(), HasSubstr("example:greeter/greet"));
}

TEST_F(Faults, an_actor_of_the_older_package_name_runs) {
  const ActorId old = spawn("old", "guests/old_namespace");
  send(old, "hello");
  EXPECT_EQ(runtime->info(old)->status, ActorStatus::kRunning);
}

// Traps ---------------------------------------------------------------------------------------------------------------

TEST_F(Faults, a_trap_fails_the_actor_with_a_backtrace_that_names_functions) {
  const std::string failure = failure_at(spawn("traps", "guests/traps"), "x");
  EXPECT_THAT(failure, AllOf(HasSubstr("handle-send"), HasSubstr("unreachable"), HasSubstr("theater_on_send")));
}

TEST_F(Faults, a_request_to_an_actor_that_traps_fails) {
  EXPECT_THAT(ask_text(spawn("traps", "guests/traps"), "x"), HasSubstr("error: the request failed in traps"));
}

TEST_F(Faults, a_start_that_never_ends_is_stopped_by_time) {
  const auto in_start = try_spawn("a", "guests/loops_in_start", kShort);
  ASSERT_FALSE(in_start);
  const auto in_init = try_spawn("b", "guests/loops_in_init", kShort);
  ASSERT_FALSE(in_init);
  EXPECT_THAT(in_init.error().to_string(), HasSubstr("limits.turn_timeout_ms = 50"));
}

TEST_F(Faults, a_start_that_never_ends_is_stopped_by_fuel) {
  const auto in_start = try_spawn("a", "guests/loops_in_start", kLittleFuel);
  ASSERT_FALSE(in_start);
  const auto in_init = try_spawn("b", "guests/loops_in_init", kLittleFuel);
  ASSERT_FALSE(in_init);
  EXPECT_THAT(in_init.error().to_string(), HasSubstr("limits.fuel_per_turn = 1000000"));
}

TEST_F(Faults, a_host_call_while_the_instance_is_made_fails_the_start) {
  const auto id = try_spawn("early", "guests/logs_in_start");
  ASSERT_FALSE(id);
  EXPECT_THAT(id.error().to_string(), HasSubstr("host functions cannot be called while the instance is being made"));
}

TEST_F(Faults, a_handler_that_never_ends_is_stopped_by_time_or_fuel) {
  EXPECT_THAT(failure_at(spawn("a", "guests/loops_in_handler", kShort), "x"), HasSubstr("limits.turn_timeout_ms = 50"));
  EXPECT_THAT(failure_at(spawn("b", "guests/loops_in_handler", kLittleFuel), "x"),
              HasSubstr("limits.fuel_per_turn = 1000000"));
}

TEST_F(Faults, recursion_without_end_traps) {
  EXPECT_THAT(failure_at(spawn("short", "guests/recurses"), "x"), HasSubstr("trapped"));
  EXPECT_THAT(failure_at(spawn("long", "guests/recurses"), std::string(1000, 'x')), HasSubstr("trapped"));
}

TEST_F(Faults, memory_and_tables_end_at_their_limits) {
  const ActorId memory = spawn("memory", "guests/eats_memory", "[limits]\nmemory = \"4MiB\"\n");
  send(memory, "x");
  (void)ask(memory, "state of things");
  EXPECT_LE(runtime->info(memory)->memory_bytes, 4u << 20);
  const ActorId table = spawn("table", "guests/eats_table");
  send(table, "x");
  EXPECT_EQ(runtime->info(table)->status, ActorStatus::kRunning);
}

TEST_F(Faults, what_breaks_the_canonical_abi_traps) {
  EXPECT_THAT(failure_at(spawn("utf8", "guests/returns_invalid_utf8"), "x"), HasSubstr("trapped"));
  EXPECT_THAT(failure_at(spawn("pointer", "guests/returns_bad_pointer"), "x"), HasSubstr("trapped"));
  EXPECT_THAT(failure_at(spawn("state", "guests/returns_bad_pointer"), ""), HasSubstr("trapped"));
  EXPECT_THAT(failure_at(spawn("tag", "guests/returns_bad_tag"), "x"), HasSubstr("trapped"));
}

TEST_F(Faults, a_state_over_its_limit_fails_the_turn_and_keeps_the_old_state) {
  const ActorId id =
      spawn("large", "guests/returns_large_state", "[limits]\nmemory = \"128MiB\"\nmessage_max_bytes = 67108864\n");
  send(id, "10");
  send(id, "20000000");
  wait_for_log("large", "over the limit of 16777216");
  const auto state = runtime->state(id);
  ASSERT_TRUE(state && *state);
  EXPECT_EQ((*state)->size(), 10u);
}

// Messages ------------------------------------------------------------------------------------------------------------

TEST_F(Faults, answering_twice_gives_the_first_answer) {
  const ActorId id = spawn("twice", "guests/answers_twice");
  EXPECT_EQ(ask_text(id, "x"), "first");
  EXPECT_EQ(ask_text(id, "both ways"), "first");
  wait_for_log("twice", "twice or after cancelling it");
  wait_for_log("twice", "no outstanding request");
}

TEST_F(Faults, unknown_actors_channels_and_requests_are_errors) {
  const ActorId id = spawn("lost", "guests/uses_unknown_ids");
  send(id, "x");
  // Ends with the last error it got, as it should.
  wait_until([&] { return router.totals().delivered > 0; });
  EXPECT_EQ(runtime->info(id)->status, ActorStatus::kRunning);
}

TEST_F(Faults, a_message_over_the_limit_is_refused) {
  const ActorId id = spawn("loud", "guests/sends_too_large");
  send(id, "good 5000000");
  wait_for_log("loud", "message too large: 5000000 bytes, good takes at most 4194304");
}

TEST_F(Faults, a_million_messages_in_one_turn_fill_one_mailbox_and_no_more) {
  const ActorId id = spawn("flood", "guests/sends_a_million", "[limits]\nturn_timeout_ms = 60000\n");
  const std::string counts = send_and_ask(id, "good 100000");
  const auto space = counts.find(' ');
  ASSERT_NE(space, std::string::npos) << counts;
  EXPECT_EQ(std::stoul(counts) + std::stoul(counts.substr(space)), 100'000u);
  EXPECT_GT(std::stoul(counts.substr(space)), 0u) << "nothing was refused";
}

TEST_F(Faults, many_channels_opened_and_closed_leave_nothing_behind) {
  const ActorId id = spawn("opener", "guests/opens_channels",
                           "[limits]\nchannels_max = 10\nmailbox_messages = 200000\nturn_timeout_ms = 60000\n");
  // 100,000 in all, in turns that each fit their fuel.
  for (int i = 0; i < 10; ++i) EXPECT_EQ(send_and_ask(id, "good 10000 close"), "10000 0") << i;
  EXPECT_EQ(send_and_ask(id, "good 20 keep"), "10 10");
}

TEST_F(Faults, requests_in_a_circle_fail_instead_of_waiting) {
  const ActorId a = spawn("a", "guests/asks_back");
  const ActorId b = spawn("b", "guests/asks_back");
  send(a, "b");
  wait_for_log("a", "deadlock: this request would close a cycle of actors that wait for each other: b (" +
                        to_string(b) + ") → a");
}

TEST_F(Faults, an_actor_is_stopped_while_it_sleeps) {
  const ActorId id = spawn("sleeper", "guests/sleeps");
  send(id, "3600000");
  wait_until([&] { return router.totals().delivered > 0; });
  EXPECT_TRUE(runtime->terminate(id));
  EXPECT_EQ(ended(id).status, ActorStatus::kStopped);
  EXPECT_EQ(ended(id).end_reason, StopReason::kTerminated);
}

TEST_F(Faults, everything_is_accounted_for_after_a_shutdown_under_load) {
  const ActorId a = spawn("flood1", "guests/sends_a_million", "[limits]\nturn_timeout_ms = 60000\n");
  const ActorId b = spawn("flood2", "guests/sends_a_million", "[limits]\nturn_timeout_ms = 60000\n");
  for (int i = 0; i < 20; ++i) {
    // Some are refused, which counts as well.
    (void)router.send(a, as_bytes("flood2 1000"));
    (void)router.send(b, as_bytes("good 1000"));
  }
  EXPECT_TRUE(runtime->stop(b));
  // TearDown asks the good one, ends the rest and adds up.
}

}  // namespace
}  // namespace theater::testing
