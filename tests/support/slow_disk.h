#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <mutex>
#include <unordered_map>

#include "chain/memory_log.h"
#include "sched/shard.h"

namespace theater::testing {

/// Up to where each chain of a world is safe on its disks. Any thread.
class SafeChains {
 public:
  void is_safe(const ActorId& actor, std::uint64_t next_sequence);
  /// Fails the test for an event that another chain names as its cause and that is not safe.
  void check_causes(ByteView link);

 private:
  std::mutex mutex_;
  std::unordered_map<ActorId, std::uint64_t> next_sequences_;
};

/// A sink that acknowledges only what somebody waits for, and only some time later; can be made to fail. It reads as a
/// MemoryLog does. The shard's thread.
class SlowDisk final : public EventSink {
 public:
  SlowDisk(MemoryLog& log, sched::Shard& shard, SafeChains& safe) : log_(log), shard_(shard), safe_(safe) {}

  void append(const SealedLink& link, ChainHead& head) override;
  std::uint64_t acknowledged_position() const override { return acknowledged_; }
  Result<void> status() const override;
  void hasten(std::uint64_t position) override;

  const SinkCondition& condition() const { return condition_; }
  /// Called on the shard when something was acknowledged, or it failed.
  void on_progress(std::function<void()> progress) { progress_ = std::move(progress); }
  /// From now on nothing is acknowledged.
  void fail_for_good();
  /// Takes no activation until false again.
  void set_full(bool is_full);

 private:
  struct Waiting {
    std::uint64_t position;
    ActorId actor;
    std::uint64_t next_sequence;
  };

  MemoryLog& log_;
  sched::Shard& shard_;
  SafeChains& safe_;
  SinkCondition condition_;
  std::function<void()> progress_;
  std::uint64_t acknowledged_ = 0;
  std::deque<Waiting> waiting_;
};

}  // namespace theater::testing
