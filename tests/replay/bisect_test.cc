// The first event at which a condition holds, in chains of real actors.
#include "replay/bisect.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include "chain/chain_source.h"
#include "replay_fixture.h"

namespace theater::testing {
namespace {

using ::testing::HasSubstr;

class Bisect : public ReplayTest {
 protected:
  Result<replay::Bisected> bisect(const ActorId& id, const std::string& text, const ReplayOptions& options) {
    const auto source = open_chain_file(saved(id).string());
    EXPECT_TRUE(source);
    const auto condition = replay::Condition::parse(text);
    EXPECT_TRUE(condition) << condition.error().to_string();
    return replay::bisect(**source, *condition, options);
  }
  /// The sequence found; -1 for none.
  std::int64_t found(const ActorId& id, const std::string& text, const ReplayOptions& options) {
    const auto bisected = bisect(id, text, options);
    EXPECT_TRUE(bisected) << text << ": " << bisected.error().to_string();
    return bisected && bisected->sequence ? static_cast<std::int64_t>(*bisected->sequence) : -1;
  }
};

TEST_F(Bisect, finds_the_first_event_by_what_it_says) {
  const ActorId id = spawn("counter", "counter");
  for (const char* message : {"5", "apples", "7", "1"}) send(id, message);
  EXPECT_EQ(ask_text(id, "?"), "13");
  const ReplayOptions options = with("counter");
  // 0 started, 1 init, 2 returned; 3 call, 4 log, 5 returned; 6 call, 7 failed; 8 call, 9 log, 10 returned …
  EXPECT_EQ(found(id, "kind == 'failed'", options), 7);
  EXPECT_EQ(found(id, "reason == 'guest-error' && message contains 'apples'", options), 7);
  EXPECT_EQ(found(id, "params.msg == 'the sum is 12'", options), 9);
  EXPECT_EQ(found(id, "kind == 'call' && params[0] == '7'", options), 8);
  EXPECT_EQ(found(id, "function contains 'handle-request'", options), 14);
  EXPECT_EQ(found(id, "kind == 'returned' && result[0] == '13'", options), 15);
  EXPECT_EQ(found(id, "fuel > 0", options), 2);
  EXPECT_EQ(found(id, "sequence >= 3 && kind == 'returned'", options), 5);
  EXPECT_EQ(found(id, "time > 0", options), 0);
  EXPECT_EQ(found(id, "kind == 'stopped'", options), -1);
  // Its state: 8 bytes of a header, then the sum.
  EXPECT_EQ(found(id, "u64(state, 8) >= 12", options), 10);
}

TEST_F(Bisect, without_the_component_values_are_their_bytes) {
  const ActorId id = spawn("counter", "counter");
  send(id, "5");
  EXPECT_EQ(ask_text(id, "?"), "5");
  EXPECT_EQ(found(id, "params contains 'the sum is 5'", {}), 4);
  EXPECT_EQ(found(id, "params.msg == 'the sum is 5'", {}), -1);
  EXPECT_EQ(found(id, "u64(state, 8) == 5", {}), 5);
}

TEST_F(Bisect, states_that_the_chain_does_not_hold_come_from_a_replay) {
  const ActorId id = spawn("states", "guests/returns_large_state");
  for (const char* size : {"10", "500", "20", "700", "30"}) send(id, size);
  wait_until([&] { return runtime->info(id)->events == 13; });
  const ReplayOptions options = with("guests/returns_large_state");
  const auto small = bisect(id, "size(state) == 10", options);
  ASSERT_TRUE(small && small->sequence);
  EXPECT_EQ(*small->sequence, 4u);
  EXPECT_FALSE(small->was_replayed);
  const auto large = bisect(id, "size(state) > 600", options);
  ASSERT_TRUE(large && large->sequence) << large.error().to_string();
  EXPECT_EQ(*large->sequence, 10u);
  EXPECT_TRUE(large->was_replayed);
  EXPECT_EQ(large->state.value_or(Bytes()).size(), 700u);
  const auto never = bisect(id, "size(state) == 1", options);
  ASSERT_TRUE(never);
  EXPECT_FALSE(never->sequence);
  EXPECT_EQ(never->next_sequence, 13u);
  const auto without = bisect(id, "size(state) > 600", {});
  ASSERT_FALSE(without);
  EXPECT_EQ(without.error().code(), ErrorCode::kUnavailable);
  EXPECT_THAT(without.error().to_string(), HasSubstr("the component with the SHA-256"));
}

TEST_F(Bisect, looks_no_further_than_asked) {
  const ActorId id = spawn("counter", "counter");
  send(id, "5");
  EXPECT_EQ(ask_text(id, "?"), "5");
  ReplayOptions options = with("counter");
  options.until = 3;
  const auto bisected = bisect(id, "params.msg == 'the sum is 5'", options);
  ASSERT_TRUE(bisected);
  EXPECT_FALSE(bisected->sequence);
  EXPECT_EQ(bisected->next_sequence, 4u);
}

}  // namespace
}  // namespace theater::testing
