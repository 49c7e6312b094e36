#pragma once

#include <array>
#include <atomic>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "actor/gate.h"
#include "theater/error.h"
#include "theater/id.h"

namespace theater::router {

/// Which actors take messages, and where they are. Any thread. Split into parts with a lock each, so that shards seldom
/// meet; a sender keeps the address of its last target and comes here for another one only.
class Directory {
 public:
  void add(const ActorId& id, const actor::ActorAddress& address);
  /// It takes no more messages. Its names stay its own.
  void remove(const ActorId& id);
  /// A null address if there is none.
  actor::ActorAddress find(const ActorId& id) const;
  std::size_t size() const;

  /// Gives an actor a name to be reached by, beside those that it has. kAlreadyExists when another actor has it;
  /// kInvalidArgument when it could be taken for an id, or no manifest could say it; kResourceExhausted.
  Result<void> add_name(std::string_view name, const ActorId& id);
  /// kNotFound unless it is this actor's.
  Result<void> remove_name(std::string_view name, const ActorId& id);
  void remove_names(const ActorId& id);
  std::optional<ActorId> find_name(std::string_view name) const;
  /// The first that it was given.
  std::optional<std::string> name_of(const ActorId& id) const;
  /// Another number whenever a name may have gone to another actor.
  std::uint64_t names_version() const { return names_version_.load(std::memory_order_acquire); }

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
  std::unordered_map<ActorId, std::vector<std::string>> names_by_id_;
  /// Read for each message, seldom written: on a cache line of its own.
  alignas(64) std::atomic<std::uint64_t> names_version_{0};
};

/// What an actor or a group can be called: text of a manifest's bounds, without control characters.
Result<void> check_name(std::string_view name);

}  // namespace theater::router
