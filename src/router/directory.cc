#include "router/directory.h"

#include <algorithm>

#include "base/limits.h"
#include "theater/bytes.h"

namespace theater::router {

Result<void> check_name(std::string_view name) {
  const bool has_control = std::ranges::any_of(name, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
  if (!name.empty() && name.size() <= limits::kActorNameBytes && !has_control) return {};
  return fail(ErrorCode::kInvalidArgument, "not a name: " + printable(as_bytes(name), 100) + "; it has 1 to " +
                                               std::to_string(limits::kActorNameBytes) +
                                               " bytes and no control characters");
}

void Directory::add(const ActorId& id, const actor::ActorAddress& address) {
  Part& in = part(id);
  const std::lock_guard lock(in.mutex);
  in.actors[id] = address;
}

void Directory::remove(const ActorId& id) {
  Part& in = part(id);
  const std::lock_guard lock(in.mutex);
  in.actors.erase(id);
}

Result<void> Directory::remove_name(std::string_view name, const ActorId& id) {
  const std::unique_lock lock(names_mutex_);
  const auto names = names_by_id_.find(id);
  if (names == names_by_id_.end() || std::erase(names->second, name) == 0) {
    return fail(ErrorCode::kNotFound, "the name " + printable(as_bytes(name), 100) + " is not this actor's");
  }
  if (names->second.empty()) names_by_id_.erase(names);
  ids_by_name_.erase(std::string(name));
  ++names_version_;
  return {};
}

void Directory::remove_names(const ActorId& id) {
  const std::unique_lock lock(names_mutex_);
  const auto names = names_by_id_.find(id);
  if (names == names_by_id_.end()) return;
  for (const std::string& name : names->second) ids_by_name_.erase(name);
  names_by_id_.erase(names);
  ++names_version_;
}

actor::ActorAddress Directory::find(const ActorId& id) const {
  const Part& in = part(id);
  const std::lock_guard lock(in.mutex);
  const auto found = in.actors.find(id);
  return found == in.actors.end() ? actor::ActorAddress() : found->second;
}

std::size_t Directory::size() const {
  std::size_t size = 0;
  for (const Part& in : parts_) {
    const std::lock_guard lock(in.mutex);
    size += in.actors.size();
  }
  return size;
}

Result<void> Directory::add_name(std::string_view name, const ActorId& id) {
  if (auto checked = check_name(name); !checked) return checked;
  if (parse_id<ActorId>(name)) {
    return fail(ErrorCode::kInvalidArgument,
                "\"" + std::string(name) + "\" cannot be an actor's name: it could be taken for an id");
  }
  const std::unique_lock lock(names_mutex_);
  if (const auto owner = ids_by_name_.find(std::string(name)); owner != ids_by_name_.end()) {
    if (owner->second == id) return {};
    return fail(ErrorCode::kAlreadyExists,
                "the name \"" + std::string(name) + "\" belongs to actor " + to_string(owner->second) + " already");
  }
  std::vector<std::string>& names = names_by_id_[id];
  if (names.size() >= limits::kActorNames) {
    return fail(ErrorCode::kResourceExhausted, "the actor has " + std::to_string(limits::kActorNames) +
                                                   " names already, the most allowed; unregister one");
  }
  names.emplace_back(name);
  ids_by_name_.emplace(name, id);
  return {};
}

std::optional<ActorId> Directory::find_name(std::string_view name) const {
  const std::shared_lock lock(names_mutex_);
  const auto found = ids_by_name_.find(std::string(name));
  if (found == ids_by_name_.end()) return std::nullopt;
  return found->second;
}

std::optional<std::string> Directory::name_of(const ActorId& id) const {
  const std::shared_lock lock(names_mutex_);
  const auto found = names_by_id_.find(id);
  if (found == names_by_id_.end()) return std::nullopt;
  return found->second.front();
}

}  // namespace theater::router
