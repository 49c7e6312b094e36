#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "sched/delivery.h"
#include "sched/timers.h"

namespace theater::sched {

/// Deliveries gathered for another shard, handed over at once with one atomic operation. One thread.
class Outbound {
 public:
  void add(Delivery& delivery) {
    // Newest first, as the receiver's stack holds them.
    delivery.next_ = newest_;
    newest_ = &delivery;
    if (oldest_ == nullptr) oldest_ = &delivery;
  }
  bool empty() const { return newest_ == nullptr; }

 private:
  friend class Shard;
  Delivery* newest_ = nullptr;
  Delivery* oldest_ = nullptr;
};

/// One scheduler thread's worth of work: an inbox that any thread may put deliveries into, a run queue and timers.
///
/// A shard owns no thread: whoever drives it (a real thread or a seeded simulation) calls run_some() again and again.
/// Deliveries from one thread arrive in the order in which they were posted.
class Shard {
 public:
  Shard(std::uint32_t index, std::uint32_t shard_count, const Clock& clock);
  ~Shard();
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  std::uint32_t index() const { return index_; }
  const Clock& clock() const { return clock_; }

  /// Any thread: hands over a delivery and wakes the shard if it sleeps.
  void post(Delivery& delivery);

  /// Owner: puts work at the end of the run queue, unless it stands there already.
  void schedule(Runnable& runnable) {
    if (runnable.queued_) return;
    runnable.queued_ = true;
    runnable.next_runnable_ = nullptr;
    if (run_tail_ == nullptr) {
      run_head_ = &runnable;
    } else {
      run_tail_->next_runnable_ = &runnable;
    }
    run_tail_ = &runnable;
    ++run_length_;
  }

  /// Owner: a delivery for a shard, this one included, in order with those sent before; handed over by flush(), soon.
  void send(Shard& target, Delivery& delivery) {
    outbound_[target.index_].add(delivery);
    targets_[target.index_] = &target;
  }
  /// Owner: hands over what send() gathered.
  void flush();

  Timers& timers() { return timers_; }

  /// Owner: takes in what arrived, fires timers that are due, runs up to `max_runnables` pieces of work. False if there
  /// was nothing to do.
  bool run_some(std::size_t max_runnables = 64);
  /// Owner: takes in what arrived only. Used by simulations, which choose what runs next.
  bool accept();
  /// Owner: whether work stands in the run queue.
  bool has_runnables() const { return run_head_ != nullptr; }
  /// Any thread; a hint unless asked by the owner.
  bool has_arrivals() const { return inbox_.load(std::memory_order_acquire) != nullptr; }

  /// Owner: sleeps until something is posted, a timer is due, or wake() is called.
  void park();
  /// Any thread.
  void wake();

 private:
  void push(Delivery& newest, Delivery& oldest);
  void wake_if_parked();

  const std::uint32_t index_;
  const Clock& clock_;

  // Written by other threads; on cache lines of their own.
  alignas(64) std::atomic<Delivery*> inbox_{nullptr};
  alignas(64) std::atomic<bool> parked_{false};
  std::mutex park_mutex_;
  std::condition_variable park_wakeup_;
  bool wake_requested_ = false;

  alignas(64) Runnable* run_head_ = nullptr;
  Runnable* run_tail_ = nullptr;
  std::size_t run_length_ = 0;
  Timers timers_;
  std::vector<Outbound> outbound_;
  std::vector<Shard*> targets_;
};

}  // namespace theater::sched
