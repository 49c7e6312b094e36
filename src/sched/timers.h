#pragma once

#include <cstdint>
#include <vector>

namespace theater::sched {

/// A timer that its owner keeps and arms; owner's thread only. It must be disarmed (or have fired) before it is
/// destroyed.
class Timer {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  /// The deadline has passed. The timer is disarmed already and may be armed again.
  virtual void expired() = 0;
  bool armed() const { return place_ != kNowhere; }

 protected:
  ~Timer() = default;

 private:
  friend class Timers;
  static constexpr std::uint32_t kNowhere = UINT32_MAX;
  std::uint64_t deadline_ns_ = 0;
  std::uint32_t place_ = kNowhere;
};

/// The armed timers of a shard by deadline: a 4-ary heap (fewer cache lines on a way down than a binary one) in which
/// every timer knows its place, so that disarming costs O(log n). Deadlines are monotonic nanoseconds. One thread.
class Timers {
 public:
  /// Arms, or moves an armed timer to another deadline.
  void arm(Timer& timer, std::uint64_t deadline_ns);
  void disarm(Timer& timer);
  bool empty() const { return heap_.empty(); }
  std::size_t size() const { return heap_.size(); }
  /// The earliest deadline; only when not empty.
  std::uint64_t next_deadline_ns() const { return heap_.front()->deadline_ns_; }
  /// Fires at most `limit` timers whose deadline is not after `now_ns`, earliest first. Returns how many.
  std::size_t fire(std::uint64_t now_ns, std::size_t limit);

 private:
  void place(Timer* timer, std::uint32_t at);
  void sift_up(Timer* timer, std::uint32_t at);
  void sift_down(Timer* timer, std::uint32_t at);

  std::vector<Timer*> heap_;
};

}  // namespace theater::sched
