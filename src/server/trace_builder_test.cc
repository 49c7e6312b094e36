#include "server/trace_builder.h"

#include <gtest/gtest.h>

namespace theater::server {
namespace {

const ActorId kFirst = *parse_id<ActorId>("11111111-1111-4111-8111-111111111111");
const ActorId kSecond = *parse_id<ActorId>("22222222-2222-4222-8222-222222222222");

Event event(const ActorId& actor, std::uint64_t sequence, EventKind kind, std::string function = "") {
  Event made;
  made.actor = actor;
  made.sequence = sequence;
  made.kind = kind;
  made.time_ns = 1'000 + sequence;
  made.function = std::move(function);
  return made;
}
Event call(const ActorId& actor, std::uint64_t sequence, std::optional<Cause> cause = std::nullopt) {
  Event made = event(actor, sequence, EventKind::kCall, "theater:simple/message-server-client.handle-send");
  made.cause = cause;
  return made;
}
Event send(const ActorId& actor, std::uint64_t sequence) {
  return event(actor, sequence, EventKind::kHostCall, "theater:simple/message-server-host.send");
}

TEST(TraceBuilder, AMessageIsFollowedFromActorToActor) {
  TraceBuilder builder(100);
  EXPECT_FALSE(builder.see(call(kFirst, 1)));
  EXPECT_FALSE(builder.see(send(kFirst, 2)));
  const auto outer = builder.see(event(kFirst, 3, EventKind::kReturned));
  ASSERT_TRUE(outer);
  EXPECT_FALSE(outer->parent);
  EXPECT_EQ(outer->start_ns, 1'001u);
  EXPECT_EQ(outer->end_ns, 1'003u);
  EXPECT_FALSE(outer->failure);
  builder.see(call(kSecond, 7, Cause{.actor = kFirst, .sequence = 2}));
  Event failed = event(kSecond, 8, EventKind::kFailed);
  failed.message = "no";
  const auto inner = builder.see(failed);
  ASSERT_TRUE(inner);
  EXPECT_EQ(inner->trace, outer->trace);
  EXPECT_EQ(inner->parent, outer->id);
  EXPECT_NE(inner->id, outer->id);
  EXPECT_NE(inner->failure.value_or("").find("no"), std::string::npos);
}

TEST(TraceBuilder, MessagesFromOutsideBeginTracesOfTheirOwn) {
  TraceBuilder builder(100);
  builder.see(call(kFirst, 1));
  const auto first = builder.see(event(kFirst, 2, EventKind::kReturned));
  builder.see(call(kFirst, 3));
  const auto second = builder.see(event(kFirst, 4, EventKind::kReturned));
  EXPECT_NE(first->trace, second->trace);
  EXPECT_NE(first->id, second->id);
}

TEST(TraceBuilder, OfTooManyMessagesTheOldestSendersAreForgotten) {
  TraceBuilder builder(2);
  builder.see(call(kFirst, 1));
  for (std::uint64_t i = 2; i < 5; ++i) builder.see(send(kFirst, i));
  builder.see(call(kSecond, 1, Cause{.actor = kFirst, .sequence = 2}));
  EXPECT_FALSE(builder.see(event(kSecond, 2, EventKind::kReturned))->parent);
  builder.see(call(kSecond, 3, Cause{.actor = kFirst, .sequence = 3}));
  EXPECT_TRUE(builder.see(event(kSecond, 4, EventKind::kReturned))->parent);
}

TEST(TraceBuilder, ACallThatItsActorsEndCutOffHasFailed) {
  TraceBuilder builder(10);
  EXPECT_FALSE(builder.see(event(kFirst, 1, EventKind::kStopped)));
  builder.see(call(kFirst, 2));
  const auto span = builder.see(event(kFirst, 3, EventKind::kStopped));
  ASSERT_TRUE(span);
  EXPECT_TRUE(span->failure);
  EXPECT_FALSE(builder.see(event(kFirst, 4, EventKind::kReturned)));
}

}  // namespace
}  // namespace theater::server
