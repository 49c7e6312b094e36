#include "chain/memory_log.h"

#include <gtest/gtest.h>

#include <random>

#include "chain/sample_chain.h"

namespace theater::chain {
namespace {

constexpr std::size_t kSmallLogBytes = 2u << 20;

/// Many actors that record into one log.
struct Shard {
  explicit Shard(std::size_t actor_count, std::size_t payload_bytes = 1u << 20)
      : log(kSmallLogBytes, payload_bytes), heads(actor_count) {}

  template <class Record>
  void link(std::size_t actor, Record&& record) {
    builder.begin(id(actor), heads[actor], kSampleTimeNs);
    record(builder);
    log.append(builder.seal(heads[actor]), heads[actor]);
  }
  void note(std::size_t actor, ByteView data = {}) {
    link(actor, [&](LinkBuilder& to) { to.note("test.note", data); });
  }
  ChainSnapshot snapshot(std::size_t actor, std::uint64_t from = 0) const {
    return log.snapshot(id(actor), heads[actor], from);
  }
  static ActorId id(std::size_t actor) { return sample_actor(static_cast<std::uint8_t>(actor)); }

  MemoryLog log;
  LinkBuilder builder;
  std::vector<ChainHead> heads;
};

TEST(MemoryLog, a_snapshot_holds_the_whole_chain_of_its_actor_alone) {
  Shard shard(3);
  for (int i = 0; i < 100; ++i) {
    for (std::size_t actor = 0; actor < 3; ++actor) shard.note(actor);
  }
  const ChainSnapshot snapshot = shard.snapshot(1);
  EXPECT_TRUE(snapshot.complete);
  ASSERT_EQ(snapshot.links.size(), 100u);
  for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(snapshot.links[i].first_sequence, i);
  EXPECT_EQ(snapshot.links.back().hash, shard.heads[1].hash);
  const VerifyReport report = verify(snapshot);
  ASSERT_TRUE(report.fault) << "these chains have no started event";
  EXPECT_EQ(report.fault->sequence, 0u);
}

TEST(MemoryLog, an_actor_without_events_has_an_empty_complete_chain) {
  Shard shard(1);
  const ChainSnapshot snapshot = shard.snapshot(0);
  EXPECT_TRUE(snapshot.complete);
  EXPECT_TRUE(snapshot.links.empty());
  EXPECT_TRUE(verify(snapshot).ok());
}

TEST(MemoryLog, a_snapshot_from_a_sequence_begins_with_the_link_that_holds_it) {
  ChainRecorder recorder(sample_actor(1));
  recorder.started();
  for (int i = 0; i < 10; ++i) recorder.turn("x");
  EXPECT_EQ(recorder.snapshot(5).links.front().first_sequence, 4u);
  EXPECT_EQ(recorder.snapshot(6).links.front().first_sequence, 4u);
  EXPECT_EQ(recorder.snapshot(7).links.front().first_sequence, 7u);
  EXPECT_EQ(recorder.snapshot(31).links.size(), 0u);
  EXPECT_FALSE(recorder.snapshot(5).complete);
  EXPECT_TRUE(recorder.snapshot(0).complete);
  EXPECT_TRUE(verify(recorder.snapshot(5)).ok());
}

TEST(MemoryLog, a_snapshot_of_so_many_events_ends_with_the_link_in_which_there_are_as_many) {
  ChainRecorder recorder(sample_actor(1));
  recorder.started();
  for (int i = 0; i < 10; ++i) recorder.turn("x");
  const auto ends = [&](std::uint64_t from, std::uint64_t events) {
    const ChainSnapshot snapshot = recorder.snapshot(from, events);
    EXPECT_TRUE(snapshot.events());
    return snapshot.links.back().first_sequence + snapshot.links.back().event_count;
  };
  EXPECT_EQ(ends(0, 1), 1u);
  EXPECT_EQ(ends(0, 2), 4u);
  EXPECT_EQ(ends(0, 4), 4u);
  EXPECT_EQ(ends(5, 1), 7u);
  EXPECT_EQ(ends(5, 3), 10u);
  EXPECT_EQ(ends(5, UINT64_MAX), 31u);
  EXPECT_TRUE(recorder.snapshot(0, 1).complete);
}

TEST(MemoryLog, the_oldest_links_go_first_and_what_is_kept_still_verifies) {
  Shard shard(5);
  std::mt19937_64 random(1);
  for (int i = 0; i < 60'000; ++i) shard.note(random() % 4, pattern(random() % 300));
  shard.note(4);
  for (int i = 0; i < 30'000; ++i) shard.note(random() % 4, pattern(random() % 300));

  std::size_t kept_bytes = 0;
  for (std::size_t actor = 0; actor < 4; ++actor) {
    const ChainSnapshot snapshot = shard.snapshot(actor);
    EXPECT_FALSE(snapshot.complete);
    ASSERT_GT(snapshot.links.size(), 100u);
    EXPECT_EQ(snapshot.links.back().first_sequence + 1, shard.heads[actor].next_sequence);
    const VerifyReport report = verify(snapshot);
    EXPECT_TRUE(report.ok()) << report.fault->what;
    EXPECT_EQ(report.events, snapshot.links.size());
    EXPECT_FALSE(report.complete);
    kept_bytes += snapshot.bytes.size() + snapshot.links.size() * 80;
  }
  EXPECT_LE(kept_bytes, shard.log.capacity_bytes());
  EXPECT_GT(kept_bytes, shard.log.capacity_bytes() * 9 / 10);

  const ChainSnapshot evicted = shard.snapshot(4);
  EXPECT_TRUE(evicted.links.empty());
  EXPECT_FALSE(evicted.complete);
}

TEST(MemoryLog, an_evicted_link_is_not_mistaken_for_the_one_in_its_place) {
  // One actor and links of one size: every lap puts its links exactly where the lap before had its own.
  Shard shard(1);
  for (int i = 0; i < 60'000; ++i) shard.note(0);
  const ChainSnapshot snapshot = shard.snapshot(0);
  EXPECT_LT(snapshot.links.size(), 20'000u);
  const VerifyReport report = verify(snapshot);
  EXPECT_TRUE(report.ok()) << report.fault->what;
  EXPECT_EQ(report.last_sequence, 59'999u);
}

TEST(MemoryLog, a_chain_goes_on_after_its_links_were_evicted) {
  Shard shard(2);
  shard.note(0);
  for (int i = 0; i < 20'000; ++i) shard.note(1, pattern(200));
  shard.note(0);
  const ChainSnapshot snapshot = shard.snapshot(0);
  ASSERT_EQ(snapshot.links.size(), 1u);
  EXPECT_EQ(snapshot.links[0].first_sequence, 1u);
  EXPECT_TRUE(verify(snapshot).ok());
}

TEST(MemoryLog, positions_are_never_reused) {
  Shard shard(1);
  std::uint64_t last = 0;
  for (int i = 0; i < 30'000; ++i) {
    shard.note(0, pattern(200));
    ASSERT_GT(shard.heads[0].last_position, last);
    last = shard.heads[0].last_position;
    ASSERT_GE(shard.log.acknowledged_position(), last);
  }
}

TEST(MemoryLog, large_payloads_are_found_again_by_digest) {
  const ChainSnapshot snapshot = sample_chain();
  EXPECT_EQ(snapshot.payloads.size(), 3u);
  EXPECT_EQ(snapshot.find(sha256(pattern(2048))), pattern(2048));
  EXPECT_EQ(snapshot.find(sha256(pattern(1500))), pattern(1500));
  EXPECT_EQ(snapshot.find(sha256(pattern(100))), pattern(100));
  EXPECT_EQ(snapshot.find(Digest{}), std::nullopt);
}

TEST(MemoryLog, the_oldest_payloads_go_first_and_the_chain_verifies_without_them) {
  Shard shard(1, 100'000);
  shard.link(0, [](LinkBuilder& to) {
    const FunctionTable functions;
    StartedRecord record;
    record.functions = &functions;
    static_cast<void>(to.started(record));
  });
  for (std::uint8_t i = 0; i < 50; ++i) shard.note(0, pattern(10'000, i));
  EXPECT_EQ(shard.log.kept_payload_bytes(), 100'000u);
  const ChainSnapshot snapshot = shard.snapshot(0);
  EXPECT_EQ(snapshot.payloads.size(), 10u);
  EXPECT_EQ(snapshot.find(sha256(pattern(10'000, 39))), std::nullopt);
  EXPECT_NE(snapshot.find(sha256(pattern(10'000, 40))), std::nullopt);
  const VerifyReport report = verify(snapshot);
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.payloads_checked, 10u);
  EXPECT_EQ(report.payloads_missing, 40u);
}

TEST(MemoryLog, a_payload_larger_than_the_bound_is_not_kept) {
  Shard shard(1, 5'000);
  shard.note(0, pattern(4'000));
  shard.note(0, pattern(6'000));
  EXPECT_EQ(shard.log.kept_payload_bytes(), 4'000u);
  EXPECT_EQ(shard.snapshot(0).links.size(), 2u);
}

TEST(MemoryLog, a_payload_named_by_several_events_is_in_a_snapshot_once) {
  Shard shard(1);
  for (int i = 0; i < 5; ++i) shard.note(0, pattern(4'000));
  const ChainSnapshot snapshot = shard.snapshot(0);
  EXPECT_EQ(snapshot.payloads.size(), 1u);
}

}  // namespace
}  // namespace theater::chain
