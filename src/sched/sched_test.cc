#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <latch>

#include "sched/shard_set.h"
#include "sched/task.h"

namespace theater::sched {
namespace {

void post(Shard& shard, std::function<void()> function) { shard.post(*new Task(std::move(function))); }

/// Runs the same test on real threads and on simulations with several seeds.
class Driver {
 public:
  virtual ~Driver() = default;
  virtual ShardSet& shards() = 0;
  virtual bool run_until(const std::function<bool()>& done) = 0;
};

class ThreadDriver final : public Driver {
 public:
  explicit ThreadDriver(std::uint32_t shards) : set_({.shards = shards}, clock_) { set_.start(); }
  ~ThreadDriver() override { set_.stop(); }
  ShardSet& shards() override { return set_; }
  bool run_until(const std::function<bool()>& done) override {
    while (!done()) std::this_thread::yield();
    return true;
  }

 private:
  SystemClock clock_;
  ThreadShardSet set_;
};

class SimulationDriver final : public Driver {
 public:
  SimulationDriver(std::uint32_t shards, std::uint64_t seed) : set_(shards, seed, clock_) {}
  ShardSet& shards() override { return set_; }
  bool run_until(const std::function<bool()>& done) override { return set_.run_until(done); }

 private:
  SimulatedClock clock_;
  SimulatedShardSet set_;
};

/// Parameter 0: real threads; n: a simulation with seed n.
class Shards : public testing::TestWithParam<int> {
 protected:
  std::unique_ptr<Driver> make(std::uint32_t shards) {
    if (GetParam() == 0) return std::make_unique<ThreadDriver>(shards);
    return std::make_unique<SimulationDriver>(shards, static_cast<std::uint64_t>(GetParam()));
  }
};

INSTANTIATE_TEST_SUITE_P(ThreadsAndSeeds, Shards, testing::Range(0, 20));

TEST_P(Shards, deliver_everything_posted_to_them_in_the_order_of_each_poster) {
  const auto driver = make(2);
  std::vector<int> seen;
  std::atomic<int> count = 0;
  for (int i = 0; i < 1000; ++i) {
    post(driver->shards().shard(1), [&, i] {
      seen.push_back(i);
      ++count;
    });
  }
  ASSERT_TRUE(driver->run_until([&] { return count == 1000; }));
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(seen[static_cast<std::size_t>(i)], i);
}

TEST_P(Shards, keep_the_order_between_two_shards) {
  const auto driver = make(2);
  Shard& from = driver->shards().shard(0);
  Shard& to = driver->shards().shard(1);
  std::vector<int> seen;
  std::atomic<int> count = 0;
  for (int round = 0; round < 100; ++round) {
    post(from, [&, round] {
      for (int i = 0; i < 10; ++i) {
        from.send(to, *new Task([&, value = round * 10 + i] {
                    seen.push_back(value);
                    ++count;
                  }));
      }
    });
  }
  ASSERT_TRUE(driver->run_until([&] { return count == 1000; }));
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(seen[static_cast<std::size_t>(i)], i);
}

struct Countdown final : Runnable {
  Countdown(Shard& shard, int left, std::atomic<int>& total) : shard(shard), left(left), total(total) {}
  void run() override {
    if (--left > 0) shard.schedule(*this);
    // Last: who sees the total reached may look at what is left.
    ++total;
  }
  Shard& shard;
  int left;
  std::atomic<int>& total;
};

TEST_P(Shards, run_scheduled_work_until_it_no_longer_schedules_itself) {
  const auto driver = make(1);
  std::atomic<int> total = 0;
  Countdown a(driver->shards().shard(0), 100, total);
  Countdown b(driver->shards().shard(0), 50, total);
  post(driver->shards().shard(0), [&] {
    a.shard.schedule(a);
    a.shard.schedule(a);
    b.shard.schedule(b);
  });
  ASSERT_TRUE(driver->run_until([&] { return total == 150; }));
  EXPECT_EQ(a.left, 0);
  EXPECT_EQ(b.left, 0);
}

struct CountingTimer final : Timer {
  explicit CountingTimer(std::atomic<int>& fired) : fired(fired) {}
  void expired() override { ++fired; }
  std::atomic<int>& fired;
};

TEST_P(Shards, fire_timers) {
  const auto driver = make(1);
  Shard& shard = driver->shards().shard(0);
  std::atomic<int> fired = 0;
  CountingTimer timer(fired);
  post(shard, [&] { shard.timers().arm(timer, shard.clock().monotonic_ns() + 2 * kNsPerMs); });
  EXPECT_TRUE(driver->run_until([&] { return fired == 1; }));
}

TEST(ThreadShardSet, a_sleeping_shard_is_woken_by_a_delivery) {
  SystemClock clock;
  ThreadShardSet set({.shards = 1, .spin_us = 0}, clock);
  set.start();
  for (int i = 0; i < 200; ++i) {
    std::latch arrived(1);
    post(set.shard(0), [&] { arrived.count_down(); });
    arrived.wait();
  }
  set.stop();
}

TEST(SimulatedShardSet, the_same_seed_gives_the_same_run) {
  const auto run = [](std::uint64_t seed) {
    SimulatedClock clock;
    SimulatedShardSet set(3, seed, clock);
    std::vector<std::uint64_t> trace;
    for (std::uint32_t i = 0; i < 30; ++i) {
      post(set.shard(i % 3), [&, i] { trace.push_back(i * 1'000'000'000 + clock.monotonic_ns() % 1'000'000'000); });
    }
    set.run_until_idle();
    return trace;
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

TEST(SimulatedShardSet, time_jumps_to_the_next_timer_when_nothing_else_is_left) {
  SimulatedClock clock;
  SimulatedShardSet set(1, 1, clock);
  std::atomic<int> fired = 0;
  CountingTimer timer(fired);
  const std::uint64_t hour_ns = 3600 * kNsPerSecond;
  const std::uint64_t start_ns = clock.monotonic_ns();
  set.shard(0).timers().arm(timer, start_ns + hour_ns);
  set.run_until_idle();
  EXPECT_EQ(fired, 1);
  EXPECT_GE(clock.monotonic_ns(), start_ns + hour_ns);
}

TEST(SimulatedClock, a_jump_of_the_wall_clock_leaves_the_monotonic_one_alone) {
  SimulatedClock clock;
  const std::uint64_t monotonic_ns = clock.monotonic_ns();
  const std::uint64_t wall_ns = clock.wall_ns();
  clock.jump_wall_clock(-5'000'000'000);
  EXPECT_EQ(clock.monotonic_ns(), monotonic_ns);
  EXPECT_EQ(clock.wall_ns(), wall_ns - 5'000'000'000);
}

}  // namespace
}  // namespace theater::sched
