#include "router/directory.h"

namespace theater::router {

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

void Directory::remove_name(const ActorId& id) {
  const std::unique_lock lock(names_mutex_);
  const auto name = names_by_id_.find(id);
  if (name == names_by_id_.end()) return;
  ids_by_name_.erase(name->second);
  names_by_id_.erase(name);
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
  if (name.empty() || parse_id<ActorId>(name)) {
    return fail(ErrorCode::kInvalidArgument, "\"" + std::string(name) + "\" cannot be an actor's name");
  }
  const std::unique_lock lock(names_mutex_);
  const auto [entry, added] = ids_by_name_.try_emplace(std::string(name), id);
  if (!added && entry->second != id) {
    return fail(ErrorCode::kAlreadyExists,
                "the name \"" + std::string(name) + "\" belongs to actor " + to_string(entry->second) + " already");
  }
  names_by_id_[id] = std::string(name);
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
  return found->second;
}

}  // namespace theater::router
