#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sched/shard.h"

namespace theater::actor {

class ActorCell;

/// The actors of a shard that have an instance and may give it up when they are idle. Gives up the instances of those
/// that have been idle for as long as their manifests say, or somewhat longer: it is looked from time to time, so that
/// a message costs no timer. The shard's thread only.
class IdleActors final : private sched::Timer {
 public:
  explicit IdleActors(sched::Shard& shard) : shard_(shard) {}
  ~IdleActors();
  IdleActors(const IdleActors&) = delete;
  IdleActors& operator=(const IdleActors&) = delete;

  /// It has an instance from now on; nothing when it is there already.
  void add(ActorCell& cell);
  /// It has none any more; nothing when it is not there.
  void remove(ActorCell& cell);
  /// Gives up so many instances at most, those that have been idle longest. Returns how many.
  std::size_t evict_oldest(std::size_t count);
  /// Actors that have an instance and may give it up.
  std::size_t size() const { return cells_.size(); }

 private:
  void expired() override;
  std::uint64_t pace_ns() const;

  sched::Shard& shard_;
  /// Each knows its place.
  std::vector<ActorCell*> cells_;
  /// Of all that were ever here since it was empty last.
  std::uint64_t shortest_ns_ = UINT64_MAX;
  std::uint64_t next_look_ns_ = 0;
};

}  // namespace theater::actor
