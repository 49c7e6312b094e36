#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>

#include "runtime_fixture.h"

namespace theater::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// The actors of examples/supervisor_tree: a boss and its two workers.
class Lifecycle : public RuntimeTest {
 protected:
  ActorId spawn_boss(const std::function<void(Manifest&)>& change = nullptr) {
    auto loaded = runtime->load(THEATER_EXAMPLES "/supervisor_tree/manifest.toml");
    EXPECT_TRUE(loaded) << loaded.error().to_string();
    if (change) change(loaded->manifest);
    const auto blueprint = runtime->prepare(std::move(loaded->manifest));
    EXPECT_TRUE(blueprint) << blueprint.error().to_string();
    const auto id = runtime->spawn(*blueprint);
    EXPECT_TRUE(id) << id.error().to_string();
    boss = *id;
    const std::vector<ActorId> children = runtime->children(boss);
    EXPECT_THAT(children, SizeIs(2));
    first = children.at(0);
    second = children.at(1);
    return boss;
  }
  ActorId spawn_below(const ActorId& parent, const std::string& name, const std::string& component,
                      const std::string& more) {
    const auto blueprint = runtime->prepare(*parse(manifest_text(name, component, more)));
    EXPECT_TRUE(blueprint) << blueprint.error().to_string();
    SpawnOptions options;
    options.parent = parent;
    const auto id = runtime->spawn(*blueprint, std::move(options));
    EXPECT_TRUE(id) << id.error().to_string();
    return id.value_or(ActorId());
  }
  /// A worker without a boss.
  ActorId spawn_worker(const std::string& more = "") { return spawn("worker", "worker", more); }

  ActorInfo info(const ActorId& id) const { return runtime->info(id).value_or(ActorInfo()); }
  void wait_for_restarts(const ActorId& id, std::uint64_t restarts) {
    wait_until([&] { return info(id).restarts >= restarts && info(id).status == ActorStatus::kRunning; });
  }
  std::vector<std::string> lives(const ActorId& id) const {
    std::vector<std::string> starts_and_ends;
    for (const Event& event : runtime->events(id).value_or(std::vector<Event>())) {
      if (event.kind == EventKind::kStarted) starts_and_ends.emplace_back(to_string(event.start));
      if (event.kind == EventKind::kStopped) starts_and_ends.emplace_back(to_string(event.stop));
    }
    return starts_and_ends;
  }
  std::vector<std::string> ends() {
    const std::lock_guard lock(mutex);
    return ended_in_order;
  }
  void actor_ended(const ActorInfo& ended) override {
    const std::lock_guard lock(mutex);
    ended_in_order.push_back(ended.name);
  }

  ActorId boss;
  ActorId first;
  ActorId second;
  std::vector<std::string> ended_in_order;
};

TEST_F(Lifecycle, a_parent_s_children_are_known_to_it_and_name_it_as_their_parent) {
  spawn_boss();
  EXPECT_EQ(ask_text(boss, "children"), "2");
  EXPECT_EQ(ask_text(boss, "workers"), to_string(first) + " " + to_string(second));
  EXPECT_EQ(info(first).parent, boss);
  EXPECT_EQ(runtime->events(first)->front().parent, boss);
}

TEST_F(Lifecycle, a_child_that_fails_is_told_of_and_comes_back_under_its_id_with_its_chain_and_first_state) {
  spawn_boss();
  send(first, "work");
  send(first, "crash");
  wait_for_log("boss", "the first worker failed: trapped");
  wait_for_restarts(first, 1);
  EXPECT_EQ(ask_text(first, "?"), "0 done");
  EXPECT_THAT(lives(first), ElementsAre("spawned", "failed", "restarted"));
  const auto report = runtime->verify(first);
  ASSERT_TRUE(report);
  EXPECT_FALSE(report->fault) << report->fault->second;
  EXPECT_TRUE(report->complete);
}

TEST_F(Lifecycle, the_news_of_a_failure_names_the_event_that_ended_the_child) {
  spawn_boss();
  send(first, "crash");
  wait_for_log("boss", "failed");
  EXPECT_EQ(ask_text(boss, "children").size(), 1u);
  const auto events = runtime->events(boss);
  const auto news = std::ranges::find_if(
      *events, [](const Event& e) { return e.kind == EventKind::kCall && e.function.ends_with("handle-child-error"); });
  ASSERT_NE(news, events->end());
  ASSERT_TRUE(news->cause);
  EXPECT_EQ(news->cause->actor, first);
  EXPECT_EQ(runtime->events(first)->at(news->cause->sequence).kind, EventKind::kStopped);
}

TEST_F(Lifecycle, a_transient_child_that_leaves_is_told_of_with_its_result_and_stays_away) {
  spawn_boss();
  send(second, "leave");
  wait_for_log("boss", "the second worker is done: goodbye");
  EXPECT_EQ(ended(second).end_reason, StopReason::kShutdown);
  EXPECT_THAT(runtime->children(boss), ElementsAre(first));
}

TEST_F(Lifecycle, a_stop_from_outside_is_told_to_the_parent_and_one_by_the_parent_is_not) {
  spawn_boss();
  EXPECT_EQ(ask_text(boss, "stop " + to_string(first)), "ok");
  ASSERT_TRUE(runtime->stop(second));
  wait_for_log("boss", "the second worker was stopped");
  EXPECT_THAT(log_of("boss"), ::testing::Not(HasSubstr("first")));
  EXPECT_THAT(lives(first), ElementsAre("spawned", "requested"));
  EXPECT_EQ(ask_text(boss, "stop " + to_string(first)), "ok") << "stopping twice is no error";
}

TEST_F(Lifecycle, a_child_is_restarted_by_hand_whether_it_lives_or_has_ended) {
  spawn_boss();
  send(first, "work");
  EXPECT_EQ(ask_text(boss, "restart " + to_string(first)), "ok");
  EXPECT_EQ(ask_text(first, "?"), "0 done");
  EXPECT_EQ(ask_text(boss, "stop " + to_string(first)), "ok");
  EXPECT_EQ(ask_text(boss, "restart " + to_string(first)), "ok");
  EXPECT_EQ(ask_text(first, "?"), "0 done");
  EXPECT_THAT(lives(first), ElementsAre("spawned", "requested", "restarted", "requested", "restarted"));
}

TEST_F(Lifecycle, a_parent_sees_its_children_s_state_and_events) {
  spawn_boss();
  send(first, "work");
  ASSERT_EQ(ask_text(first, "?"), "1 done");
  EXPECT_EQ(ask_text(boss, "state " + to_string(first)), as_text(**runtime->state(first)));
  EXPECT_THAT(ask_text(boss, "events " + to_string(first)),
              HasSubstr("7 theater:simple/message-server-client.handle-request.returned: "));
}

TEST_F(Lifecycle, only_the_parent_may_act_on_a_child) {
  spawn_boss();
  const ActorId other = spawn_worker();
  for (const std::string command : {"stop ", "restart ", "state ", "events "}) {
    EXPECT_THAT(ask_text(boss, command + to_string(other)), HasSubstr("not permitted")) << command;
    EXPECT_THAT(ask_text(boss, command + to_string(boss)), HasSubstr("not permitted")) << command;
    EXPECT_THAT(ask_text(boss, command + "nonsense"), HasSubstr("not an actor's id")) << command;
  }
  EXPECT_EQ(info(other).status, ActorStatus::kRunning);
}

TEST_F(Lifecycle, a_parent_s_stop_ends_its_children_before_it) {
  spawn_boss();
  ASSERT_TRUE(runtime->stop(boss));
  EXPECT_THAT(ends(), ElementsAre("worker-bob", "worker-ann", "boss"));
  EXPECT_EQ(ended(first).end_reason, StopReason::kParent);
  EXPECT_EQ(runtime->living(), 0u);
}

TEST_F(Lifecycle, too_many_restarts_are_the_parent_s_own_failure) {
  spawn_boss([](Manifest& manifest) { manifest.supervision.max_restarts = 1; });
  send(first, "crash");
  wait_for_restarts(first, 1);
  send(second, "crash");
  EXPECT_EQ(ended(boss).end_reason, StopReason::kFailed);
  EXPECT_THAT(ended(boss).end_message, HasSubstr("too many restarts"));
  EXPECT_EQ(ended(first).end_reason, StopReason::kParent);
}

constexpr const char* kAtOnce = "backoff_ms = { min = 0, jitter = 0 }\n";

TEST_F(Lifecycle, a_child_that_fails_in_init_every_time_is_tried_as_often_as_allowed_and_then_fails_its_parent) {
  const ActorId parent = spawn(
      "parent", "guests/echo",
      "[[handler]]\ntype = \"registry\"\n[supervision]\nmax_restarts = 3\nwithin_s = 60\n" + std::string(kAtOnce));
  const ActorId child = spawn_below(parent, "child", "guests/fails_to_start",
                                    "[[handler]]\ntype = \"registry\"\n[supervision]\nrestart = \"permanent\"\n");
  const ActorId storm = spawn("storm", "guests/echo");
  send(child, "crash");
  EXPECT_THAT(ended(parent).end_message, HasSubstr("too many restarts"));
  EXPECT_THAT(lives(child),
              ElementsAre("spawned", "failed", "restarted", "failed", "restarted", "failed", "restarted", "failed"));
  EXPECT_EQ(runtime->living(), 1u);
  EXPECT_EQ(ask_text(storm, "still there?"), "still there?");
}

TEST_F(Lifecycle, an_actor_that_fails_in_init_every_time_stays_away_in_the_end) {
  const ActorId id = spawn("child", "guests/fails_to_start",
                           "[[handler]]\ntype = \"registry\"\n[supervision]\nrestart = \"permanent\"\nmax_restarts = "
                           "5\nwithin_s = 60\n" +
                               std::string(kAtOnce));
  spawn("storm", "guests/echo");
  send(id, "crash");
  EXPECT_EQ(ended(id).status, ActorStatus::kFailed);
  EXPECT_EQ(info(id).restarts, 5u);
  EXPECT_EQ(runtime->living(), 1u);
}

TEST_F(Lifecycle, a_supervisor_that_fails_while_it_hears_of_a_failure_comes_back_without_its_children) {
  const std::string supervision = "[[handler]]\ntype = \"supervisor\"\n[supervision]\nrestart = \"permanent\"\n";
  const ActorId parent = spawn("parent", "guests/fails_as_supervisor", supervision + kAtOnce);
  // One would come back, one never failed: both end with their parent.
  const std::string transient = "[supervision]\nrestart = \"transient\"\n";
  const ActorId failing = spawn_below(parent, "failing", "worker", transient);
  const ActorId quiet = spawn_below(parent, "quiet", "worker", transient);
  send(failing, "crash");
  wait_for_log("parent", "and so do I");
  wait_for_restarts(parent, 1);
  EXPECT_THAT(runtime->children(parent), IsEmpty());
  EXPECT_EQ(ended(quiet).end_reason, StopReason::kParent);
  EXPECT_TRUE(has_ended(ended(failing).status));
  EXPECT_EQ(runtime->living(), 1u);
  EXPECT_THAT(lives(parent), ElementsAre("spawned", "failed", "restarted"));
  // And once more, with new children.
  const ActorId another = spawn_below(parent, "another", "worker", transient);
  send(another, "crash");
  wait_for_restarts(parent, 2);
  EXPECT_EQ(runtime->living(), 1u);
}

TEST_F(Lifecycle, a_supervisor_that_fails_at_every_failure_ends_with_too_many_restarts_of_its_own) {
  const ActorId parent = spawn("parent", "guests/fails_as_supervisor",
                               "[[handler]]\ntype = \"supervisor\"\n[supervision]\nrestart = \"permanent\"\n"
                               "max_restarts = 2\nwithin_s = 60\n" +
                                   std::string(kAtOnce));
  for (std::uint64_t i = 1; i <= 3; ++i) {
    const ActorId child = spawn_below(parent, "child", "worker", "");
    send(child, "crash");
    if (i < 3) wait_for_restarts(parent, i);
  }
  EXPECT_EQ(ended(parent).status, ActorStatus::kFailed);
  wait_until([&] { return runtime->living() == 0; });
}

TEST_F(Lifecycle, a_parent_that_comes_back_makes_its_children_anew) {
  spawn_boss([](Manifest& manifest) {
    manifest.supervision.max_restarts = 1;
    manifest.supervision.restart = RestartPolicy::kPermanent;
  });
  send(first, "crash");
  wait_for_restarts(first, 1);
  send(second, "crash");
  wait_for_restarts(boss, 1);
  EXPECT_THAT(runtime->children(boss), SizeIs(2));
  EXPECT_THAT(runtime->children(boss), ::testing::Not(::testing::Contains(first)));
}

TEST_F(Lifecycle, one_for_all_restarts_the_sibling_as_well) {
  spawn_boss([](Manifest& manifest) { manifest.supervision.strategy = RestartStrategy::kOneForAll; });
  send(second, "crash");
  wait_for_restarts(first, 1);
  wait_for_restarts(second, 1);
  EXPECT_THAT(lives(first), ElementsAre("spawned", "requested", "restarted"));
  EXPECT_THAT(lives(second), ElementsAre("spawned", "failed", "restarted"));
}

TEST_F(Lifecycle, an_actor_without_a_parent_is_restarted_by_the_runtime_and_keeps_its_name) {
  const ActorId id = spawn_worker("[supervision]\nrestart = \"permanent\"\nbackoff_ms = { min = 0, jitter = 0 }\n");
  send(id, "crash");
  wait_for_restarts(id, 1);
  EXPECT_EQ(router.find("worker").value(), id);
  EXPECT_FALSE(try_spawn("worker", "worker"));
  ASSERT_TRUE(runtime->stop(id));
  EXPECT_EQ(ended(id).end_reason, StopReason::kRequested);
  EXPECT_FALSE(router.find("worker"));
}

TEST_F(Lifecycle, a_storm_of_restarts_leaves_every_event_in_place) {
  const ActorId id = spawn_worker(
      "[supervision]\nrestart = \"permanent\"\nmax_restarts = 1000\nbackoff_ms = { min = 0, jitter = 0 }\n");
  constexpr int kRounds = 300;
  for (int i = 1; i <= kRounds; ++i) {
    while (!router.send(id, as_bytes("crash"))) std::this_thread::yield();
    wait_until([&] { return info(id).restarts >= static_cast<std::uint64_t>(i); });
  }
  wait_for_restarts(id, kRounds);
  EXPECT_THAT(lives(id), SizeIs(2 * kRounds + 1));
  EXPECT_FALSE(runtime->verify(id)->fault);
  EXPECT_EQ(runtime->living(), 1u);
}

TEST_F(Lifecycle, an_end_of_the_runtime_waits_for_no_restart) {
  const ActorId id =
      spawn_worker("[supervision]\nrestart = \"permanent\"\nbackoff_ms = { min = 3600000, max = 3600000 }\n");
  send(id, "crash");
  wait_until([&] { return info(id).status == ActorStatus::kStarting; });
  runtime->shut_down();
  EXPECT_EQ(runtime->living(), 0u);
  runtime.reset();
}

TEST_F(Lifecycle, a_stop_while_an_actor_waits_to_come_back_keeps_it_away) {
  const ActorId id =
      spawn_worker("[supervision]\nrestart = \"permanent\"\nbackoff_ms = { min = 3600000, max = 3600000 }\n");
  send(id, "crash");
  wait_until([&] { return info(id).status == ActorStatus::kStarting; });
  ASSERT_TRUE(runtime->stop(id));
  EXPECT_EQ(ended(id).end_reason, StopReason::kFailed);
  ASSERT_TRUE(runtime->restart(id));
  EXPECT_EQ(ask_text(id, "?"), "0 done");
}

TEST_F(Lifecycle, an_actor_is_restarted_through_the_api_with_its_name_and_first_state) {
  const ActorId id = spawn_worker();
  send(id, "work");
  ASSERT_EQ(ask_text(id, "?"), "1 done");
  ASSERT_TRUE(runtime->restart(id));
  EXPECT_EQ(ask_text(id, "?"), "0 done");
  EXPECT_EQ(router.find("worker").value(), id);
  ASSERT_TRUE(runtime->stop(id));
  ASSERT_TRUE(runtime->restart(id));
  EXPECT_EQ(router.find("worker").value(), id);
  EXPECT_EQ(runtime->restart(ActorId({9})).error().code(), ErrorCode::kNotFound);
}

TEST_F(Lifecycle, a_restart_is_refused_when_the_name_belongs_to_another_by_now) {
  const ActorId id = spawn_worker();
  ASSERT_TRUE(runtime->stop(id));
  spawn_worker();
  EXPECT_EQ(runtime->restart(id).error().code(), ErrorCode::kAlreadyExists);
}

TEST_F(Lifecycle, a_paused_actor_takes_messages_and_begins_no_turn) {
  const ActorId id = spawn_worker();
  ASSERT_TRUE(runtime->pause(id));
  EXPECT_EQ(runtime->pause(id).error().code(), ErrorCode::kNotRunning);
  send(id, "work");
  EXPECT_EQ(ask(id, "?", 20).error().code(), ErrorCode::kTimeout);
  EXPECT_EQ(info(id).status, ActorStatus::kPaused);
  EXPECT_EQ(info(id).mailbox_messages, 2u);
  ASSERT_TRUE(runtime->unpause(id));
  EXPECT_EQ(ask_text(id, "?"), "1 done");
  EXPECT_EQ(runtime->unpause(id).error().code(), ErrorCode::kNotRunning);
  std::vector<std::string> notes;
  const auto events = runtime->events(id);
  for (const Event& event : *events) {
    if (event.kind == EventKind::kNote) notes.push_back(event.note_type);
  }
  EXPECT_THAT(notes, ElementsAre("runtime.paused", "runtime.continued"));
}

TEST_F(Lifecycle, a_stop_lets_the_running_turn_end) {
  const ActorId id = spawn("sleeper", "guests/sleeps");
  send(id, "30");
  wait_until([&] { return router.totals().delivered > 0; });
  ASSERT_TRUE(runtime->stop(id));
  const auto events = runtime->events(id);
  EXPECT_EQ(events->back().kind, EventKind::kStopped);
  EXPECT_EQ(events->at(events->size() - 2).kind, EventKind::kReturned);
}

TEST_F(Lifecycle, a_turn_that_does_not_end_in_time_is_ended_by_force) {
  const ActorId id = spawn("worker", "worker", "[limits]\nstop_timeout_ms = 10\n");
  send(id, "sleep");
  wait_until([&] { return router.totals().delivered > 0; });
  ASSERT_TRUE(runtime->stop(id));
  EXPECT_THAT(ended(id).end_message, HasSubstr("its turn did not end in time"));
  const auto events = runtime->events(id);
  EXPECT_EQ(events->at(events->size() - 2).failure, FailureReason::kStopped);
}

TEST_F(Lifecycle, who_waits_for_an_actor_that_ends_hears_why) {
  const ActorId id = spawn_worker();
  ASSERT_TRUE(runtime->pause(id));
  std::promise<Result<Bytes>> promise;
  router.request(id, as_bytes("?"), 0, [&](Result<Bytes> answer) { promise.set_value(std::move(answer)); });
  ASSERT_TRUE(runtime->stop(id));
  const auto answer = promise.get_future().get();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), ErrorCode::kStopped);
}

TEST_F(Lifecycle, a_child_s_files_lie_in_the_folder_of_its_parent_s_manifest) {
  spawn_boss();
  EXPECT_THAT(ask_text(boss, "spawn ../counter/manifest.toml"), HasSubstr("does not lie in the folder"));
  EXPECT_THAT(ask_text(boss, "spawn /etc/passwd"), HasSubstr("does not lie in the folder"));
  EXPECT_THAT(ask_text(boss, "spawn name = \"x\"\ncomponent = \"../counter/build/counter.wasm\""),
              HasSubstr("does not lie in the folder"));
  EXPECT_THAT(ask_text(boss, "spawn nothing.toml"), HasSubstr("there is no file"));
  EXPECT_THAT(ask_text(boss, "spawn name = 5"), HasSubstr("manifest given to spawn:1:"));
  EXPECT_THAT(runtime->children(boss), SizeIs(2));
}

TEST_F(Lifecycle, a_child_is_made_from_a_manifest_s_text) {
  spawn_boss();
  const std::string id =
      ask_text(boss,
               "spawn name = \"third\"\ncomponent = \"worker/build/worker.wasm\"\n[[handler]]\ntype = "
               "\"runtime\"\n[[handler]]\ntype = \"message-server\"\n[[handler]]\ntype = \"timing\"");
  ASSERT_TRUE(parse_id<ActorId>(id)) << id;
  EXPECT_EQ(ask_text(*parse_id<ActorId>(id), "?"), "0 done");
  EXPECT_EQ(ask_text(boss, "children"), "3");
}

TEST_F(Lifecycle, a_child_that_fails_in_its_start_is_an_error_and_leaves_nothing) {
  spawn_boss();
  // It imports what this manifest does not grant; then it has not the fuel to start.
  EXPECT_THAT(ask_text(boss, "spawn name = \"third\"\ncomponent = \"worker/build/worker.wasm\"\n"),
              HasSubstr("[[handler]]"));
  EXPECT_THAT(
      ask_text(boss,
               "spawn name = \"third\"\ncomponent = \"worker/build/worker.wasm\"\n[[handler]]\ntype = \"runtime\"\n"
               "[[handler]]\ntype = \"message-server\"\n[[handler]]\ntype = \"timing\"\n"
               "[limits]\nfuel_per_turn = 1\n"),
      HasSubstr("fuel"));
  EXPECT_THAT(runtime->children(boss), SizeIs(2));
  EXPECT_EQ(runtime->living(), 3u);
}

TEST_F(Lifecycle, children_are_bounded_by_the_parent_s_limit) {
  spawn_boss([](Manifest& manifest) { manifest.limits.children_max = 2; });
  EXPECT_THAT(ask_text(boss, "spawn worker/manifest.toml"), HasSubstr("limit of 2 children"));
}

TEST_F(Lifecycle, a_parent_must_live) {
  const ActorId id = spawn_worker();
  ASSERT_TRUE(runtime->stop(id));
  const auto blueprint = runtime->prepare(*parse(manifest_text("orphan", "counter")));
  ASSERT_TRUE(blueprint);
  SpawnOptions options;
  options.parent = id;
  EXPECT_EQ(runtime->spawn(*blueprint, options).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(runtime->living(), 0u);
}

TEST_F(Lifecycle, unique_in_the_manifest_gives_the_actor_its_name) {
  const std::string text = "unique = true\n" + manifest_text("only", "counter");
  const auto blueprint = runtime->prepare(*parse(text));
  ASSERT_TRUE(blueprint);
  const auto id = runtime->spawn(*blueprint);
  ASSERT_TRUE(id);
  EXPECT_EQ(router.find("only").value(), *id);
  EXPECT_EQ(runtime->spawn(*blueprint).error().code(), ErrorCode::kAlreadyExists);
}

TEST_F(Lifecycle, stops_restarts_and_crashes_at_once_end_in_peace) {
  spawn_boss([](Manifest& manifest) {
    manifest.supervision.max_restarts = 1000;
    manifest.supervision.strategy = RestartStrategy::kRestForOne;
    manifest.supervision.backoff_min_ms = manifest.supervision.backoff_jitter_ms = 0;
  });
  std::vector<std::thread> hands;
  for (int hand = 0; hand < 4; ++hand) {
    hands.emplace_back([&, hand] {
      for (int i = 0; i < 50; ++i) {
        const ActorId& target = (i + hand) % 2 == 0 ? first : second;
        if (hand == 0) (void)runtime->restart(target);
        if (hand == 1) (void)router.send(target, as_bytes("crash"));
        if (hand == 2) (void)router.send(target, as_bytes("work"));
        if (hand == 3) (void)ask(target, "?", 5);
      }
    });
  }
  for (std::thread& hand : hands) hand.join();
  ASSERT_TRUE(runtime->stop(boss));
  EXPECT_EQ(runtime->living(), 0u);
  for (const ActorId& id : {boss, first, second}) EXPECT_FALSE(runtime->verify(id)->fault);
}

}  // namespace
}  // namespace theater::testing
