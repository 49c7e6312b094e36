#include "router/groups.h"

#include <algorithm>
#include <mutex>

#include "base/limits.h"
#include "router/directory.h"
#include "theater/bytes.h"

namespace theater::router {

Result<void> Groups::join(std::string_view group, const ActorId& id) {
  if (auto checked = check_name(group); !checked) return checked;
  const std::unique_lock lock(mutex_);
  const auto joined = groups_.find(id);
  if (joined != groups_.end() && std::ranges::find(joined->second, group) != joined->second.end()) return {};
  if (joined != groups_.end() && joined->second.size() >= limits::kActorGroups) {
    return fail(ErrorCode::kResourceExhausted, "the actor is in " + std::to_string(limits::kActorGroups) +
                                                   " groups already, the most allowed; leave one");
  }
  const auto present = members_.find(std::string(group));
  if (present != members_.end() && present->second.size() >= limits::kGroupMembers) {
    return fail(ErrorCode::kResourceExhausted, "the group " + printable(as_bytes(group), 100) + " has " +
                                                   std::to_string(limits::kGroupMembers) +
                                                   " members already, the most allowed");
  }
  members_[std::string(group)].push_back(id);
  groups_[id].emplace_back(group);
  return {};
}

Result<void> Groups::leave(std::string_view group, const ActorId& id) {
  const std::unique_lock lock(mutex_);
  const auto joined = groups_.find(id);
  if (joined == groups_.end() || std::erase(joined->second, group) == 0) {
    return fail(ErrorCode::kNotFound, "not a member of the group " + printable(as_bytes(group), 100));
  }
  if (joined->second.empty()) groups_.erase(joined);
  take_out(std::string(group), id);
  return {};
}

void Groups::leave_all(const ActorId& id) {
  const std::unique_lock lock(mutex_);
  const auto joined = groups_.find(id);
  if (joined == groups_.end()) return;
  for (const std::string& group : joined->second) take_out(group, id);
  groups_.erase(joined);
}

void Groups::take_out(const std::string& group, const ActorId& id) {
  const auto members = members_.find(group);
  std::erase(members->second, id);
  if (members->second.empty()) members_.erase(members);
}

std::vector<ActorId> Groups::members(std::string_view group) const {
  const std::shared_lock lock(mutex_);
  const auto found = members_.find(std::string(group));
  return found == members_.end() ? std::vector<ActorId>() : found->second;
}

}  // namespace theater::router
