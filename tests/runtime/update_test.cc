// Hot update with real components.
#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>

#include "../replay/replay_fixture.h"
#include "base/sha256.h"

namespace theater::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class HotUpdate : public ReplayTest {
 protected:
  /// Fuel enough for anything but a loop.
  static constexpr const char* kLimits = "[limits]\nfuel_per_turn = 10000000\n";

  /// An update goes before the messages that wait: this one is dealt with when it returns.
  void tell(const ActorId& id, const std::string& message) {
    send(id, message);
    EXPECT_TRUE(ask(id, "?"));
  }
  ActorId spawn_first(const std::string& more = kLimits) { return spawn("first", "guests/update_first", more); }
  Result<UpdateReport> update(const ActorId& id, const std::string& name, bool preflight = false) {
    return runtime->update(id, component(name), {.preflight = preflight});
  }
  void expect_updated(const ActorId& id, const std::string& name) {
    const auto updated = update(id, name);
    ASSERT_TRUE(updated) << updated.error().to_string();
    EXPECT_TRUE(updated->is_done);
  }
  std::string error_of_update(const ActorId& id, const std::string& name) {
    const auto updated = update(id, name);
    if (updated) return "updated";
    return std::string(to_string(updated.error().code())) + ": " + updated.error().to_string();
  }
  std::vector<Event> events(const ActorId& id) const { return runtime->events(id).value_or(std::vector<Event>()); }
  /// Starts with the beginning of their component's digest, and the runtime's notes.
  std::vector<std::string> history(const ActorId& id) const {
    std::vector<std::string> lines;
    for (const Event& event : events(id)) {
      if (event.kind == EventKind::kStarted) {
        lines.push_back(std::string(to_string(event.start)) + " " + to_hex(event.component).substr(0, 8));
      }
      if (event.kind == EventKind::kNote) lines.push_back(event.note_type);
    }
    return lines;
  }
  static std::string short_digest(const std::string& name) { return to_hex(sha256(component(name))).substr(0, 8); }
  /// Re-runs the chain with all components that it names.
  void expect_replays(const ActorId& id, const std::vector<std::string>& names) {
    EXPECT_TRUE(runtime->stop(id));
    ReplayOptions options = with(names.front());
    for (std::size_t i = 1; i < names.size(); ++i) options.components.push_back(component(names[i]));
    const ReplayReport report = replayed(saved(id), options);
    EXPECT_TRUE(report.same()) << in_words(report);
    EXPECT_EQ(report.next_sequence, runtime->info(id)->events);
  }
};

TEST_F(HotUpdate, the_new_component_goes_on_with_id_state_and_chain) {
  const ActorId id = spawn_first();
  send(id, "1");
  send(id, "2");
  EXPECT_EQ(ask_text(id, "?"), "first 2 2");
  const auto updated = update(id, "guests/update_second");
  ASSERT_TRUE(updated) << updated.error().to_string();
  EXPECT_TRUE(updated->is_done);
  EXPECT_EQ(updated->former, sha256(component("guests/update_first")));
  EXPECT_EQ(updated->component, sha256(component("guests/update_second")));
  EXPECT_EQ(ask_text(id, "?"), "second 2 0");
  EXPECT_EQ(log_of("first"), "goes on with 2\n");
  EXPECT_THAT(history(id), ElementsAre("spawned " + short_digest("guests/update_first"),
                                       "updated " + short_digest("guests/update_second"), "runtime.updated"));
  const std::vector<Event> all = events(id);
  const auto note = std::ranges::find(all, "runtime.updated", &Event::note_type);
  EXPECT_EQ(as_text(note->note.head), to_hex(updated->former) + " " + to_hex(updated->component));
  expect_replays(id, {"guests/update_first", "guests/update_second"});
}

TEST_F(HotUpdate, a_state_of_another_form_is_migrated) {
  const ActorId id = spawn_first();
  send(id, "1");
  tell(id, "2");
  expect_updated(id, "guests/update_migrates");
  EXPECT_EQ(ask_text(id, "?"), "migrated 20");
  EXPECT_EQ(log_of("first"), "takes over from " + short_digest("guests/update_first") + "\n");
  send(id, "3");
  EXPECT_EQ(ask_text(id, "?"), "migrated 30");
  expect_replays(id, {"guests/update_first", "guests/update_migrates"});
}

TEST_F(HotUpdate, a_state_is_migrated_in_c_as_well) {
  const ActorId id = spawn("echo", "guests/echo");
  tell(id, "hello");
  expect_updated(id, "guests/update_in_c");
  EXPECT_EQ(ask_text(id, "?"), "hello!");
}

TEST_F(HotUpdate, one_that_cannot_read_the_state_gives_way) {
  const ActorId id = spawn("echo", "guests/echo");
  tell(id, "hello");
  EXPECT_THAT(error_of_update(id, "guests/update_migrates"), HasSubstr("there is no count to take over"));
  EXPECT_EQ(ask_text(id, "state"), "hello");
}

/// What may go wrong, by the number that tells guests/update_fails.cc, and what the error says.
class FailingUpdate : public HotUpdate, public ::testing::WithParamInterface<std::pair<int, const char*>> {};

INSTANTIATE_TEST_SUITE_P(Faults, FailingUpdate,
                         ::testing::Values(std::pair(1, "trapped in theater:ext/migrate.migrate"),
                                           std::pair(2, "trapped in theater:ext/migrate.migrate: out of fuel"),
                                           std::pair(3, "migrate returned an error: would rather not"),
                                           std::pair(4, "trapped in theater:simple/actor.init"),
                                           std::pair(5, "trapped in theater:simple/actor.init: out of fuel"),
                                           std::pair(6, "init returned an error: would rather not"),
                                           std::pair(7, "trapped in theater:simple/actor.init")));

TEST_P(FailingUpdate, leaves_the_former_instance_with_its_state_and_memory) {
  const auto [fault, words] = GetParam();
  const ActorId other = spawn("other", "guests/echo");
  const ActorId id = spawn_first();
  send(id, "1");
  send(id, "fault " + std::to_string(fault));
  EXPECT_EQ(ask_text(id, "?"), "first 1 2");
  const std::string error = error_of_update(id, "guests/update_fails");
  EXPECT_THAT(error, StartsWith("guest-error"));
  EXPECT_THAT(error, HasSubstr(words));
  EXPECT_EQ(ask_text(id, "?"), "first 1 2") << "its state and what it kept beside it";
  send(id, "2");
  EXPECT_EQ(ask_text(id, "?"), "first 2 3");
  EXPECT_THAT(history(id), ElementsAre("spawned " + short_digest("guests/update_first"),
                                       "updated " + short_digest("guests/update_fails"),
                                       "updated " + short_digest("guests/update_first"), "runtime.update-failed"));
  if (fault == 7) {
    EXPECT_EQ(ask_text(other, "state"), "on my way") << "it is in the chain";
  }
  // It may be tried again.
  tell(id, "fault 0");
  expect_updated(id, "guests/update_fails");
  EXPECT_EQ(ask_text(id, "?"), "fails 1002 0");
  expect_replays(id, {"guests/update_first", "guests/update_fails"});
}

TEST_F(HotUpdate, a_new_component_may_end_the_actor_in_order) {
  const ActorId id = spawn_first();
  tell(id, "fault 8");
  EXPECT_EQ(error_of_update(id, "guests/update_fails"), "updated");
  EXPECT_EQ(ended(id).end_reason, StopReason::kShutdown);
  expect_replays(id, {"guests/update_first", "guests/update_fails"});
}

TEST_F(HotUpdate, what_cannot_be_made_or_may_not_changes_nothing) {
  const ActorId id = spawn_first();
  send(id, "1");
  EXPECT_EQ(ask_text(id, "?"), "first 1 1");
  EXPECT_THAT(error_of_update(id, "guests/loops_in_start"), HasSubstr("while making an instance"));
  const auto no_component = runtime->update(id, as_bytes("no component"));
  ASSERT_FALSE(no_component);
  EXPECT_EQ(no_component.error().code(), ErrorCode::kInvalidComponent);
  const auto not_granted = update(id, "boss");
  ASSERT_FALSE(not_granted);
  EXPECT_EQ(not_granted.error().code(), ErrorCode::kMissingHandler) << not_granted.error().to_string();
  EXPECT_THAT(not_granted.error().to_string(), HasSubstr("theater:simple/supervisor"));
  EXPECT_EQ(ask_text(id, "?"), "first 1 1");
  EXPECT_THAT(history(id), ElementsAre("spawned " + short_digest("guests/update_first"), "runtime.update-refused",
                                       "runtime.update-refused", "runtime.update-refused"));
  expect_replays(id, {"guests/update_first"});
}

TEST_F(HotUpdate, a_component_that_lacks_what_others_call_is_refused) {
  const auto boss = runtime->spawn(THEATER_EXAMPLES "/supervisor_tree/manifest.toml");
  ASSERT_TRUE(boss) << boss.error().to_string();
  const auto updated = update(*boss, "guests/sdk_nothing");
  ASSERT_FALSE(updated);
  EXPECT_EQ(updated.error().code(), ErrorCode::kInvalidComponent);
  EXPECT_THAT(updated.error().to_string(), HasSubstr("does not export theater:simple/supervisor-handlers"));
}

TEST_F(HotUpdate, messages_that_wait_and_open_channels_go_to_the_new_component) {
  const ActorId id = spawn("echo", "guests/echo");
  ASSERT_TRUE(runtime->pause(id));
  send(id, "waited");
  expect_updated(id, "guests/update_in_c");
  EXPECT_EQ(runtime->info(id)->status, ActorStatus::kPaused);
  ASSERT_TRUE(runtime->unpause(id));
  EXPECT_EQ(ask_text(id, "?"), "!") << "the send had an error: update_in_c takes none";
  EXPECT_THAT(log_of("echo"), HasSubstr("send is not handled by this actor"));
}

TEST_F(HotUpdate, an_update_waits_for_the_turn_that_runs) {
  const ActorId id = spawn_first();
  std::promise<std::string> promise;
  router.request(id, as_bytes("wait"), 0, [&](Result<Bytes> answer) {
    promise.set_value(answer ? std::string(as_text(*answer)) : answer.error().to_string());
  });
  // started, init; then the call that waits and what it waits in.
  wait_until([&] { return runtime->info(id)->events >= 5; });
  expect_updated(id, "guests/update_second");
  EXPECT_EQ(promise.get_future().get(), "first 0 0");
  EXPECT_EQ(ask_text(id, "wait"), "second 0 0");
  expect_replays(id, {"guests/update_first", "guests/update_second"});
}

TEST_F(HotUpdate, updates_that_race_with_messages_lose_none_and_the_chain_replays) {
  const ActorId id = spawn_first();
  std::atomic<bool> over = false;
  std::atomic<int> sent = 0;
  std::thread sender([&] {
    while (!over) {
      if (router.send(id, as_bytes("more"))) ++sent;
      if (sent % 100 == 0) (void)ask(id, "?");
    }
  });
  for (int i = 0; i < 20; ++i) {
    expect_updated(id, i % 2 == 0 ? "guests/update_second" : "guests/update_first");
  }
  over = true;
  sender.join();
  EXPECT_EQ(ask_text(id, "?").substr(0, 6 + std::to_string(sent).size()), "first " + std::to_string(sent));
  expect_replays(id, {"guests/update_first", "guests/update_second"});
}

TEST_F(HotUpdate, of_updates_at_the_same_time_one_is_told_to_come_again) {
  const ActorId id = spawn_first();
  std::promise<void> answered;
  router.request(id, as_bytes("wait"), 0, [&](const Result<Bytes>&) { answered.set_value(); });
  std::vector<std::future<std::string>> updates;
  for (int i = 0; i < 4; ++i) {
    updates.push_back(std::async(std::launch::async, [&] { return error_of_update(id, "guests/update_second"); }));
  }
  int done = 0;
  for (auto& update : updates) {
    const std::string outcome = update.get();
    if (outcome == "updated") {
      ++done;
    } else {
      EXPECT_THAT(outcome, StartsWith("unavailable"));
    }
  }
  EXPECT_GE(done, 1);
  answered.get_future().get();
  EXPECT_EQ(ask_text(id, "?"), "second 0 0");
}

TEST_F(HotUpdate, a_stop_ends_an_actor_whose_new_component_still_waits_in_init) {
  const ActorId id = spawn_first();
  tell(id, "fault 9");
  auto updated = std::async(std::launch::async, [&] { return error_of_update(id, "guests/update_fails"); });
  wait_for_log("first", "goes on with 1000");
  ASSERT_TRUE(runtime->terminate(id));
  EXPECT_THAT(updated.get(), StartsWith("stopped"));
  expect_replays(id, {"guests/update_first", "guests/update_fails"});
}

TEST_F(HotUpdate, a_restart_makes_the_new_component) {
  const ActorId id = spawn_first();
  send(id, "1");
  expect_updated(id, "guests/update_second");
  ASSERT_TRUE(runtime->restart(id));
  EXPECT_EQ(ask_text(id, "?"), "second 0 0");
  expect_replays(id, {"guests/update_first", "guests/update_second"});
}

TEST_F(HotUpdate, whoever_is_not_there_cannot_be_updated) {
  const auto unknown = update(ActorId(), "guests/update_first");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code(), ErrorCode::kNotFound);
  const ActorId id = spawn_first();
  ASSERT_TRUE(runtime->stop(id));
  EXPECT_THAT(error_of_update(id, "guests/update_second"), StartsWith("stopped"));
}

TEST_F(HotUpdate, a_preflight_tells_the_first_difference_before_anything_changes) {
  const ActorId id = spawn_first();
  send(id, "1");
  EXPECT_EQ(ask_text(id, "?"), "first 1 1");
  const auto differs = update(id, "guests/update_second", true);
  ASSERT_TRUE(differs) << differs.error().to_string();
  EXPECT_FALSE(differs->is_done);
  ASSERT_TRUE(differs->preflight && differs->preflight->divergence) << in_words(differs->preflight.value());
  EXPECT_THAT(differs->preflight->divergence->call.value_or(""), HasSubstr("handle-request"));
  EXPECT_EQ(ask_text(id, "?"), "first 1 1");
  EXPECT_THAT(history(id), ElementsAre("spawned " + short_digest("guests/update_first")));
  // The same behaviour all along passes; after an update what counts is the chain since then.
  expect_updated(id, "guests/update_second");
  EXPECT_EQ(ask_text(id, "?"), "second 1 0");
  const auto same = update(id, "guests/update_second", true);
  ASSERT_TRUE(same) << same.error().to_string();
  EXPECT_TRUE(same->is_done) << in_words(same->preflight.value());
  EXPECT_FALSE(update(id, "guests/update_first", true)->is_done);
}

TEST_F(HotUpdate, events_of_former_components_keep_their_functions_names) {
  const ActorId id = spawn_first();
  send(id, "1");
  EXPECT_EQ(ask_text(id, "?"), "first 1 1");
  expect_updated(id, "guests/update_in_c");
  const auto before = runtime->events(id, 2);
  ASSERT_TRUE(before);
  for (const Event& event : *before)
    EXPECT_THAT(event.function, ::testing::Not(HasSubstr("export "))) << describe(event);
}

/// With a data directory.
class DurableUpdate : public HotUpdate {
 protected:
  void SetUp() override {
    folder =
        std::filesystem::path(::testing::TempDir()) / ("theater_update_" + std::to_string(::getpid()) + "_" +
                                                       ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(folder);
    start_again();
  }
  void start_again() {
    if (runtime) runtime->shut_down();
    runtime.reset();
    RuntimeOptions options;
    options.data_directory = folder / "data";
    start(std::move(options));
  }
  /// The chain in the directory, with the components that are kept there.
  void expect_directory_replays(const ActorId& id) {
    runtime->shut_down();
    runtime.reset();
    ReplayOptions options;
    options.actor = to_string(id);
    options.code_cache = components_folder() + "/replay-code";
    const ReplayReport report = replayed(folder / "data", options);
    EXPECT_TRUE(report.same()) << in_words(report);
  }
  ActorId spawn_resuming() {
    auto manifest = parse("resume = true\n" + manifest_text("first", "guests/update_first", kLimits));
    EXPECT_TRUE(manifest) << manifest.error().to_string();
    const auto blueprint = runtime->prepare(std::move(*manifest));
    EXPECT_TRUE(blueprint) << blueprint.error().to_string();
    SpawnOptions options;
    options.register_name = true;
    return runtime->spawn(*blueprint, std::move(options)).value_or(ActorId());
  }
};

TEST_F(DurableUpdate, an_actor_is_resumed_with_the_new_component) {
  const ActorId id = spawn_resuming();
  tell(id, "1");
  expect_updated(id, "guests/update_second");
  send(id, "2");
  EXPECT_EQ(ask_text(id, "?"), "second 2 1");
  start_again();
  const auto resumed = runtime->resume();
  ASSERT_EQ(resumed.size(), 1u);
  EXPECT_FALSE(resumed[0].error) << resumed[0].error->to_string();
  EXPECT_EQ(ask_text(id, "?"), "second 2 0");
  // Of the life before, from the disk.
  const auto old = runtime->events(id, 1);
  ASSERT_TRUE(old) << old.error().to_string();
  EXPECT_EQ(old->front().function, "theater:simple/actor.init");
  expect_directory_replays(id);
}

TEST_F(DurableUpdate, an_update_that_the_end_of_the_runtime_cut_off_counts_for_nothing) {
  const ActorId id = spawn_resuming();
  send(id, "1");
  tell(id, "fault 9");
  auto updated = std::async(std::launch::async, [&] { return error_of_update(id, "guests/update_fails"); });
  wait_for_log("first", "goes on with 1001");
  runtime->shut_down();
  EXPECT_THAT(updated.get(), StartsWith("stopped"));
  start_again();
  const auto resumed = runtime->resume();
  ASSERT_EQ(resumed.size(), 1u);
  EXPECT_FALSE(resumed[0].error) << resumed[0].error->to_string();
  EXPECT_EQ(ask_text(id, "?"), "first 1 0");
  expect_directory_replays(id);
}

}  // namespace
}  // namespace theater::testing
