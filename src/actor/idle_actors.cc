#include "actor/idle_actors.h"

#include <algorithm>

#include "actor/actor_cell.h"
#include "base/clock.h"
#include "base/limits.h"

namespace theater::actor {

IdleActors::~IdleActors() { shard_.timers().disarm(*this); }

/// An eighth of the time that is to be kept: looking at all costs little then, and nobody waits much too long.
std::uint64_t IdleActors::pace_ns() const { return std::max(limits::kEvictionPaceMs * kNsPerMs, shortest_ns_ / 8); }

void IdleActors::add(ActorCell& cell) {
  if (cell.idle_place_ != ActorCell::kNotIdle) return;
  if (cells_.empty()) shortest_ns_ = UINT64_MAX;
  cell.idle_place_ = static_cast<std::uint32_t>(cells_.size());
  cells_.push_back(&cell);
  shortest_ns_ = std::min(shortest_ns_, cell.evict_after_ns());
  const std::uint64_t due_ns = cell.active_ns_ + std::max(cell.evict_after_ns(), pace_ns());
  if (armed() && next_look_ns_ <= due_ns) return;
  next_look_ns_ = due_ns;
  shard_.timers().arm(*this, due_ns);
}

void IdleActors::remove(ActorCell& cell) {
  if (cell.idle_place_ == ActorCell::kNotIdle) return;
  cells_.back()->idle_place_ = cell.idle_place_;
  cells_[cell.idle_place_] = cells_.back();
  cells_.pop_back();
  cell.idle_place_ = ActorCell::kNotIdle;
}

void IdleActors::expired() {
  const std::uint64_t now_ns = shard_.clock().monotonic_ns();
  std::uint64_t next_ns = UINT64_MAX;
  // From the back, since whoever goes is replaced by the last.
  for (std::size_t i = cells_.size(); i-- > 0;) {
    ActorCell& cell = *cells_[i];
    const std::uint64_t due_ns = cell.active_ns_ + cell.evict_after_ns();
    if (due_ns <= now_ns && cell.evict()) continue;
    next_ns = std::min(next_ns, due_ns);
  }
  if (cells_.empty()) return;
  next_look_ns_ = std::max(next_ns, now_ns + pace_ns());
  shard_.timers().arm(*this, next_look_ns_);
}

std::size_t IdleActors::evict_oldest(std::size_t count) {
  std::vector<ActorCell*> oldest = cells_;
  const auto last = oldest.begin() + static_cast<std::ptrdiff_t>(std::min(count, oldest.size()));
  std::ranges::partial_sort(oldest, last, {}, [](const ActorCell* cell) { return cell->active_ns_; });
  std::size_t evicted = 0;
  for (auto cell = oldest.begin(); cell != last; ++cell) evicted += (*cell)->evict() ? 1 : 0;
  return evicted;
}

}  // namespace theater::actor
