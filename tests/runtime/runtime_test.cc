#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "chain/verify.h"
#include "runtime_fixture.h"

namespace theater::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class RuntimeApi : public RuntimeTest {};

TEST_F(RuntimeApi, an_id_that_is_handed_out_takes_messages) {
  const ActorId id = spawn("counter", "counter");
  send(id, "5");
  send(id, "7");
  EXPECT_EQ(ask_text(id, "sum?"), "12");
  EXPECT_EQ(log_of("counter"), "the sum is 5\nthe sum is 12\n");
}

TEST_F(RuntimeApi, an_actor_is_reached_by_its_name_until_it_ends) {
  const ActorId id = spawn("counter", "counter");
  EXPECT_EQ(router.find("counter").value(), id);
  EXPECT_FALSE(try_spawn("counter", "counter"));
  EXPECT_TRUE(runtime->stop(id));
  EXPECT_FALSE(router.find("counter"));
  EXPECT_TRUE(try_spawn("counter", "counter"));
}

TEST_F(RuntimeApi, a_name_is_free_again_after_the_end_of_an_actor_without_messages) {
  const std::string text = "name = \"quiet\"\ncomponent = \"" + components_folder() + "/guests/sdk_nothing.wasm\"\n";
  for (int round = 0; round < 2; ++round) {
    const auto blueprint = runtime->prepare(*parse(text));
    ASSERT_TRUE(blueprint);
    SpawnOptions options;
    options.register_name = true;
    const auto id = runtime->spawn(*blueprint, std::move(options));
    ASSERT_TRUE(id) << id.error().to_string();
    EXPECT_TRUE(runtime->stop(*id));
  }
}

TEST_F(RuntimeApi, the_chain_names_each_event_and_verifies) {
  const ActorId id = spawn("counter", "counter");
  send(id, "5");
  (void)ask(id, "x");
  const auto events = runtime->events(id);
  ASSERT_TRUE(events);
  std::vector<std::string> what;
  for (const Event& event : *events)
    what.push_back(std::string(to_string(event.kind)) + " " + event.function.substr(event.function.find('.') + 1));
  EXPECT_THAT(what, ElementsAre("started ", "call init", "returned init", "call handle-send", "host-call log",
                                "returned handle-send", "call handle-request", "returned handle-request"));
  const auto report = runtime->verify(id);
  ASSERT_TRUE(report);
  EXPECT_FALSE(report->fault);
  EXPECT_TRUE(report->complete);
  EXPECT_EQ(report->events, 8u);
}

TEST_F(RuntimeApi, a_message_names_the_event_that_sent_it) {
  const ActorId pong = spawn("pong", "guests/echo");
  const ActorId ping = spawn("ping", "guests/echo");
  send(ping, "forward pong hello");
  ASSERT_EQ(ask_text(ping, "x"), "x");
  ASSERT_EQ(ask_text(pong, "x"), "x");
  const auto events = runtime->events(pong);
  const auto received = std::ranges::find_if(*events, [](const Event& e) { return e.cause.has_value(); });
  ASSERT_NE(received, events->end());
  EXPECT_EQ(received->cause->actor, ping);
  const auto sender = runtime->events(ping);
  EXPECT_THAT((*sender)[received->cause->sequence].function, HasSubstr("message-server-host.send"));
}

TEST_F(RuntimeApi, a_message_of_many_bytes_arrives_whole_and_is_recorded_by_digest) {
  const ActorId id = spawn("echo", "guests/echo");
  const std::string large(300'000, 'x');
  EXPECT_EQ(ask_text(id, large), large);
  const auto events = runtime->events(id);
  const auto call = std::ranges::find_if(
      *events, [](const Event& e) { return e.function.ends_with("handle-request") && e.kind == EventKind::kCall; });
  ASSERT_NE(call, events->end());
  ASSERT_TRUE(call->params.body_digest);
  EXPECT_EQ(call->params.body_size, large.size());
  EXPECT_EQ(as_text(call->params.body.value()), large);
}

TEST_F(RuntimeApi, the_state_is_what_the_last_good_turn_returned) {
  const ActorId id = spawn("echo", "guests/echo");
  send(id, "remember");
  ASSERT_EQ(ask_text(id, "x"), "x");
  const auto state = runtime->state(id);
  ASSERT_TRUE(state && *state);
  EXPECT_EQ(as_text(**state), "remember");
  send(id, "fail");
  ASSERT_EQ(ask_text(id, "x"), "x");
  EXPECT_EQ(as_text(**runtime->state(id)), "remember");
}

TEST_F(RuntimeApi, subscribers_hear_every_event_in_order_until_they_leave) {
  const ActorId id = spawn("counter", "counter");
  std::vector<std::uint64_t> heard;
  auto subscription = runtime->subscribe(id, [&](const Event& event) { heard.push_back(event.sequence); });
  for (int i = 0; i < 10; ++i) send(id, "1");
  EXPECT_EQ(ask_text(id, "?"), "10");
  (void)runtime->info(id);
  subscription.reset();
  send(id, "1");
  EXPECT_EQ(ask_text(id, "?"), "11");
  ASSERT_EQ(heard.size(), 32u);
  for (std::size_t i = 0; i < heard.size(); ++i) EXPECT_EQ(heard[i], 3 + i);
}

TEST_F(RuntimeApi, an_actor_that_shuts_down_is_stopped_and_its_chain_stays) {
  const ActorId id = spawn("echo", "guests/echo");
  send(id, "stop");
  EXPECT_EQ(ended(id).end_reason, StopReason::kShutdown);
  const auto events = runtime->events(id);
  ASSERT_TRUE(events);
  EXPECT_EQ(events->back().kind, EventKind::kStopped);
  EXPECT_FALSE(router.send(id, as_bytes("x")));
}

TEST_F(RuntimeApi, stopping_twice_is_no_error_and_stopping_nobody_is_one) {
  const ActorId id = spawn("counter", "counter");
  EXPECT_TRUE(runtime->stop(id));
  EXPECT_TRUE(runtime->stop(id));
  EXPECT_EQ(runtime->stop(ActorId({9})).error().code(), ErrorCode::kNotFound);
}

TEST_F(RuntimeApi, many_actors_start_talk_and_end) {
  auto manifest = parse(manifest_text("counter", "counter"));
  const auto blueprint = runtime->prepare(std::move(*manifest));
  ASSERT_TRUE(blueprint);
  std::vector<ActorId> ids;
  for (int i = 0; i < 300; ++i) ids.push_back(runtime->spawn(*blueprint).value());
  for (const ActorId& id : ids) send(id, "3");
  for (const ActorId& id : ids) EXPECT_EQ(ask_text(id, "?"), "3");
  EXPECT_EQ(runtime->living(), 300u);
  for (const ActorId& id : ids) EXPECT_TRUE(runtime->stop(id));
  EXPECT_TRUE(runtime->wait_all(std::chrono::seconds(10)));
}

TEST_F(RuntimeApi, a_runtime_ends_while_many_actors_stand_in_its_queues) {
  auto manifest = parse(manifest_text("bencher", "bencher"));
  const auto blueprint = runtime->prepare(std::move(*manifest));
  ASSERT_TRUE(blueprint);
  std::vector<ActorId> ids;
  for (int i = 0; i < 400; ++i) ids.push_back(runtime->spawn(*blueprint).value());
  for (std::size_t i = 0; i < ids.size(); i += 2) send(ids[i], to_string(ids[i + 1]) + std::string(28, 'x'));
  runtime->shut_down();
  EXPECT_EQ(runtime->living(), 0u);
  runtime.reset();
}

TEST_F(RuntimeApi, spawning_many_at_once_calls_back_for_each) {
  auto manifest = parse(manifest_text("counter", "counter"));
  const auto blueprint = runtime->prepare(std::move(*manifest));
  std::atomic<int> started = 0;
  for (int i = 0; i < 100; ++i)
    runtime->spawn_async(*blueprint, {}, [&](const Result<ActorId>& id) { started += id.has_value(); });
  while (started < 100) std::this_thread::yield();
  EXPECT_EQ(runtime->living(), 100u);
}

TEST_F(RuntimeApi, two_runtimes_with_a_router_each_live_side_by_side) {
  MessageRouter other_router;
  auto other = Runtime::start({.shards = 1}, builtin_handlers(other_router), other_router);
  ASSERT_TRUE(other);
  auto manifest = parse(manifest_text("counter", "counter"));
  const auto blueprint = (*other)->prepare(std::move(*manifest));
  const auto id = (*other)->spawn(*blueprint);
  ASSERT_TRUE(id);
  EXPECT_FALSE(router.send(*id, as_bytes("1")));
  EXPECT_TRUE(other_router.send(*id, as_bytes("1")));
}

TEST_F(RuntimeApi, more_actors_than_allowed_are_refused) {
  runtime->shut_down();
  runtime.reset();
  start({.actors_max = 2});
  spawn("a", "counter");
  spawn("b", "counter");
  const auto third = try_spawn("c", "counter");
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code(), ErrorCode::kResourceExhausted);
}

TEST_F(RuntimeApi, an_actor_without_the_messaging_handler_costs_the_router_nothing) {
  auto manifest = parse("name = \"quiet\"\ncomponent = \"" + components_folder() + "/guests/sdk_nothing.wasm\"\n");
  ASSERT_TRUE(manifest) << manifest.error().to_string();
  auto blueprint = runtime->prepare(std::move(*manifest));
  ASSERT_TRUE(blueprint) << blueprint.error().to_string();
  const auto id = runtime->spawn(*blueprint);
  ASSERT_TRUE(id);
  EXPECT_EQ(router.size(), 0u);
  EXPECT_EQ(router.send(*id, as_bytes("x")).error().code(), ErrorCode::kNotFound);
}

TEST_F(RuntimeApi, recording_off_records_nothing_and_runs_all_the_same) {
  runtime->shut_down();
  runtime.reset();
  start({.record = false});
  const ActorId id = spawn("counter", "counter");
  send(id, "4");
  EXPECT_EQ(ask_text(id, "?"), "4");
  EXPECT_EQ(runtime->events(id).error().code(), ErrorCode::kUnavailable);
  EXPECT_TRUE(runtime->stop(id));
  runtime->shut_down();
  runtime.reset();
}

/// Chains and compiled code on disk.
class RuntimeFiles : public RuntimeTest {
 protected:
  void SetUp() override {
    folder = std::filesystem::temp_directory_path() / ("theater-runtime-test-" + std::to_string(getpid()));
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    start({.code_cache = folder / "code", .chains_directory = folder / "chains"});
  }
  void TearDown() override {
    RuntimeTest::TearDown();
    std::filesystem::remove_all(folder);
  }
  std::filesystem::path folder;
};

TEST_F(RuntimeFiles, save_chain_keeps_the_whole_chain_in_a_file) {
  std::string text = manifest_text("counter", "counter");
  text.insert(0, "save_chain = true\n");
  auto blueprint = runtime->prepare(std::move(*parse(text)));
  ASSERT_TRUE(blueprint);
  const ActorId id = runtime->spawn(*blueprint).value();
  send(id, "1");
  EXPECT_EQ(ask_text(id, "?"), "1");
  EXPECT_TRUE(runtime->stop(id));
  EXPECT_TRUE(std::filesystem::exists(folder / "chains" / (to_string(id) + ".chain")));
  const auto copy = folder / "copy.chain";
  EXPECT_TRUE(runtime->save_chain(id, copy));
  EXPECT_EQ(std::filesystem::file_size(copy),
            std::filesystem::file_size(folder / "chains" / (to_string(id) + ".chain")));
}

TEST_F(RuntimeFiles, a_saved_chain_with_many_large_values_verifies_with_all_of_them) {
  const ActorId id = spawn("echo", "guests/echo");
  constexpr int kMessages = 500;
  for (int i = 0; i < kMessages; ++i) EXPECT_TRUE(ask(id, std::to_string(i) + std::string(2000, 'x')));
  const auto file = folder / "large.chain";
  ASSERT_TRUE(runtime->save_chain(id, file));
  const auto report = verify_chain_file(file.string());
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->ok()) << report->chain.fault->what;
  EXPECT_GE(report->chain.payloads_checked, std::uint64_t{kMessages});
  EXPECT_EQ(report->chain.payloads_missing, 0u);
}

TEST_F(RuntimeFiles, compiled_code_is_kept_for_the_next_start) {
  spawn("a", "counter");
  EXPECT_FALSE(std::filesystem::is_empty(folder / "code"));
}

/// A folder with a manifest whose template is filled from its init_state, goes when the test ends.
class InitialStates : public RuntimeTest {
 protected:
  InitialStates() {
    std::string pattern = (std::filesystem::temp_directory_path() / "theater-state-XXXXXX").string();
    folder = mkdtemp(pattern.data());
    std::ofstream(folder / "state.json") << R"({"name":"declared","messages":7})";
    std::ofstream(folder / "manifest.toml") << "name = \"{{name}}\"\ncomponent = \"a.wasm\"\ninit_state = "
                                               "\"state.json\"\n[limits]\nmailbox_messages = {{messages}}\n";
  }
  ~InitialStates() override { std::filesystem::remove_all(folder); }

  std::filesystem::path folder;
};

TEST_F(InitialStates, what_the_manifest_names_fills_its_template) {
  const auto loaded = runtime->load(folder / "manifest.toml");
  ASSERT_TRUE(loaded) << loaded.error().to_string();
  EXPECT_EQ(loaded->manifest.name, "declared");
  EXPECT_EQ(loaded->manifest.limits.mailbox_messages, 7u);
  EXPECT_EQ(as_text(*loaded->state), R"({"name":"declared","messages":7})");
}

TEST_F(InitialStates, what_a_starter_gives_is_merged_over_what_the_manifest_names) {
  const auto loaded = runtime->load(folder / "manifest.toml", to_bytes(R"({"name":"given"})"));
  ASSERT_TRUE(loaded) << loaded.error().to_string();
  EXPECT_EQ(loaded->manifest.name, "given");
  EXPECT_EQ(loaded->manifest.limits.mailbox_messages, 7u);
  EXPECT_EQ(as_text(*loaded->state), R"({"messages":7,"name":"given"})");
}

TEST_F(InitialStates, a_state_that_cannot_be_read_is_named) {
  std::filesystem::remove(folder / "state.json");
  const auto loaded = runtime->load(folder / "manifest.toml", to_bytes(R"({"name":"given","messages":1})"));
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().to_string(), HasSubstr("init_state"));
  EXPECT_THAT(loaded.error().to_string(), HasSubstr((folder / "state.json").string()));
}

TEST_F(InitialStates, a_manifest_with_other_faults_tells_of_all) {
  std::ofstream(folder / "manifest.toml") << "nam = 1\ninit_state = 2\n";
  const auto loaded = runtime->load(folder / "manifest.toml");
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().message(), HasSubstr("manifest.toml:1:1: unknown key \"nam\""));
  EXPECT_THAT(loaded.error().message(), HasSubstr("manifest.toml:2:14: init_state"));
}

}  // namespace
}  // namespace theater::testing
