#pragma once

#include <array>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "actor/gate.h"
#include "theater/error.h"
#include "theater/id.h"

namespace theater::router {

/// Which actors take messages, and where they are. Any thread. Split into parts with a lock each, so that shards seldom
/// meet; a sender keeps the address of its last target and comes here for another one only.
class Directory {
 public:
  void add(const ActorId& id, const actor::ActorAddress& address);
  /// It takes no more messages. Its name stays its own.
  void remove(const ActorId& id);
  /// A null address if there is none.
  actor::ActorAddress find(const ActorId& id) const;
  std::size_t size() const;

  /// Gives an actor a name to be reached by. kAlreadyExists when another actor has it; kInvalidArgument when it could
  /// be taken for an id.
  Result<void> add_name(std::string_view name, const ActorId& id);
  void remove_name(const ActorId& id);
  std::optional<ActorId> find_name(std::string_view name) const;
  std::optional<std::string> name_of(const ActorId& id) const;

 private:
  static constexpr std::size_t kParts = 64;
  struct alignas(64) Part {
    mutable std::mutex mutex;
    std::unordered_map<ActorId, actor::ActorAddress> actors;
  };
  Part& part(const ActorId& id) { return parts_[id.bytes()[15] % kParts]; }
  const Part& part(const ActorId& id) const { return parts_[id.bytes()[15] % kParts]; }

  std::array<Part, kParts> parts_;
  mutable std::shared_mutex names_mutex_;
  std::unordered_map<std::string, ActorId> ids_by_name_;
  std::unordered_map<ActorId, std::string> names_by_id_;
};

}  // namespace theater::router
