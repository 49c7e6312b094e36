// Chains of real actors re-run without a difference, whatever happened to the actors.
#include <gmock/gmock.h>
#include <unistd.h>

#include "chain/bundle.h"
#include "chain/chain_source.h"
#include "replay_fixture.h"

namespace theater::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Replay : public ReplayTest {
 protected:
  std::uint64_t events_of_kind(const ActorId& id, EventKind kind) {
    const auto events = runtime->events(id);
    return static_cast<std::uint64_t>(std::ranges::count(*events, kind, &Event::kind));
  }
};

constexpr const char* kShort = "[limits]\nturn_timeout_ms = 50\nfuel_per_turn = 100000000000\n";

// Examples ------------------------------------------------------------------------------------------------------------

TEST_F(Replay, ping_pong) {
  const ActorId pong = spawn("pong", "pong");
  const ActorId ping = spawn("ping", "ping");
  wait_for_log("ping", "ball 1\n");
  wait_for_log("pong", "ball 0\n");
  EXPECT_THAT(expect_same(ping, "ping").remarks, IsEmpty());
  EXPECT_GT(expect_same(pong, "pong").host_calls, 5u);
}

TEST_F(Replay, counter) {
  const ActorId id = spawn("counter", "counter");
  for (int i = 1; i <= 200; ++i) send(id, std::to_string(i));
  send(id, "no number");
  EXPECT_EQ(ask_text(id, "total"), "20100");
  const ReplayReport report = expect_same(id, "counter");
  EXPECT_EQ(report.name, "counter");
  EXPECT_EQ(report.calls, 203u);
  ASSERT_TRUE(report.state);
}

TEST_F(Replay, channels) {
  const ActorId summer = spawn("summer", "summer");
  const ActorId client = spawn("client", "client");
  send(client, "50");
  wait_for_log("summer", "closed at 1275");
  ended(client);
  expect_same(client, "client");
  expect_same(summer, "summer");
}

TEST_F(Replay, deferred_reply) {
  const ActorId oracle = spawn("oracle", "oracle");
  const ActorId asker = spawn("asker", "asker");
  send(asker, "will it rain?");
  wait_for_log("oracle", "asked");
  send(oracle, "perhaps");
  wait_for_log("asker", "the answer is: perhaps");
  EXPECT_EQ(events_of_kind(asker, EventKind::kHostCallEnd), 1u);
  expect_same(asker, "asker");
  expect_same(oracle, "oracle");
}

TEST_F(Replay, sleeper) {
  const ActorId id = spawn("sleeper", "sleeper");
  send(id, "20");
  send(id, "0");
  send(id, "stop");
  EXPECT_EQ(ended(id).status, ActorStatus::kStopped);
  EXPECT_GE(events_of_kind(id, EventKind::kHostCallEnd), 1u);
  expect_same(id, "sleeper");
}

TEST_F(Replay, pipeline) {
  const ActorId collect = spawn("collect", "collect");
  const ActorId upper = spawn("upper", "upper");
  const ActorId words = spawn("words", "words");
  send(words, "the quick brown fox");
  wait_for_log("collect", "4 FOX");
  expect_same(words, "words");
  expect_same(upper, "upper");
  expect_same(collect, "collect");
}

TEST_F(Replay, broadcast) {
  const ActorId announcer = spawn("announcer", "announcer");
  const ActorId first = spawn("listener_a", "listener");
  const ActorId second = spawn("listener_b", "listener");
  wait_for_log("announcer", "2 listening");
  send(announcer, "hello");
  send(announcer, "bye");
  ended(announcer);
  wait_for_log("listener_a", "heard bye");
  wait_for_log("listener_b", "heard bye");
  expect_same(announcer, "announcer");
  expect_same(first, "listener");
  expect_same(second, "listener");
}

TEST_F(Replay, newsroom) {
  const std::string more = "[[handler]]\ntype = \"registry\"\n[[handler]]\ntype = \"timers\"\n";
  const ActorId ann = spawn("ann", "reader", more);
  const ActorId desk = spawn("desk", "desk", more);
  send(desk, "2 rain tomorrow");
  EXPECT_EQ(ended(desk).status, ActorStatus::kStopped) << ended(desk).end_message;
  EXPECT_EQ(ended(ann).status, ActorStatus::kStopped);
  EXPECT_THAT(log_of("ann"), HasSubstr("read edition 2: rain tomorrow"));
  EXPECT_THAT(expect_same(desk, "desk").remarks, IsEmpty());
  EXPECT_THAT(expect_same(ann, "reader").remarks, IsEmpty());
}

TEST_F(Replay, what_timers_brought_and_refused) {
  const ActorId id =
      spawn("ext", "guests/sdk_ext", "[[handler]]\ntype = \"registry\"\n[[handler]]\ntype = \"timers\"\n");
  const std::string timer = ask_text(id, "every 10 self tick");
  ask_text(id, "after 1 nobody x");
  ask_text(id, "after 3600000 self never");
  ask_text(id, "register other");
  ask_text(id, "join group");
  ask_text(id, "publish group " + std::string(10'000, 'x'));
  wait_until([&] { return events_of_kind(id, EventKind::kNote) == 1; });
  wait_until([&] { return ask_text(id, "heard") != "1"; });
  EXPECT_EQ(ask_text(id, "cancel " + timer), "true");
  expect_same(id, "guests/sdk_ext");
}

// Ends of calls -------------------------------------------------------------------------------------------------------

TEST_F(Replay, guest_errors_and_large_messages) {
  const ActorId id = spawn("echo", "guests/echo");
  send(id, "fail");
  EXPECT_THAT(ask_text(id, "fail"), HasSubstr("failed as asked"));
  send(id, std::string(100'000, 'x'));
  EXPECT_EQ(ask_text(id, "state"), std::string(100'000, 'x'));
  send(id, "stop");
  ended(id);
  expect_same(id, "guests/echo");
}

TEST_F(Replay, traps) {
  const ActorId unreachable = spawn("a", "guests/traps");
  send(unreachable, "x");
  EXPECT_EQ(ended(unreachable).status, ActorStatus::kFailed);
  expect_same(unreachable, "guests/traps");
  const ActorId division = spawn("b", "guests/traps");
  (void)ask(division, "x");
  ended(division);
  expect_same(division, "guests/traps");
}

TEST_F(Replay, what_breaks_the_canonical_abi) {
  for (const std::string guest :
       {"returns_invalid_utf8", "returns_bad_pointer", "returns_bad_tag", "sends_too_large"}) {
    const ActorId id = spawn(guest, "guests/" + guest);
    send(id, "x");
    (void)ask(id, "x");
    SCOPED_TRACE(guest);
    expect_same(id, "guests/" + guest);
  }
}

TEST_F(Replay, a_stack_overflow_of_a_guest_that_may_wait_and_of_one_that_may_not) {
  const ActorId in_memory = spawn("a", "guests/recurses");
  send(in_memory, "x");
  ended(in_memory);
  expect_same(in_memory, "guests/recurses");
  const ActorId native = spawn("b", "guests/recurses");
  send(native, std::string(1000, 'x'));
  ended(native);
  EXPECT_GT(expect_same(native, "guests/recurses").calls, 1u);
}

TEST_F(Replay, out_of_fuel) {
  const ActorId id = spawn("loops", "guests/loops_in_handler", "[limits]\nfuel_per_turn = 1000000\n");
  EXPECT_EQ(ask_text(id, "x"), "x");
  send(id, "x");
  EXPECT_THAT(ended(id).end_message, HasSubstr("out of fuel"));
  expect_same(id, "guests/loops_in_handler");
}

TEST_F(Replay, out_of_fuel_without_the_manifest) {
  const ActorId id = spawn("loops", "guests/loops_in_handler", "[limits]\nfuel_per_turn = 1000000\n");
  send(id, "x");
  ended(id);
  const auto file = saved(id);
  // The manifest's text is there, under a digest that nobody asks for.
  std::string bytes;
  {
    std::ifstream in(file, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  const auto at = bytes.find("name = \"loops\"");
  ASSERT_NE(at, std::string::npos);
  bytes[at] = 'N';
  std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
  const ReplayReport report = replayed(file, with("guests/loops_in_handler"));
  EXPECT_TRUE(report.same()) << in_words(report);
  EXPECT_THAT(report.remarks, ElementsAre(HasSubstr("the manifest is not there")));
}

TEST_F(Replay, a_time_out_is_compared_up_to_the_fuel_used_by_then) {
  const ActorId id = spawn("loops", "guests/loops_in_handler", kShort);
  EXPECT_EQ(ask_text(id, "x"), "x");
  send(id, "x");
  EXPECT_THAT(ended(id).end_message, HasSubstr("timed out"));
  EXPECT_THAT(expect_same(id, "guests/loops_in_handler").remarks, ElementsAre(HasSubstr("timed out")));
}

TEST_F(Replay, calls_of_many_links_that_return_or_time_out) {
  const ActorId returns = spawn("returns", "guests/sends_a_million", "[limits]\nturn_timeout_ms = 60000\n");
  send(returns, "nobody 30000");
  EXPECT_TRUE(ask(returns, "?"));
  const ReplayReport report = expect_same(returns, "guests/sends_a_million");
  EXPECT_EQ(report.host_calls, 30'000u);
  EXPECT_GT(std::filesystem::file_size(saved(returns)), 1u << 20);
  const ActorId times_out = spawn("times_out", "guests/sends_a_million", kShort);
  send(times_out, "nobody 1000000000");
  EXPECT_THAT(ended(times_out).end_message, HasSubstr("timed out"));
  EXPECT_GT(expect_same(times_out, "guests/sends_a_million").host_calls, 1000u);
}

TEST_F(Replay, a_forked_actor_goes_on_and_names_where_it_comes_from) {
  const ActorId id = spawn("echo", "guests/echo");
  for (const char* message : {"one", "two", "three"}) send(id, message);
  EXPECT_EQ(ask_text(id, "state"), "three");
  const auto events = runtime->events(id);
  const Event& origin = (*events)[6];
  const auto state = state_at(saved(id), origin.sequence, {});
  ASSERT_TRUE(state && *state);
  auto blueprint = runtime->prepare(*parse(manifest_text("echo", "guests/echo")));
  ASSERT_TRUE(blueprint);
  SpawnOptions options;
  options.state = *state;
  options.forked_from = {.actor = id, .sequence = origin.sequence, .event_hash = origin.hash};
  const auto fork = runtime->spawn(*blueprint, std::move(options));
  ASSERT_TRUE(fork) << fork.error().to_string();
  EXPECT_EQ(ask_text(*fork, "state"), "two");
  const auto forked = runtime->events(*fork);
  EXPECT_EQ(forked->front().start, StartReason::kForked);
  const Event& note = (*forked)[1];
  EXPECT_EQ(note.note_type, "runtime.forked");
  EXPECT_EQ(as_text(note.note.head), to_string(id) + " 6 " + to_hex(origin.hash));
  expect_same(*fork, "guests/echo");
}

TEST_F(Replay, limits_of_memory_and_tables) {
  const ActorId memory = spawn("memory", "guests/eats_memory", "[limits]\nmemory = \"2MiB\"\n");
  send(memory, "x");
  (void)ask(memory, "x");
  expect_same(memory, "guests/eats_memory");
  const ActorId table = spawn("table", "guests/eats_table");
  send(table, "x");
  expect_same(table, "guests/eats_table");
}

TEST_F(Replay, states_of_every_size_and_one_that_is_refused) {
  const ActorId id = spawn("states", "guests/returns_large_state", "[limits]\nmessage_max_bytes = 65536\n");
  for (const char* size : {"0", "1", "64", "65", "1000", "100000", "16777216", "16777217", "5"}) send(id, size);
  wait_until([&] { return runtime->info(id)->mailbox_messages == 0; });
  const ReplayReport report = expect_same(id, "guests/returns_large_state");
  EXPECT_EQ(report.state.value_or(Bytes()).size(), 5u);
}

TEST_F(Replay, a_failed_init) {
  EXPECT_FALSE(try_spawn("loops", "guests/loops_in_init", "[limits]\nfuel_per_turn = 1000000\n"));
  const auto actors = runtime->list();
  ASSERT_EQ(actors.size(), 1u);
  expect_same(actors.front().id, "guests/loops_in_init");
}

// Waiting -------------------------------------------------------------------------------------------------------------

TEST_F(Replay, a_stop_while_the_actor_waited) {
  const ActorId id = spawn("sleeps", "guests/sleeps", "[limits]\nstop_timeout_ms = 50\n");
  send(id, "0");
  send(id, "3600000");
  wait_until([&] { return events_of_kind(id, EventKind::kHostCallBegin) == 1; });
  expect_same(id, "guests/sleeps");
  const auto events = runtime->events(id);
  EXPECT_EQ((*events)[events->size() - 2].failure, FailureReason::kStopped);
}

TEST_F(Replay, a_chain_that_ends_while_the_actor_waits) {
  const ActorId id = spawn("sleeps", "guests/sleeps", "[limits]\nstop_timeout_ms = 50\n");
  send(id, "3600000");
  wait_until([&] { return events_of_kind(id, EventKind::kHostCallBegin) == 1; });
  const ReplayReport report = replayed(saved(id), with("guests/sleeps"));
  EXPECT_TRUE(report.same()) << in_words(report);
  EXPECT_EQ(report.next_sequence, runtime->info(id)->events);
  EXPECT_THAT(report.remarks, ElementsAre(HasSubstr("was never recorded to end")));
}

TEST_F(Replay, requests_that_fail_and_cycles) {
  const ActorId first = spawn("a", "guests/asks_back");
  const ActorId second = spawn("b", "guests/asks_back");
  send(first, "b");
  wait_for_log("a", "cycle");
  send(second, "nobody");
  wait_until([&] { return runtime->info(second)->mailbox_messages == 0; });
  expect_same(first, "guests/asks_back");
  expect_same(second, "guests/asks_back");
}

TEST_F(Replay, a_guest_that_knows_the_clock_its_chain_and_everything_else) {
  const ActorId id = spawn("all", "guests/sdk_everything");
  for (const char* message : {"now", "chain", "log hello", "anything"}) send(id, message);
  (void)ask(id, "anything");
  expect_same(id, "guests/sdk_everything");
}

// What is asked for ---------------------------------------------------------------------------------------------------

TEST_F(Replay, ends_at_the_event_asked_for_with_the_state_of_that_time) {
  const ActorId id = spawn("echo", "guests/echo");
  for (int i = 0; i < 5; ++i) send(id, "message " + std::to_string(i));
  EXPECT_TRUE(ask(id, "x"));
  EXPECT_TRUE(runtime->stop(id));
  const auto file = saved(id);
  // started, init, returned; then call and returned for each message.
  std::vector<std::string> states;
  for (std::uint64_t until = 0; until < 13; ++until) {
    ReplayOptions options = with("guests/echo");
    options.until = until;
    const ReplayReport report = replayed(file, options);
    EXPECT_TRUE(report.same()) << in_words(report);
    EXPECT_EQ(report.next_sequence, until + 1);
    states.push_back(report.state ? std::string(as_text(*report.state)) : "none");
    const auto state = state_at(file, until, options);
    ASSERT_TRUE(state) << state.error().to_string();
    EXPECT_EQ(*state, report.state);
  }
  EXPECT_THAT(states, ElementsAre("none", "none", "none", "none", "message 0", "message 0", "message 1", "message 1",
                                  "message 2", "message 2", "message 3", "message 3", "message 4"));
}

TEST_F(Replay, a_state_kept_by_digest_only_is_found_by_a_replay) {
  const ActorId id = spawn("states", "guests/returns_large_state");
  send(id, "5000");
  send(id, "5");
  wait_until([&] { return runtime->info(id)->events == 7; });
  const auto file = saved(id);
  const auto without = state_at(file, 4, {});
  ASSERT_FALSE(without);
  EXPECT_EQ(without.error().code(), ErrorCode::kUnavailable);
  EXPECT_THAT(without.error().to_string(), HasSubstr("the component with the SHA-256"));
  const auto state = state_at(file, 4, with("guests/returns_large_state"));
  ASSERT_TRUE(state) << state.error().to_string();
  EXPECT_EQ((*state)->size(), 5000u);
  const auto small = state_at(file, 6, {});
  ASSERT_TRUE(small);
  EXPECT_EQ((*small)->size(), 5u);
  const auto beyond = state_at(file, 1000, {});
  ASSERT_FALSE(beyond);
  EXPECT_EQ(beyond.error().code(), ErrorCode::kNotFound);
}

TEST_F(Replay, a_bundle_needs_nothing_beside_it) {
  const ActorId id = spawn("loops", "guests/loops_in_handler", "[limits]\nfuel_per_turn = 1000000\n");
  send(id, "x");
  ended(id);
  const auto source = open_chain_file(saved(id).string());
  ASSERT_TRUE(source);
  const auto bundle = folder / "loops.bundle";
  const auto written = write_bundle(bundle.string(), **source, {.components = {component("guests/loops_in_handler")}});
  ASSERT_TRUE(written) << written.error().to_string();
  const ReplayReport report = replayed(bundle, {});
  EXPECT_TRUE(report.same()) << in_words(report);
  EXPECT_THAT(report.remarks, IsEmpty());
}

TEST_F(Replay, can_be_given_up) {
  const ActorId id = spawn("counter", "counter");
  for (int i = 0; i < 900; ++i) send(id, "1");
  EXPECT_EQ(ask_text(id, "?"), "900");
  ReplayOptions options = with("counter");
  std::uint64_t seen = 0;
  options.progress = [&](std::uint64_t sequence, std::uint64_t next_sequence) {
    seen = sequence;
    EXPECT_LE(sequence, next_sequence);
    return false;
  };
  const ReplayReport report = replayed(saved(id), options);
  ASSERT_TRUE(report.stop);
  EXPECT_TRUE(report.stop->given_up);
  EXPECT_EQ(report.next_sequence, seen);
}

}  // namespace
}  // namespace theater::testing
