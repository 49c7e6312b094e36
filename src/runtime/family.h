#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/boxed.h"
#include "base/random.h"
#include "runtime/supervision.h"
#include "theater/error.h"
#include "theater/event.h"
#include "theater/id.h"

namespace theater::runtime {

/// What a family asks for. Called inside the family's own methods: an implementation only passes it on, and comes back
/// later with started(), ended() or wait_is_over().
class FamilyActions {
 public:
  virtual ~FamilyActions() = default;
  /// End the actor's instance: after its running turn, or by force, which may follow the first. ended() follows.
  virtual void stop(const ActorId& id, StopReason reason, bool by_force, const std::string& message) = 0;
  /// Make a new instance of the actor, with its first state. started() or ended() follows.
  virtual void start_again(const ActorId& id) = 0;
  /// Call wait_is_over(number) after this time.
  virtual void wait(const ActorId& id, std::uint64_t delay_ms, std::uint64_t number) = 0;
  /// An actor that ended earlier and was to come back does not.
  virtual void finished(const ActorId& id) = 0;
  /// The actor is no longer part of the family: it cannot be started again.
  virtual void forgotten(const ActorId& id) = 0;
  /// The parent lives and should hear how this child has ended.
  virtual void tell_parent(const ActorId& parent, const ActorId& child) = 0;
  /// For the operator.
  virtual void report(const std::string& line) = 0;
};

/// Who is whose child, and what becomes of whom when one ends: restarts by policy and by hand, ends of whole subtrees.
/// A state machine without threads or clocks of its own, so that tests can drive it in any order. Not thread-safe.
///
/// An actor that ends for good stays known for a while, so that its parent can look at it and start it again by hand.
class Family {
 public:
  Family(FamilyActions& actions, RandomSource& random) : actions_(actions), random_(random) {}

  /// A new actor, which is being started. kUnavailable after shut_down(); kNotFound, kStopped when there is no such
  /// parent or it ends;
  /// kResourceExhausted when it has too many children or is too deep in the tree.
  Result<void> add(const ActorId& id, const std::optional<ActorId>& parent, const Supervision& supervision,
                   std::uint32_t children_max);
  /// Its first start did not even begin: as if it had not been added.
  void remove(const ActorId& id);
  /// One that has ended for good is remembered no longer.
  void forget(const ActorId& id);

  /// init has returned.
  void started(const ActorId& id);
  /// The instance has ended. True if the actor comes back, perhaps after a wait; otherwise gone() must follow once all
  /// is done that belongs to its end, and only then do others end that waited for it.
  bool ended(const ActorId& id, StopReason reason, std::uint64_t now_ns);
  void gone(const ActorId& id);
  void wait_is_over(std::uint64_t number);

  enum class Asker : std::uint8_t { kParent, kOutside };
  /// Ends the actor for good, its children first, last started first; one that has ended already stays so. kNotFound.
  Result<void> stop(const ActorId& id, bool by_force, Asker asker);
  /// Ends the actor and its children if it lives, and makes it anew: counts as no failure, waits for nothing.
  /// kNotFound; kStopped when it is being ended.
  Result<void> restart(const ActorId& id);
  /// Ends everything at once; nothing comes back any more.
  void shut_down();

  bool contains(const ActorId& id) const { return nodes_.contains(id); }
  /// In the order of their start; living ones, and those that come back.
  std::vector<ActorId> children(const ActorId& parent) const;
  bool is_child(const ActorId& parent, const ActorId& child) const;
  bool is_stopping(const ActorId& id) const;
  /// It has ended for good and is remembered.
  bool is_resting(const ActorId& id) const;
  std::size_t size() const { return nodes_.size(); }

 private:
  enum class Fate : std::uint8_t { kStays, kGoes, kComesBack };
  /// Children that are restarted together.
  struct Group {
    std::uint64_t number = 0;
    /// Those to be stopped, in order; then those to be started, in order.
    std::vector<ActorId> stop;
    std::vector<ActorId> start;
    std::uint64_t delay_ms = 0;
    enum class Stage : std::uint8_t { kStopping, kWaiting, kStarting } stage = Stage::kStopping;
  };
  /// What a supervisor of one actor's children remembers, from the first end on that it decided over. An actor without
  /// a parent is the only child of a supervisor of its own.
  struct Restarts {
    RestartHistory history;
    std::vector<Group> groups;
  };
  struct Node {
    ActorId id;
    std::optional<ActorId> parent;
    std::uint32_t depth = 0;
    std::uint32_t children_max = 0;
    Supervision supervision;
    /// In the order of their start.
    std::vector<ActorId> children;
    Boxed<Restarts> of_children;
    /// Only without a parent.
    Boxed<Restarts> of_itself;

    /// There is an instance, or one is being made.
    bool alive = true;
    bool has_started = false;
    bool was_ever_started = false;
    /// It ended for good, and is only remembered.
    bool resting = false;
    /// It is being failed because its children failed too often.
    bool escalated = false;
    Fate fate = Fate::kStays;
    StopReason stop_reason = StopReason::kRequested;
    std::string stop_message;
    bool by_force = false;
    bool tell_parent = false;
    bool stop_ordered = false;
    bool force_ordered = false;
    /// ended() said that it comes back, and it has not yet.
    bool expected_back = false;
  };

  /// The supervisor of an actor's children, or of the actor alone.
  struct SupervisorName {
    ActorId id;
    bool of_alone = false;
  };

  Node* find(const std::optional<ActorId>& id);
  SupervisorName supervisor_name(const Node& node) const;
  /// Null before its first decision.
  Restarts* find_restarts(const SupervisorName& name);
  /// Of the supervisor of this actor.
  Restarts& restarts_over(Node& node);
  const Supervision& policy_over(const Node& node);
  bool is_winding_down(const Node& node) const { return !node.alive || node.fate != Fate::kStays; }
  void failed(Node& node, StopReason reason, std::uint64_t now_ns);
  void restart_group(Node& ended, const SupervisionDecision& decision, const std::vector<ActorId>& candidates);
  void escalate(Node& child);
  void wind_down(Node& node);
  static void take_along(Node& child, const Node& parent);
  void order_stop(Node& node);
  void lay_to_rest(Node& node);
  void erase(Node& node);
  void leave_groups(Node& node);
  /// Groups of restarts go on as far as they can, until nothing changes.
  void settle();
  /// True when the group is done.
  bool advance(Group& group, const SupervisorName& owner);
  bool is_down(const Node& node) const;
  std::size_t living_children(const Node& node) const;
  void start_again(Node& node);

  FamilyActions& actions_;
  RandomSource& random_;
  std::unordered_map<ActorId, Node> nodes_;
  /// Resting ones without a parent, oldest first.
  std::vector<ActorId> resting_roots_;
  /// Supervisors whose groups may go on.
  std::vector<SupervisorName> to_advance_;
  /// Whose group waits, by the group's number, which wait_is_over() brings back.
  std::unordered_map<std::uint64_t, SupervisorName> waits_;
  std::uint64_t next_number_ = 1;
  bool closed_ = false;
};

}  // namespace theater::runtime
