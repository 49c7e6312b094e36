#include "runtime/family.h"

#include <algorithm>

#include "base/check.h"
#include "base/limits.h"

namespace theater::runtime {

Family::Node* Family::find(const std::optional<ActorId>& id) {
  if (!id) return nullptr;
  const auto found = nodes_.find(*id);
  return found == nodes_.end() ? nullptr : &found->second;
}

Family::SupervisorName Family::supervisor_name(const Node& node) const {
  return node.parent ? SupervisorName{.id = *node.parent, .of_alone = false}
                     : SupervisorName{.id = node.id, .of_alone = true};
}

Family::Restarts* Family::find_restarts(const SupervisorName& name) {
  Node* node = find(name.id);
  if (node == nullptr) return nullptr;
  Boxed<Restarts>& restarts = name.of_alone ? node->of_itself : node->of_children;
  return restarts ? &*restarts : nullptr;
}

Family::Restarts& Family::restarts_over(Node& node) {
  Boxed<Restarts>& restarts = node.parent ? find(node.parent)->of_children : node.of_itself;
  if (!restarts) restarts = Restarts();
  return *restarts;
}

const Supervision& Family::policy_over(const Node& node) {
  return node.parent ? find(node.parent)->supervision : node.supervision;
}

std::size_t Family::living_children(const Node& node) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(node.children, [&](const ActorId& child) { return !nodes_.at(child).resting; }));
}

bool Family::is_down(const Node& node) const { return !node.alive && living_children(node) == 0; }

// Coming and going ----------------------------------------------------------------------------------------------------

Result<void> Family::add(const ActorId& id, const std::optional<ActorId>& parent, const Supervision& supervision,
                         std::uint32_t children_max) {
  if (closed_) return fail(ErrorCode::kUnavailable, "all actors are ending");
  Node node;
  if (parent) {
    Node* above = find(parent);
    if (above == nullptr || above->resting) {
      return fail(ErrorCode::kNotFound, "no such parent: " + to_string(*parent));
    }
    if (is_winding_down(*above) || above->escalated) {
      return fail(ErrorCode::kStopped, "the parent " + to_string(*parent) + " is ending");
    }
    if (above->depth + 1 >= limits::kFamilyDepthMax) {
      return fail(ErrorCode::kResourceExhausted, "there are " + std::to_string(limits::kFamilyDepthMax) +
                                                     " generations above already, the most allowed");
    }
    if (living_children(*above) >= above->children_max) {
      return fail(ErrorCode::kResourceExhausted, "the parent has its limit of " + std::to_string(above->children_max) +
                                                     " children (limits.children_max)");
    }
    above->children.push_back(id);
    node.depth = above->depth + 1;
  }
  node.id = id;
  node.parent = parent;
  node.supervision = supervision;
  node.children_max = children_max;
  nodes_.emplace(id, std::move(node));
  return {};
}

void Family::remove(const ActorId& id) {
  Node* node = find(id);
  if (node == nullptr) return;
  node->alive = false;
  node->fate = Fate::kGoes;
  if (closed_) return erase(*node);
  // Its parent may wait for its end.
  wind_down(*node);
  settle();
}

void Family::forget(const ActorId& id) {
  if (Node* node = find(id); node != nullptr && node->resting) erase(*node);
}

void Family::erase(Node& node) {
  const ActorId id = node.id;
  if (node.expected_back) actions_.finished(id);
  leave_groups(node);
  if (Node* parent = find(node.parent)) std::erase(parent->children, id);
  if (node.resting && !node.parent) std::erase(resting_roots_, id);
  nodes_.erase(id);
  actions_.forgotten(id);
}

void Family::lay_to_rest(Node& node) {
  Node* parent = find(node.parent);
  const bool is_kept = node.was_ever_started && (!node.parent || (parent != nullptr && !is_winding_down(*parent)));
  if (!is_kept) return erase(node);
  if (node.expected_back) actions_.finished(node.id);
  node.expected_back = false;
  node.resting = true;
  if (parent == nullptr) {
    resting_roots_.push_back(node.id);
    if (resting_roots_.size() > limits::kEndedChildrenKept) erase(nodes_.at(resting_roots_.front()));
    return;
  }
  const auto& siblings = parent->children;
  if (siblings.size() - living_children(*parent) <= limits::kEndedChildrenKept) return;
  erase(nodes_.at(*std::ranges::find_if(siblings, [&](const ActorId& id) { return nodes_.at(id).resting; })));
}

void Family::started(const ActorId& id) {
  Node* node = find(id);
  if (node == nullptr) return;
  node->has_started = true;
  node->was_ever_started = true;
  to_advance_.push_back(supervisor_name(*node));
  settle();
}

bool Family::ended(const ActorId& id, StopReason reason, std::uint64_t now_ns) {
  Node* node = find(id);
  if (node == nullptr) return false;
  node->has_started = false;
  // Nothing more can be ordered.
  node->stop_ordered = node->force_ordered = true;
  if (closed_) return false;
  if (node->fate == Fate::kStays) {
    failed(*node, reason, now_ns);
  } else if (const Node* parent = find(node->parent);
             node->tell_parent && parent != nullptr && !is_winding_down(*parent)) {
    actions_.tell_parent(parent->id, id);
  }
  if (node->fate != Fate::kComesBack) return false;
  node->alive = false;
  node->expected_back = true;
  wind_down(*node);
  settle();
  return true;
}

void Family::gone(const ActorId& id) {
  Node* node = find(id);
  // Unless somebody else ended it for good since, or has it back already.
  if (node == nullptr || !node->alive || (node->fate != Fate::kGoes && !closed_)) return;
  node->alive = false;
  if (closed_) return erase(*node);
  wind_down(*node);
  settle();
}

void Family::failed(Node& node, StopReason reason, std::uint64_t now_ns) {
  node.fate = Fate::kGoes;
  leave_groups(node);
  Node* parent = find(node.parent);
  if (!node.was_ever_started || (parent != nullptr && is_winding_down(*parent))) return;
  if (parent != nullptr) actions_.tell_parent(parent->id, node.id);
  if (node.supervision.restart == RestartPolicy::kTemporary || (parent != nullptr && parent->escalated)) return;
  Restarts& restarts = restarts_over(node);
  std::vector<ActorId> candidates;
  std::vector<RestartPolicy> policies;
  std::size_t place = 0;
  for (const ActorId& child : parent != nullptr ? parent->children : std::vector{node.id}) {
    const Node& sibling = nodes_.at(child);
    if (sibling.resting) continue;
    if (child == node.id) place = candidates.size();
    candidates.push_back(child);
    policies.push_back(sibling.supervision.restart);
  }
  std::array<std::uint8_t, 8> drawn{};
  random_.fill(drawn);
  std::uint64_t random = 0;
  for (const std::uint8_t byte : drawn) random = random << 8 | byte;
  const ChildEnd end = reason == StopReason::kFailed ? ChildEnd::kAbnormal : ChildEnd::kNormal;
  const SupervisionDecision decision =
      decide_restart(policy_over(node), policies, place, end, restarts.history, now_ns, random);
  restarts.history = decision.history;
  switch (decision.action) {
    case SupervisionDecision::Action::kForget: return;
    case SupervisionDecision::Action::kRestart: return restart_group(node, decision, candidates);
    case SupervisionDecision::Action::kEscalate: return escalate(node);
  }
}

void Family::restart_group(Node& ended, const SupervisionDecision& decision, const std::vector<ActorId>& candidates) {
  Group group;
  group.number = next_number_++;
  group.delay_ms = decision.delay_ms;
  for (const std::size_t place : decision.stop) {
    Node& sibling = nodes_.at(candidates[place]);
    if (sibling.fate == Fate::kGoes) continue;
    // What another group began with it, this one finishes: it has all of that one's members.
    leave_groups(sibling);
    sibling.fate = sibling.supervision.restart == RestartPolicy::kTemporary ? Fate::kGoes : Fate::kComesBack;
    sibling.stop_reason = StopReason::kRequested;
    sibling.stop_message = "stopped because its sibling " + to_string(ended.id) + " ended";
    group.stop.push_back(sibling.id);
  }
  ended.fate = Fate::kComesBack;
  for (const std::size_t place : decision.start) {
    if (nodes_.at(candidates[place]).fate == Fate::kComesBack) group.start.push_back(candidates[place]);
  }
  restarts_over(ended).groups.push_back(std::move(group));
}

void Family::escalate(Node& child) {
  const Supervision& policy = policy_over(child);
  const std::string text = "too many restarts: " + to_string(child.id) + " ended once more than " +
                           std::to_string(policy.max_restarts) + " times within " + std::to_string(policy.within_s) +
                           " s";
  Node* parent = find(child.parent);
  if (parent == nullptr) {
    actions_.report(text + "; it is not started again");
    return;
  }
  actions_.report(text + "; its parent " + to_string(parent->id) + " fails");
  parent->escalated = true;
  actions_.stop(parent->id, StopReason::kFailed, true, text);
}

// Ends of subtrees ----------------------------------------------------------------------------------------------------

void Family::take_along(Node& child, const Node& parent) {
  if (child.fate != Fate::kGoes) {
    child.fate = Fate::kGoes;
    child.stop_reason = StopReason::kParent;
    child.stop_message = "its parent " + to_string(parent.id) + " ended";
    child.tell_parent = false;
  }
  child.by_force |= parent.by_force;
}

void Family::order_stop(Node& node) {
  if (node.stop_ordered && (!node.by_force || node.force_ordered)) return;
  node.stop_ordered = true;
  node.force_ordered = node.by_force;
  actions_.stop(node.id, node.stop_reason, node.by_force, node.stop_message);
}

void Family::wind_down(Node& first) {
  for (Node* node = &first;;) {
    if (node->of_children) node->of_children->groups.clear();
    while (!node->children.empty()) {
      Node& child = nodes_.at(node->children.back());
      if (child.resting) {
        erase(child);
        continue;
      }
      take_along(child, *node);
      node = &child;
      if (node->of_children) node->of_children->groups.clear();
    }
    if (node->alive) return order_stop(*node);
    if (node->fate == Fate::kComesBack) return to_advance_.push_back(supervisor_name(*node));
    Node* parent = find(node->parent);
    lay_to_rest(*node);
    if (parent == nullptr) return;
    if (!is_winding_down(*parent)) {
      to_advance_.push_back({.id = parent->id, .of_alone = false});
      return;
    }
    node = parent;
  }
}

Result<void> Family::stop(const ActorId& id, bool by_force, Asker asker) {
  Node* node = find(id);
  if (node == nullptr) return fail(ErrorCode::kNotFound, "no such actor: " + to_string(id));
  if (node->resting) return {};
  if (node->fate != Fate::kGoes) {
    node->fate = Fate::kGoes;
    node->stop_reason = StopReason::kRequested;
    node->stop_message.clear();
    node->tell_parent = asker == Asker::kOutside;
    leave_groups(*node);
  }
  if (by_force) {
    if (node->stop_reason == StopReason::kRequested) node->stop_reason = StopReason::kTerminated;
    node->by_force = true;
  }
  wind_down(*node);
  settle();
  return {};
}

void Family::shut_down() {
  closed_ = true;
  std::vector<ActorId> all;
  for (const auto& [id, node] : nodes_) all.push_back(id);
  for (const ActorId& id : all) {
    Node& node = nodes_.at(id);
    node.fate = Fate::kGoes;
    if (node.of_children) node.of_children->groups.clear();
    if (node.of_itself) node.of_itself->groups.clear();
    if (node.alive) {
      actions_.stop(id, StopReason::kRuntimeEnded, true, "");
    } else {
      if (node.expected_back) actions_.finished(id);
      node.expected_back = false;
    }
  }
}

// Restarts ------------------------------------------------------------------------------------------------------------

Result<void> Family::restart(const ActorId& id) {
  Node* node = find(id);
  if (node == nullptr) return fail(ErrorCode::kNotFound, "no such actor: " + to_string(id));
  const Node* parent = find(node->parent);
  if (closed_ || (parent != nullptr && (is_winding_down(*parent) || parent->escalated)) ||
      (node->fate == Fate::kGoes && !node->resting)) {
    return fail(ErrorCode::kStopped, "the actor " + to_string(id) + " is ending");
  }
  Restarts& restarts = restarts_over(*node);
  if (node->fate == Fate::kComesBack && !node->resting) {
    // It is on its way already; it need not wait any longer.
    for (Group& group : restarts.groups) {
      if (group.stage == Group::Stage::kWaiting && std::ranges::find(group.start, id) != group.start.end())
        group.stage = Group::Stage::kStarting;
    }
    to_advance_.push_back(supervisor_name(*node));
    settle();
    return {};
  }
  if (node->resting && parent != nullptr && living_children(*parent) >= parent->children_max) {
    return fail(ErrorCode::kResourceExhausted, "the parent has its limit of " + std::to_string(parent->children_max) +
                                                   " children (limits.children_max)");
  }
  if (node->resting && parent == nullptr) std::erase(resting_roots_, id);
  node->resting = false;
  node->fate = Fate::kComesBack;
  node->stop_reason = StopReason::kRequested;
  node->stop_message = "to be started again";
  Group group;
  group.number = next_number_++;
  group.start = {id};
  restarts.groups.push_back(std::move(group));
  wind_down(*node);
  settle();
  return {};
}

void Family::wait_is_over(std::uint64_t number) {
  const auto waiting = waits_.find(number);
  if (waiting == waits_.end()) return;
  const SupervisorName owner = waiting->second;
  waits_.erase(waiting);
  Restarts* restarts = find_restarts(owner);
  if (restarts == nullptr || closed_) return;
  for (Group& group : restarts->groups) {
    if (group.number == number && group.stage == Group::Stage::kWaiting) group.stage = Group::Stage::kStarting;
  }
  to_advance_.push_back(owner);
  settle();
}

void Family::leave_groups(Node& node) {
  const SupervisorName owner = supervisor_name(node);
  Restarts* restarts = find_restarts(owner);
  if (restarts == nullptr) return;
  for (Group& group : restarts->groups) {
    std::erase(group.stop, node.id);
    std::erase(group.start, node.id);
  }
  to_advance_.push_back(owner);
}

void Family::settle() {
  while (!to_advance_.empty()) {
    const SupervisorName owner = to_advance_.back();
    to_advance_.pop_back();
    Restarts* restarts = find_restarts(owner);
    if (restarts == nullptr || closed_) continue;
    // Advancing a group ends actors below it, but makes and removes no group beside it.
    for (std::size_t i = 0; i < restarts->groups.size();) {
      if (advance(restarts->groups[i], owner)) {
        restarts->groups.erase(restarts->groups.begin() + static_cast<std::ptrdiff_t>(i));
      } else {
        ++i;
      }
    }
  }
}

bool Family::advance(Group& group, const SupervisorName& owner) {
  if (group.stage == Group::Stage::kStopping) {
    for (const auto* members : {&group.stop, &group.start}) {
      for (const ActorId& member : *members) {
        Node* node = find(member);
        if (node == nullptr || is_down(*node)) continue;
        wind_down(*node);
        return false;
      }
    }
    group.stage = group.delay_ms == 0 ? Group::Stage::kStarting : Group::Stage::kWaiting;
    if (group.stage == Group::Stage::kWaiting && !group.start.empty()) {
      waits_[group.number] = owner;
      actions_.wait(group.start.front(), group.delay_ms, group.number);
    }
  }
  if (group.start.empty()) return true;
  if (group.stage == Group::Stage::kWaiting) return false;
  for (const ActorId& member : group.start) {
    Node& node = nodes_.at(member);
    if (!node.alive) {
      start_again(node);
      return false;
    }
    if (!node.has_started) return false;
  }
  return true;
}

void Family::start_again(Node& node) {
  node.alive = true;
  node.fate = Fate::kStays;
  node.stop_ordered = node.force_ordered = false;
  node.expected_back = node.escalated = node.by_force = node.tell_parent = false;
  node.stop_message.clear();
  // A new supervisor has a clean record.
  if (node.of_children) node.of_children->history = {};
  actions_.start_again(node.id);
}

// Looking -------------------------------------------------------------------------------------------------------------

std::vector<ActorId> Family::children(const ActorId& parent) const {
  std::vector<ActorId> living;
  const auto node = nodes_.find(parent);
  if (node == nodes_.end()) return living;
  for (const ActorId& child : node->second.children) {
    if (!nodes_.at(child).resting) living.push_back(child);
  }
  return living;
}

bool Family::is_child(const ActorId& parent, const ActorId& child) const {
  const auto node = nodes_.find(child);
  return node != nodes_.end() && node->second.parent == parent;
}

bool Family::is_resting(const ActorId& id) const {
  const auto node = nodes_.find(id);
  return node != nodes_.end() && node->second.resting;
}

bool Family::is_stopping(const ActorId& id) const {
  const auto node = nodes_.find(id);
  return node != nodes_.end() && node->second.alive && node->second.fate != Fate::kStays;
}

}  // namespace theater::runtime
