#include "sched/shard.h"

#include <chrono>

namespace theater::sched {
namespace {

/// Work after which gathered deliveries are handed over, so that another shard does not wait for this one's whole
/// round.
constexpr std::size_t kRunnablesPerFlush = 8;
/// With no more in the queue than these, all that they touch is in the cache still.
constexpr std::size_t kRunnablesInCache = 64;
/// Timers fired in one round at most.
constexpr std::size_t kTimersPerRound = 1024;

}  // namespace

Shard::Shard(std::uint32_t index, std::uint32_t shard_count, const Clock& clock)
    : index_(index), clock_(clock), outbound_(shard_count), targets_(shard_count, nullptr) {}

Shard::~Shard() = default;

void Shard::push(Delivery& newest, Delivery& oldest) {
  Delivery* head = inbox_.load(std::memory_order_relaxed);
  do {
    oldest.next_ = head;
  } while (!inbox_.compare_exchange_weak(head, &newest, std::memory_order_release, std::memory_order_relaxed));
}

void Shard::wake_if_parked() {
  // Pairs with the fence in park(): either the push is seen there, or the flag is seen here.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (parked_.load(std::memory_order_relaxed)) wake();
}

void Shard::post(Delivery& delivery) {
  push(delivery, delivery);
  wake_if_parked();
}

void Shard::flush() {
  for (std::size_t i = 0; i < outbound_.size(); ++i) {
    Outbound& outbound = outbound_[i];
    if (outbound.empty()) continue;
    Shard& target = *targets_[i];
    target.push(*outbound.newest_, *outbound.oldest_);
    outbound = Outbound();
    if (&target != this) target.wake_if_parked();
  }
}

bool Shard::accept() {
  if (inbox_.load(std::memory_order_relaxed) == nullptr) return false;
  Delivery* newest = inbox_.exchange(nullptr, std::memory_order_acquire);
  if (newest == nullptr) return false;
  Delivery* oldest = nullptr;
  while (newest != nullptr) {
    Delivery* next = newest->next_;
    newest->next_ = oldest;
    oldest = newest;
    newest = next;
  }
  while (oldest != nullptr) {
    Delivery* delivery = oldest;
    oldest = oldest->next_;
    delivery->deliver();
  }
  return true;
}

bool Shard::run_some(std::size_t max_runnables) {
  bool worked = accept();
  if (!timers_.empty()) worked |= timers_.fire(clock_.monotonic_ns(), kTimersPerRound) > 0;
  for (std::size_t ran = 0; ran < max_runnables && run_head_ != nullptr; ++ran) {
    Runnable* runnable = run_head_;
    run_head_ = runnable->next_runnable_;
    if (run_head_ == nullptr) {
      run_tail_ = nullptr;
    } else if (run_length_ > kRunnablesInCache) {
      run_head_->prefetch();
      if (const Runnable* second = run_head_->next_runnable_; second != nullptr) second->prefetch_head();
    }
    runnable->queued_ = false;
    --run_length_;
    runnable->run();
    worked = true;
    if (ran % kRunnablesPerFlush == kRunnablesPerFlush - 1) flush();
  }
  flush();
  return worked;
}

void Shard::park() {
  std::unique_lock lock(park_mutex_);
  parked_.store(true, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!has_arrivals() && !wake_requested_) {
    const auto woken = [&] { return wake_requested_ || has_arrivals(); };
    if (timers_.empty()) {
      park_wakeup_.wait(lock, woken);
    } else {
      const std::uint64_t now_ns = clock_.monotonic_ns();
      const std::uint64_t deadline_ns = timers_.next_deadline_ns();
      if (deadline_ns > now_ns) park_wakeup_.wait_for(lock, std::chrono::nanoseconds(deadline_ns - now_ns), woken);
    }
  }
  parked_.store(false, std::memory_order_relaxed);
  wake_requested_ = false;
}

void Shard::wake() {
  {
    const std::lock_guard lock(park_mutex_);
    wake_requested_ = true;
  }
  park_wakeup_.notify_one();
}

}  // namespace theater::sched
