#pragma once

#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "theater/error.h"
#include "theater/id.h"

namespace theater::router {

/// Which actors have joined which groups. A group is there as long as it has members. Any thread.
class Groups {
 public:
  /// Joining twice is joining once. kInvalidArgument for what is no name; kResourceExhausted when the group has too
  /// many members, or the actor is in too many groups.
  Result<void> join(std::string_view group, const ActorId& id);
  /// kNotFound unless it is a member.
  Result<void> leave(std::string_view group, const ActorId& id);
  void leave_all(const ActorId& id);
  /// In the order in which they joined.
  std::vector<ActorId> members(std::string_view group) const;

 private:
  /// Without the list of its groups.
  void take_out(const std::string& group, const ActorId& id);

  mutable std::shared_mutex mutex_;
  std::unordered_map<std::string, std::vector<ActorId>> members_;
  std::unordered_map<ActorId, std::vector<std::string>> groups_;
};

}  // namespace theater::router
