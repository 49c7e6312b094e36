#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "sched/shard.h"

namespace theater::sched {

/// All shards of a runtime, and whoever drives them.
class ShardSet {
 public:
  virtual ~ShardSet() = default;
  virtual std::uint32_t size() const = 0;
  virtual Shard& shard(std::uint32_t index) = 0;
  /// Ends driving; what stands in the queues stays there. Not from a shard's own thread.
  virtual void stop() = 0;
};

/// One thread a shard.
class ThreadShardSet final : public ShardSet {
 public:
  struct Options {
    std::uint32_t shards = 1;
    /// How long an idle shard looks for work before it sleeps. Waking a sleeping thread costs several µs on both sides;
    /// a request between two shards answers within this time.
    std::uint64_t spin_us = 20;
    /// Binds shard i to processor i modulo their number.
    bool pin = false;
  };

  ThreadShardSet(const Options& options, const Clock& clock);
  ~ThreadShardSet() override;

  /// Starts the threads; before that deliveries wait.
  void start();
  std::uint32_t size() const override { return static_cast<std::uint32_t>(shards_.size()); }
  Shard& shard(std::uint32_t index) override { return *shards_[index]; }
  void stop() override;

 private:
  void drive(Shard& shard) const;

  const Options options_;
  const Clock& clock_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<std::thread> threads_;
  std::atomic<bool> stopping_{false};
};

/// A clock that stands still until it is moved. Any thread may read, one moves.
class SimulatedClock final : public Clock {
 public:
  std::uint64_t wall_ns() const override {
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(monotonic_ns()) + wall_offset_ns_.load());
  }
  std::uint64_t monotonic_ns() const override { return now_ns_.load(); }
  void advance(std::uint64_t ns) { now_ns_ += ns; }
  /// Sets the wall clock forward or back, as an administrator or NTP might; the monotonic clock is not touched.
  void jump_wall_clock(std::int64_t ns) { wall_offset_ns_ += ns; }

 private:
  std::atomic<std::uint64_t> now_ns_{kNsPerSecond};
  std::atomic<std::int64_t> wall_offset_ns_{1'700'000'000ll * 1'000'000'000ll};
};

/// Drives the shards on the calling thread, in an order drawn from a seed: which shard goes next, how much it does, and
/// how long what was posted to it waits. The same seed gives the same run. When nothing is left to do, time jumps to
/// the next timer.
class SimulatedShardSet final : public ShardSet {
 public:
  SimulatedShardSet(std::uint32_t shards, std::uint64_t seed, SimulatedClock& clock);

  std::uint32_t size() const override { return static_cast<std::uint32_t>(shards_.size()); }
  Shard& shard(std::uint32_t index) override { return *shards_[index]; }
  void stop() override {}

  /// One step of one shard. False if no shard has anything to do now.
  bool step();
  /// Steps until `done` holds or nothing is left, moving the clock to timers that are due. Returns whether `done`
  /// holds. At most `max_steps`.
  bool run_until(const std::function<bool()>& done, std::uint64_t max_steps = 10'000'000);
  /// Steps until nothing is left to do, timers included.
  void run_until_idle() {
    run_until([] { return false; });
  }

 private:
  bool advance_to_next_timer();

  SimulatedClock& clock_;
  std::mt19937_64 random_;
  std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace theater::sched
