#include "store/segment_log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "store/sample_store.h"

namespace theater::store {
namespace {

/// A clock that a test moves.
class StillClock final : public Clock {
 public:
  std::uint64_t wall_ns() const override { return chain::kSampleTimeNs; }
  std::uint64_t monotonic_ns() const override { return now_ns; }
  std::uint64_t now_ns = kNsPerSecond;
};

class Log : public testing::Test {
 protected:
  std::unique_ptr<DataDirectory> open(MemoryDisk& disk) {
    auto directory = DataDirectory::open(kSampleDirectory, DataDirectory::Access::kWrite, on_disk(disk, random_));
    EXPECT_TRUE(directory) << directory.error().to_string();
    return directory ? std::move(*directory) : nullptr;
  }
  std::unique_ptr<SegmentLog> log(DataDirectory& directory, SegmentLog::Options options = {}) {
    options.own_thread = false;
    options.link_bytes = 1;
    return std::make_unique<SegmentLog>(directory, clock_, options);
  }

  MemoryDisk disk_;
  SeededRandom random_{1};
  StillClock clock_;
  SampleActors actors_{10};
};

TEST_F(Log, what_was_appended_is_kept_when_it_stops) {
  {
    auto directory = open(disk_);
    auto log = this->log(*directory);
    for (int i = 0; i < 500; ++i) actors_.record(*log, static_cast<std::size_t>(i) % 7, i % 11 == 0 ? 5000 : 50);
  }
  auto directory = open(disk_);
  ASSERT_EQ(directory->actors()->size(), 7u);
  for (std::size_t actor = 0; actor < 7; ++actor) {
    const VerifyReport report = verify_chain(*directory, SampleActors::id(actor));
    EXPECT_TRUE(report.ok()) << report.fault->what;
    EXPECT_EQ(report.head_hash, actors_.head(actor).hash);
    EXPECT_EQ(report.payloads_missing, 0u);
  }
}

TEST_F(Log, a_link_is_acknowledged_when_it_is_synced_and_not_before) {
  auto directory = open(disk_);
  auto log = this->log(*directory);
  actors_.record(*log, 0);
  const std::uint64_t position = actors_.head(0).last_position;
  EXPECT_LT(log->acknowledged_position(), position);
  log->work();
  EXPECT_LT(log->acknowledged_position(), position) << "written, not synced";
  clock_.now_ns += limits::kSyncDelayMs * kNsPerMs;
  log->work();
  EXPECT_GE(log->acknowledged_position(), position);
}

TEST_F(Log, who_hastens_is_told_when_it_is_safe) {
  auto directory = open(disk_);
  auto log = this->log(*directory);
  int told = 0;
  log->on_progress([&] { ++told; });
  actors_.record(*log, 0);
  actors_.record(*log, 1);
  log->hasten(actors_.head(1).last_position);
  EXPECT_EQ(told, 0);
  log->work();
  EXPECT_EQ(told, 1);
  EXPECT_GE(log->acknowledged_position(), actors_.head(1).last_position);
  actors_.record(*log, 0);
  log->work();
  EXPECT_EQ(told, 1) << "nobody waits";
}

TEST_F(Log, who_hastens_is_told_though_others_hasten_later_events_all_the_time) {
  auto directory = open(disk_);
  SegmentLog::Options options;
  // So much that it is never full, of which it would tell as well.
  options.link_bytes = 8u << 20;
  options.own_thread = false;
  const auto log = std::make_unique<SegmentLog>(*directory, clock_, options);
  int told = 0;
  log->on_progress([&] { ++told; });
  actors_.record(*log, 0);
  const std::uint64_t first = actors_.head(0).last_position;
  log->hasten(first);
  // More than is written at once.
  for (std::size_t i = 0; i < limits::kGroupBytes / 1000 + 100; ++i) actors_.record(*log, 1, 1000);
  log->hasten(actors_.head(1).last_position);
  log->work();
  ASSERT_GE(log->acknowledged_position(), first);
  ASSERT_LT(log->acknowledged_position(), actors_.head(1).last_position);
  EXPECT_EQ(told, 1);
  log->hasten(first);
  log->work();
  EXPECT_GE(log->acknowledged_position(), actors_.head(1).last_position);
  EXPECT_EQ(told, 2) << "hastening what is safe takes nothing back";
}

TEST_F(Log, links_that_stay_in_memory_are_not_written_and_the_latest_of_all_can_be_read) {
  auto directory = open(disk_);
  auto log = this->log(*directory);
  actors_.head(1).memory_only = true;
  for (int i = 0; i < 20; ++i) actors_.record(*log, static_cast<std::size_t>(i) % 2);
  ASSERT_TRUE(log->sync_all());
  EXPECT_TRUE(directory->actor(SampleActors::id(0)));
  EXPECT_EQ(directory->actor(SampleActors::id(1)).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(log->memory().snapshot(SampleActors::id(1), actors_.head(1)).links.size(), 10u);
  EXPECT_EQ(log->memory().snapshot(SampleActors::id(0), actors_.head(0)).links.size(), 10u);
}

TEST_F(Log, chains_can_be_read_while_they_are_written) {
  auto directory = open(disk_);
  SegmentLog::Options options;
  options.segment_bytes = 20'000;
  auto log = this->log(*directory, options);
  for (int i = 0; i < 300; ++i) {
    actors_.record(*log, static_cast<std::size_t>(i) % 3, i % 20 == 0 ? 2000 : 30);
    if (i % 50 != 49) continue;
    ASSERT_TRUE(log->write_all());
    for (std::size_t actor = 0; actor < 3; ++actor) {
      const VerifyReport report = verify_chain(*directory, SampleActors::id(actor));
      EXPECT_TRUE(report.ok()) << report.fault->what;
      EXPECT_EQ(report.head_hash, actors_.head(actor).hash);
      EXPECT_EQ(report.payloads_missing, 0u);
      EXPECT_EQ(directory->actor(SampleActors::id(actor))->name, "actor " + std::to_string(actor));
    }
  }
}

TEST_F(Log, others_read_from_any_event_on_while_its_thread_writes_and_segments_change) {
  auto directory = open(disk_);
  SegmentLog::Options options;
  options.link_bytes = 1;
  options.segment_bytes = 60'000;
  options.pace_us = 1;
  const SystemClock clock;
  SegmentLog log(*directory, clock, options);
  actors_.record(log, 0);
  actors_.record(log, 1);
  ASSERT_TRUE(log.write_all());
  std::atomic<bool> is_done = false;
  const auto read = [&](std::size_t actor) {
    std::uint64_t from = 0;
    std::uint64_t reached = 0;
    bool is_last = false;
    while (!is_last) {
      is_last = is_done;
      const auto source = directory->chain(SampleActors::id(actor));
      ASSERT_TRUE(source);
      ASSERT_GE((*source)->next_sequence(), reached);
      reached = (*source)->next_sequence();
      from = (from + 97) % reached;
      const auto links = (*source)->links(from);
      ASSERT_TRUE(links);
      std::optional<Digest> head;
      std::uint64_t next = 0;
      for (auto link = (*links)->next(); next < reached; link = (*links)->next()) {
        ASSERT_TRUE(link && *link) << "event " << next << " of " << reached;
        const Bytes bytes = to_bytes((*link)->bytes);
        ASSERT_EQ(sha256(bytes), (*link)->hash);
        chain::LinkDecoder decoder(bytes);
        if (head) {
          ASSERT_EQ(decoder.header().previous, *head);
        } else {
          ASSERT_LE(decoder.header().first_sequence, from);
        }
        head = (*link)->hash;
        next = decoder.header().first_sequence + decoder.header().event_count;
        chain::EventView event;
        while (decoder.next(event)) {
          chain::visit_digests(event, [&](ByteView named, std::uint64_t) {
            Digest digest;
            std::ranges::copy(named, digest.begin());
            EXPECT_TRUE((*source)->find(digest)) << "event " << event.sequence;
          });
        }
      }
    }
  };
  std::thread first([&] { read(0); });
  std::thread second([&] { read(1); });
  for (int i = 0; i < 3000; ++i) {
    actors_.record(log, static_cast<std::size_t>(i) % 2, i % 41 == 0 ? 1500 : 100);
    if (i % 20 != 0) continue;
    EXPECT_TRUE(log.write_all());
  }
  is_done = true;
  first.join();
  second.join();
}

TEST_F(Log, a_full_segment_is_followed_by_another) {
  auto directory = open(disk_);
  SegmentLog::Options options;
  options.segment_bytes = 10'000;
  auto log = this->log(*directory, options);
  for (int i = 0; i < 200; ++i) {
    actors_.record(*log, 0, 100);
    log->work();
  }
  log.reset();
  EXPECT_GE(disk_.list(kSampleDirectory / "segments")->size(), 3u);
  directory.reset();
  directory = open(disk_);
  EXPECT_EQ(verify_chain(*directory, SampleActors::id(0)).head_hash, actors_.head(0).hash);
}

TEST_F(Log, when_half_of_its_memory_is_not_written_it_says_so_until_it_is) {
  auto directory = open(disk_);
  auto log = this->log(*directory);
  const std::size_t capacity = log->memory().capacity_bytes();
  std::size_t appended = 0;
  while (!log->condition().is_full()) {
    actors_.record(*log, 0, 900);
    ASSERT_LT(appended += 900, capacity);
  }
  EXPECT_GT(appended, capacity / 4);
  int told = 0;
  log->on_progress([&] { ++told; });
  while (log->condition().is_full()) log->work();
  EXPECT_EQ(told, 1);
  log.reset();
  EXPECT_EQ(verify_chain(*directory, SampleActors::id(0)).head_hash, actors_.head(0).hash) << "nothing was lost";
}

TEST_F(Log, large_values_that_wait_are_bounded_too) {
  auto directory = open(disk_);
  SegmentLog::Options options;
  options.payload_bytes = 1u << 20;
  auto log = this->log(*directory, options);
  int links = 0;
  for (; !log->condition().is_full(); ++links) actors_.record(*log, 0, 100'000);
  EXPECT_LE(links, 8);
  while (log->condition().is_full()) log->work();
  log.reset();
  EXPECT_EQ(verify_chain(*directory, SampleActors::id(0)).payloads_missing, 0u);
}

TEST_F(Log, its_own_thread_keeps_up_with_the_shards) {
  auto directory = open(disk_);
  {
    SegmentLog::Options options;
    options.link_bytes = 1;
    options.segment_bytes = 200'000;
    const SystemClock clock;
    SegmentLog log(*directory, clock, options);
    // More than its memory holds: appending must wait for the disk now and then.
    for (int i = 0; i < 20'000; ++i) actors_.record(log, static_cast<std::size_t>(i) % 10, i % 97 == 0 ? 20'000 : 300);
    ASSERT_TRUE(log.sync_all());
    EXPECT_GE(log.acknowledged_position(), actors_.head(9).last_position);
  }
  for (std::size_t actor = 0; actor < 10; ++actor) {
    const VerifyReport report = verify_chain(*directory, SampleActors::id(actor));
    EXPECT_TRUE(report.ok()) << report.fault->what;
    EXPECT_EQ(report.head_hash, actors_.head(actor).hash);
  }
}

TEST_F(Log, a_log_that_was_full_always_says_when_it_is_no_longer) {
  auto directory = open(disk_);
  const SystemClock clock;
  SegmentLog::Options options;
  options.link_bytes = 1;
  options.pace_us = 1;
  SegmentLog log(*directory, clock, options);
  std::atomic<int> told = 0;
  log.on_progress([&] { ++told; });
  for (int round = 1; round <= 30; ++round) {
    while (!log.condition().is_full()) actors_.record(log, 0, 900);
    // Hangs if the one that set it and the one that clears it missed each other.
    while (log.condition().is_full()) std::this_thread::yield();
  }
  EXPECT_GE(told, 29);
}

TEST_F(Log, its_own_thread_syncs_what_nobody_waits_for_and_wakes_for_what_comes_after_a_rest) {
  auto directory = open(disk_);
  const SystemClock clock;
  SegmentLog::Options options;
  options.link_bytes = 1;
  SegmentLog log(*directory, clock, options);
  for (int i = 0; i < 3; ++i) {
    actors_.record(log, 0);
    while (log.acknowledged_position() < actors_.head(0).last_position) std::this_thread::yield();
    // Long enough for it to fall asleep, though nothing depends on that.
    std::this_thread::sleep_for(std::chrono::milliseconds(15));
  }
}

TEST_F(Log, after_a_failed_sync_it_acknowledges_nothing_more_and_says_why) {
  auto directory = open(disk_);
  auto log = this->log(*directory);
  actors_.record(*log, 0);
  ASSERT_TRUE(log->sync_all());
  const std::uint64_t acknowledged = log->acknowledged_position();
  disk_.fail_at(MemoryDisk::Operation::kSync, 0, MemoryDisk::Failure::kError);
  int told = 0;
  log->on_progress([&] { ++told; });
  actors_.record(*log, 0);
  EXPECT_FALSE(log->sync_all());
  EXPECT_EQ(told, 1);
  EXPECT_TRUE(log->condition().has_failed());
  for (int i = 0; i < 10'000; ++i) {
    actors_.record(*log, 0, 500);
    log->work();
  }
  EXPECT_EQ(log->acknowledged_position(), acknowledged) << "the second sync would have succeeded";
  ASSERT_FALSE(log->status());
  EXPECT_NE(log->status().error().to_string().find("can no longer be kept"), std::string::npos);
  EXPECT_TRUE(directory->chain(SampleActors::id(0))) << "reading still works";
}

}  // namespace
}  // namespace theater::store
