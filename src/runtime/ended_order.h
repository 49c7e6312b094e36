#pragma once

#include <cstddef>
#include <list>
#include <optional>
#include <unordered_map>

#include "theater/id.h"

namespace theater::runtime {

/// The actors that ended last, each once, however often it ended. Not thread-safe.
class EndedOrder {
 public:
  explicit EndedOrder(std::size_t kept) : kept_(kept) {}

  /// It has ended, perhaps again. Returns the one that is too many now: whose end is longest ago.
  std::optional<ActorId> ended(const ActorId& id) {
    remove(id);
    places_[id] = oldest_first_.insert(oldest_first_.end(), id);
    if (places_.size() <= kept_) return std::nullopt;
    const ActorId oldest = oldest_first_.front();
    remove(oldest);
    return oldest;
  }
  /// It runs again, or is forgotten.
  void remove(const ActorId& id) {
    const auto place = places_.find(id);
    if (place == places_.end()) return;
    oldest_first_.erase(place->second);
    places_.erase(place);
  }
  std::size_t size() const { return places_.size(); }

 private:
  const std::size_t kept_;
  std::list<ActorId> oldest_first_;
  std::unordered_map<ActorId, std::list<ActorId>::iterator> places_;
};

}  // namespace theater::runtime
