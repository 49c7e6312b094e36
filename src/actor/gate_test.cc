#include "actor/gate.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace theater::actor {
namespace {

GateLimits limits(std::uint32_t messages, std::uint64_t bytes = 1 << 20) {
  return {.messages = messages, .bytes = bytes, .message_bytes = 1 << 16, .drop_oldest = false, .accepts = ~0u};
}

/// Gates only keep addresses of what they are given.
class Gates : public ::testing::Test {
 protected:
  ActorAddress open(const GateLimits& bounds, std::uint8_t id = 1) {
    return table.open(*reinterpret_cast<ShardServices*>(&somewhere), *reinterpret_cast<ActorCell*>(&somewhere),
                      ActorId({id}), bounds);
  }
  GateTable table;
  std::uint64_t somewhere = 0;
};

TEST_F(Gates, grant_as_many_places_as_the_bound_says) {
  const ActorAddress address = open(limits(2));
  EXPECT_EQ(address.gate->reserve(address.generation, MessageKind::kSend, 10), Reservation::kGranted);
  EXPECT_EQ(address.gate->reserve(address.generation, MessageKind::kSend, 10), Reservation::kGranted);
  EXPECT_EQ(address.gate->reserve(address.generation, MessageKind::kSend, 10), Reservation::kFull);
  address.gate->release(10);
  EXPECT_EQ(address.gate->reserve(address.generation, MessageKind::kSend, 10), Reservation::kGranted);
}

TEST_F(Gates, grant_as_many_bytes_as_the_bound_says) {
  const ActorAddress address = open(limits(100, 1000));
  EXPECT_EQ(address.gate->reserve(address.generation, MessageKind::kSend, 1000), Reservation::kGranted);
  EXPECT_EQ(address.gate->reserve(address.generation, MessageKind::kSend, 1), Reservation::kFull);
  EXPECT_EQ(address.gate->messages(), 1u);
  EXPECT_EQ(address.gate->bytes(), 1000u);
}

TEST_F(Gates, refuse_what_the_actor_does_not_take) {
  GateLimits bounds = limits(10);
  bounds.accepts = 1u << static_cast<unsigned>(MessageKind::kSend);
  const ActorAddress address = open(bounds);
  EXPECT_EQ(address.gate->reserve(address.generation, MessageKind::kRequest, 1), Reservation::kNotAccepted);
  EXPECT_EQ(address.gate->reserve(address.generation, MessageKind::kSend, 1 << 17), Reservation::kTooLarge);
}

TEST_F(Gates, know_an_old_address_from_that_of_the_next_actor) {
  const ActorAddress old = open(limits(10));
  table.close(old);
  EXPECT_EQ(old.gate->reserve(old.generation, MessageKind::kSend, 1), Reservation::kGone);
  const ActorAddress next = open(limits(10));
  ASSERT_EQ(next.gate, old.gate);
  EXPECT_EQ(old.gate->reserve(old.generation, MessageKind::kSend, 1), Reservation::kGone);
  EXPECT_EQ(next.gate->reserve(next.generation, MessageKind::kSend, 1), Reservation::kGranted);
}

TEST_F(Gates, are_not_used_again_while_messages_are_under_way) {
  const ActorAddress old = open(limits(10));
  ASSERT_EQ(old.gate->reserve(old.generation, MessageKind::kSend, 1), Reservation::kGranted);
  table.close(old);
  EXPECT_NE(open(limits(10)).gate, old.gate);
  old.gate->release(1);
  EXPECT_EQ(open(limits(10)).gate, old.gate);
}

TEST_F(Gates, never_grant_more_than_the_bound_to_many_threads) {
  const ActorAddress address = open(limits(1000));
  std::atomic<int> granted = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        granted += address.gate->reserve(address.generation, MessageKind::kSend, 1) == Reservation::kGranted;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  // A refused attempt holds a place for a moment, so some may be refused early, but never is one too many granted.
  EXPECT_LE(granted, 1000);
  EXPECT_GT(granted, 900);
  EXPECT_EQ(address.gate->messages(), static_cast<std::uint32_t>(granted));
}

TEST_F(Gates, waiting_without_a_cycle_is_granted_and_with_one_spelled_out) {
  WaitGraph waits(table);
  const ActorAddress a = open(limits(1), 1);
  const ActorAddress b = open(limits(1), 2);
  const ActorAddress c = open(limits(1), 3);
  EXPECT_FALSE(waits.wait(a, b));
  EXPECT_FALSE(waits.wait(b, c));
  const auto cycle = waits.wait(c, a);
  ASSERT_TRUE(cycle);
  EXPECT_EQ(*cycle, (std::vector<ActorId>{ActorId({3}), ActorId({1}), ActorId({2})}));
  // The one that would have closed it does not wait.
  EXPECT_FALSE(waits.waits_for(c));
  waits.stop_waiting(b);
  EXPECT_FALSE(waits.wait(c, a));
}

TEST_F(Gates, an_actor_that_ended_waits_for_nobody) {
  WaitGraph waits(table);
  const ActorAddress a = open(limits(1), 1);
  const ActorAddress b = open(limits(1), 2);
  EXPECT_FALSE(waits.wait(a, b));
  table.close(a);
  EXPECT_FALSE(waits.wait(b, a));
}

}  // namespace
}  // namespace theater::actor
