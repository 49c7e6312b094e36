#include "sched/shard_set.h"

#include <pthread.h>
#include <sched.h>

#include <string>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace theater::sched {
namespace {

void relax() {
#if defined(__x86_64__)
  _mm_pause();
#else
  std::this_thread::yield();
#endif
}

void pin_to_processor(std::uint32_t index) {
  const std::uint32_t processors = std::thread::hardware_concurrency();
  if (processors == 0) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(index % processors, &set);
  // Best effort: a container may forbid it, and it only costs speed.
  pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

}  // namespace

ThreadShardSet::ThreadShardSet(const Options& options, const Clock& clock) : options_(options), clock_(clock) {
  for (std::uint32_t i = 0; i < options.shards; ++i) {
    shards_.push_back(std::make_unique<Shard>(i, options.shards, clock));
  }
}

ThreadShardSet::~ThreadShardSet() { stop(); }

void ThreadShardSet::start() {
  for (const auto& shard : shards_) {
    threads_.emplace_back([this, &shard = *shard] {
      pthread_setname_np(pthread_self(), ("shard-" + std::to_string(shard.index())).c_str());
      if (options_.pin) pin_to_processor(shard.index());
      drive(shard);
    });
  }
}

void ThreadShardSet::drive(Shard& shard) const {
  while (!stopping_.load(std::memory_order_relaxed)) {
    if (shard.run_some()) continue;
    const std::uint64_t spin_until_ns = clock_.monotonic_ns() + options_.spin_us * kNsPerUs;
    bool found = false;
    while (!found && clock_.monotonic_ns() < spin_until_ns) {
      for (int i = 0; i < 16 && !found; ++i) {
        relax();
        found = shard.has_arrivals();
      }
    }
    if (!found && !stopping_.load(std::memory_order_relaxed)) shard.park();
  }
}

void ThreadShardSet::stop() {
  stopping_.store(true, std::memory_order_relaxed);
  for (const auto& shard : shards_) shard->wake();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

SimulatedShardSet::SimulatedShardSet(std::uint32_t shards, std::uint64_t seed, SimulatedClock& clock)
    : clock_(clock), random_(seed) {
  for (std::uint32_t i = 0; i < shards; ++i) shards_.push_back(std::make_unique<Shard>(i, shards, clock));
}

bool SimulatedShardSet::step() {
  std::vector<Shard*> busy;
  for (const auto& shard : shards_) {
    const bool timer_due = !shard->timers().empty() && shard->timers().next_deadline_ns() <= clock_.monotonic_ns();
    if (shard->has_arrivals() || shard->has_runnables() || timer_due) busy.push_back(shard.get());
  }
  if (busy.empty()) return false;
  Shard& shard = *busy[random_() % busy.size()];
  switch (random_() % 4) {
    case 0:
      shard.accept();
      shard.flush();
      break;
    case 1: shard.run_some(1); break;
    default: shard.run_some(1 + random_() % 16); break;
  }
  // Time passes while work is done, by an amount that differs.
  clock_.advance(random_() % (10 * kNsPerUs));
  return true;
}

bool SimulatedShardSet::advance_to_next_timer() {
  std::uint64_t next_ns = UINT64_MAX;
  for (const auto& shard : shards_) {
    if (!shard->timers().empty()) next_ns = std::min(next_ns, shard->timers().next_deadline_ns());
  }
  if (next_ns == UINT64_MAX) return false;
  if (next_ns > clock_.monotonic_ns()) clock_.advance(next_ns - clock_.monotonic_ns());
  return true;
}

bool SimulatedShardSet::run_until(const std::function<bool()>& done, std::uint64_t max_steps) {
  for (std::uint64_t i = 0; i < max_steps; ++i) {
    if (done()) return true;
    if (!step() && !advance_to_next_timer()) break;
  }
  return done();
}

}  // namespace theater::sched
