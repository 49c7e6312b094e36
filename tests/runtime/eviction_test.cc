// Idle eviction with real components.
#include <gmock/gmock.h>

#include "../replay/replay_fixture.h"

namespace theater::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::StartsWith;

class IdleEviction : public ReplayTest {
 protected:
  static constexpr const char* kEvictedSoon = "[instance]\nevict_after_ms = 1\n";

  void wait_until_evicted(const ActorId& id) {
    wait_until([&] { return runtime->info(id)->memory_bytes == 0; });
  }
  std::vector<std::string> notes(const ActorId& id) const {
    std::vector<std::string> types;
    for (const Event& event : runtime->events(id).value_or(std::vector<Event>())) {
      if (event.kind == EventKind::kNote) types.push_back(event.note_type);
    }
    return types;
  }
};

TEST_F(IdleEviction, an_idle_actor_keeps_its_state_and_loses_its_memory_and_replays) {
  const ActorId id = spawn("first", "guests/update_first", kEvictedSoon);
  send(id, "1");
  // It may have been evicted before that came.
  EXPECT_THAT(ask_text(id, "?"), StartsWith("first 1 "));
  wait_until_evicted(id);
  EXPECT_EQ(runtime->info(id)->status, ActorStatus::kRunning);
  EXPECT_EQ(ask_text(id, "?"), "first 1 0");
  wait_until_evicted(id);
  EXPECT_EQ(ask_text(id, "?"), "first 1 0");
  EXPECT_EQ(notes(id).back(), "runtime.instance-renewed");
  expect_same(id, "guests/update_first");
}

TEST_F(IdleEviction, an_answer_that_is_owed_outlives_the_instance) {
  const ActorId id = spawn("oracle", "oracle", kEvictedSoon);
  std::promise<Result<Bytes>> promise;
  auto answered = promise.get_future();
  router.request(id, as_bytes("will it rain?"), 60'000,
                 [&](Result<Bytes> answer) { promise.set_value(std::move(answer)); });
  wait_for_log("oracle", "asked: will it rain?");
  wait_until_evicted(id);
  send(id, "yes");
  const auto answer = answered.get();
  ASSERT_TRUE(answer) << answer.error().to_string();
  EXPECT_EQ(as_text(*answer), "yes");
  expect_same(id, "oracle");
}

TEST_F(IdleEviction, an_actor_whose_manifest_does_not_say_so_keeps_its_memory) {
  const ActorId evicted = spawn("evicted", "guests/update_first", kEvictedSoon);
  const ActorId kept = spawn("kept", "guests/update_first");
  send(kept, "1");
  wait_until_evicted(evicted);
  EXPECT_EQ(ask_text(kept, "?"), "first 1 1");
  EXPECT_THAT(notes(kept), ElementsAre());
}

}  // namespace
}  // namespace theater::testing
