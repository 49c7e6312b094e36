// Names, groups and timers of real actors, over restarts and ends.
#include <gmock/gmock.h>

#include <algorithm>

#include "runtime_fixture.h"

namespace theater::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr const char* kGrants = "[[handler]]\ntype = \"registry\"\n[[handler]]\ntype = \"timers\"\n";
constexpr const char* kComesBack =
    "[supervision]\nrestart = \"permanent\"\nmax_restarts = 1000\nbackoff_ms = { min = 0, jitter = 0 }\n";

class RegistryTest : public RuntimeTest {
 protected:
  ActorId spawn_ext(const std::string& name, const std::string& more = "") {
    return spawn(name, "guests/sdk_ext", kGrants + more);
  }
  void crash_and_wait(const ActorId& id) {
    const std::uint64_t restarts = runtime->info(id)->restarts;
    send(id, "crash");
    wait_until([&] {
      const auto info = runtime->info(id);
      return info->restarts > restarts && info->status == ActorStatus::kRunning;
    });
  }
};

TEST_F(RegistryTest, interfaces_that_the_manifest_does_not_grant_are_refused_with_the_lines_to_add) {
  for (const std::string left_out : {"registry", "timers"}) {
    const std::string granted = left_out == "timers" ? "registry" : "timers";
    const auto refused = try_spawn("x", "guests/sdk_ext", "[[handler]]\ntype = \"" + granted + "\"\n");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::kMissingHandler);
    EXPECT_THAT(refused.error().to_string(),
                AllOf(HasSubstr("theater:ext/" + left_out), HasSubstr("[[handler]]\ntype = \"" + left_out + "\"")));
  }
}

TEST_F(RegistryTest, what_sends_needs_the_message_server_as_well) {
  auto manifest = parse("name = \"x\"\ncomponent = \"" + components_folder() +
                        "/guests/sdk_ext.wasm\"\n[[handler]]\ntype = \"runtime\"\n" + kGrants);
  ASSERT_TRUE(manifest) << manifest.error().to_string();
  const auto blueprint = runtime->prepare(std::move(*manifest));
  ASSERT_TRUE(blueprint) << blueprint.error().to_string();
  // Nobody can ask it either: its first state is the command.
  for (const std::string command : {"publish news x", "after 1 self x", "every 10 b x"}) {
    SpawnOptions options;
    options.state = to_bytes(command);
    ASSERT_TRUE(runtime->spawn(*blueprint, std::move(options)));
  }
  EXPECT_THAT(log_of("x"), AllOf(HasSubstr("error: not permitted: publish sends messages"),
                                 HasSubstr("error: not permitted: timers send messages")));
}

TEST_F(RegistryTest, names_groups_and_timers_work_from_real_components) {
  const ActorId a = spawn_ext("a");
  const ActorId b = spawn_ext("b");
  EXPECT_EQ(ask_text(a, "register printer"), "ok");
  EXPECT_EQ(ask_text(b, "whereis printer"), to_string(a));
  EXPECT_EQ(ask_text(b, "register printer"),
            "error: the name \"printer\" belongs to actor " + to_string(a) + " already");
  EXPECT_EQ(ask_text(b, "join news"), "ok");
  EXPECT_EQ(ask_text(a, "members news"), "[" + to_string(b) + "]");
  EXPECT_EQ(ask_text(a, "publish news rain"), "1");
  wait_for_log("b", "heard rain");
  const std::string large(50'000, 'x');
  EXPECT_EQ(ask_text(a, "publish news " + large), "1");
  wait_for_log("b", "heard xxxx");
  EXPECT_THAT(ask_text(a, "after 1 b later"), ::testing::MatchesRegex("[0-9]+"));
  wait_for_log("b", "heard later");
  const std::string timer = ask_text(a, "every 10 self tick");
  wait_for_log("a", "heard tick\nheard tick");
  EXPECT_EQ(ask_text(a, "cancel " + timer), "true");
  EXPECT_EQ(ask_text(a, "cancel " + timer), "false");
}

TEST_F(RegistryTest, a_restart_keeps_names_and_memberships_and_ends_timers) {
  const ActorId a = spawn_ext("a", kComesBack);
  const ActorId b = spawn_ext("b");
  ask_text(a, "register printer");
  ask_text(a, "join news");
  const std::string timer = ask_text(a, "every 10 self tick");
  wait_for_log("a", "heard tick");
  crash_and_wait(a);
  EXPECT_EQ(ask_text(b, "whereis printer"), to_string(a));
  EXPECT_EQ(ask_text(b, "members news"), "[" + to_string(a) + "]");
  EXPECT_EQ(ask_text(a, "cancel " + timer), "false");
  EXPECT_EQ(ask_text(b, "publish news x"), "1");
  wait_for_log("a", "heard x");
  EXPECT_EQ(ask_text(a, "heard"), "1") << "no tick came to the new instance";
}

TEST_F(RegistryTest, an_end_for_good_releases_names_and_memberships) {
  const ActorId a = spawn_ext("a");
  const ActorId b = spawn_ext("b");
  ask_text(a, "register printer");
  ask_text(a, "join news");
  ASSERT_TRUE(runtime->stop(a));
  EXPECT_EQ(ask_text(b, "whereis printer"), "nobody");
  EXPECT_EQ(ask_text(b, "whereis a"), "nobody");
  EXPECT_EQ(ask_text(b, "members news"), "");
  EXPECT_EQ(ask_text(b, "register printer"), "ok");
  ASSERT_TRUE(runtime->restart(a));
  EXPECT_EQ(ask_text(b, "whereis a"), to_string(a)) << "the name that it was started with comes back with it";
}

TEST_F(RegistryTest, a_timer_s_receiver_that_ends_ends_the_timer) {
  const ActorId a = spawn_ext("a");
  const ActorId b = spawn_ext("b");
  const std::string timer = ask_text(a, "every 10 b tick");
  wait_for_log("b", "heard tick");
  ASSERT_TRUE(runtime->stop(b));
  wait_until([&] {
    const auto events = runtime->events(a);
    return std::ranges::find(*events, "timers.refused", &Event::note_type) != events->end();
  });
  EXPECT_EQ(ask_text(a, "cancel " + timer), "false");
}

}  // namespace
}  // namespace theater::testing
