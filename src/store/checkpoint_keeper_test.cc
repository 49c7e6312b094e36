#include "store/checkpoint_keeper.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "chain/sample_chain.h"
#include "store/head_log_file.h"
#include "store/memory_disk.h"

namespace theater::store {
namespace {

using chain::sample_actor;

constexpr std::uint64_t kRounds = 200;

Digest head_of(std::uint64_t next_sequence) { return sha256(as_bytes(std::to_string(next_sequence))); }

std::unique_ptr<CheckpointWriter> open(MemoryDisk& disk) {
  EXPECT_TRUE(disk.make_directory("/data"));
  auto writer = CheckpointWriter::open(disk, "/data");
  EXPECT_TRUE(writer) << writer.error().to_string();
  return std::move(*writer);
}

TEST(CheckpointKeeper, signs_all_that_several_threads_told_of) {
  MemoryDisk disk;
  const SystemClock clock;
  CheckpointKeeper keeper(open(disk), clock, nullptr);
  std::vector<std::thread> shards;
  for (std::uint8_t shard = 0; shard < 4; ++shard) {
    shards.emplace_back([&, shard] {
      for (std::uint64_t round = 1; round <= kRounds; ++round) {
        SafeHeads heads;
        for (std::uint8_t actor = 0; actor < 3; ++actor) {
          heads[sample_actor(static_cast<std::uint8_t>(shard * 10 + actor))] = {round, head_of(round), 1};
        }
        keeper.heads_are_safe(heads);
        EXPECT_TRUE(heads.empty());
      }
    });
  }
  for (std::thread& shard : shards) shard.join();
  keeper.stop();
  const auto verdict = verify_head_log(disk, "/data");
  ASSERT_TRUE(verdict) << verdict.error().to_string();
  EXPECT_TRUE(verdict->log.ok()) << *verdict->log.fault;
  ASSERT_EQ(verdict->log.heads.size(), 12u);
  for (const auto& [actor, heads] : verdict->log.heads) {
    EXPECT_EQ(heads.back(), (KnownHead{kRounds, head_of(kRounds)}));
  }
}

TEST(CheckpointKeeper, tells_once_that_it_can_sign_no_more) {
  MemoryDisk disk;
  const SystemClock clock;
  int told = 0;
  {
    auto writer = open(disk);
    disk.fail_at(MemoryDisk::Operation::kSync, 0, MemoryDisk::Failure::kError, /*for_good=*/true);
    CheckpointKeeper keeper(std::move(writer), clock, [&](const Error&) { ++told; });
    SafeHeads heads{{sample_actor(1), {1, head_of(1), 1}}};
    keeper.heads_are_safe(heads);
    keeper.stop();
    heads = {{sample_actor(1), {2, head_of(2), 1}}};
    keeper.heads_are_safe(heads);
  }
  EXPECT_EQ(told, 1);
}

TEST(CheckpointKeeper, with_nothing_to_sign_signs_nothing) {
  MemoryDisk disk;
  const SystemClock clock;
  {
    const CheckpointKeeper keeper(open(disk), clock, nullptr);
  }
  const auto verdict = verify_head_log(disk, "/data");
  ASSERT_TRUE(verdict);
  EXPECT_TRUE(verdict->log.ok());
  EXPECT_EQ(verdict->log.checkpoints, 0u);
}

}  // namespace
}  // namespace theater::store
