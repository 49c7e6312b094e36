#include "sched/timers.h"

#include "base/check.h"

namespace theater::sched {

void Timers::place(Timer* timer, std::uint32_t at) {
  heap_[at] = timer;
  timer->place_ = at;
}

void Timers::sift_up(Timer* timer, std::uint32_t at) {
  while (at > 0) {
    const std::uint32_t parent = (at - 1) / 4;
    if (heap_[parent]->deadline_ns_ <= timer->deadline_ns_) break;
    place(heap_[parent], at);
    at = parent;
  }
  place(timer, at);
}

void Timers::sift_down(Timer* timer, std::uint32_t at) {
  const auto size = static_cast<std::uint32_t>(heap_.size());
  while (true) {
    const std::uint32_t first = at * 4 + 1;
    if (first >= size) break;
    std::uint32_t least = first;
    for (std::uint32_t child = first + 1; child < size && child < first + 4; ++child) {
      if (heap_[child]->deadline_ns_ < heap_[least]->deadline_ns_) least = child;
    }
    if (timer->deadline_ns_ <= heap_[least]->deadline_ns_) break;
    place(heap_[least], at);
    at = least;
  }
  place(timer, at);
}

void Timers::arm(Timer& timer, std::uint64_t deadline_ns) {
  disarm(timer);
  timer.deadline_ns_ = deadline_ns;
  heap_.push_back(&timer);
  sift_up(&timer, static_cast<std::uint32_t>(heap_.size() - 1));
}

void Timers::disarm(Timer& timer) {
  if (!timer.armed()) return;
  const std::uint32_t at = timer.place_;
  THEATER_CHECK(at < heap_.size() && heap_[at] == &timer);
  timer.place_ = Timer::kNowhere;
  Timer* last = heap_.back();
  heap_.pop_back();
  if (last == &timer) return;
  // The last one may belong above or below the hole.
  sift_up(last, at);
  sift_down(last, last->place_);
}

std::size_t Timers::fire(std::uint64_t now_ns, std::size_t limit) {
  std::size_t fired = 0;
  while (fired < limit && !heap_.empty() && heap_.front()->deadline_ns_ <= now_ns) {
    Timer* timer = heap_.front();
    disarm(*timer);
    timer->expired();
    ++fired;
  }
  return fired;
}

}  // namespace theater::sched
