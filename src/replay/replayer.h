#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "chain/chain_source.h"
#include "engine/instance.h"
#include "replay/component_shelf.h"
#include "replay/event_cursor.h"
#include "replay/recorded.h"
#include "theater/manifest.h"
#include "theater/replay.h"

namespace theater::replay {

/// Re-runs one actor against its chain. Used once, on one thread.
///
/// The guest leads: it runs on its own until it calls its host or returns, and what it did is then compared with the
/// next event. What the host did comes from the events.
class Replayer {
 public:
  /// Told of every event that was gone through.
  class Watcher {
   public:
    virtual ~Watcher() = default;
    /// `state`: the actor's after the event; none if it keeps none. `component`: what its calls are made of; null
    /// before the first start. False: that is enough.
    virtual bool event(const chain::EventView& event, std::optional<ByteView> state,
                       const engine::Component* component) = 0;
  };

  /// The callback that the shelf's components must be bound to.
  static te_host_status call_host(void* replayer, std::uint32_t import_index, te_value params, te_host_reply* reply);

  /// All is borrowed for the replayer's life; the watcher may be null.
  Replayer(const ChainSource& source, ComponentShelf& shelf, const ReplayOptions& options, Watcher* watcher);
  Replayer(const Replayer&) = delete;
  Replayer& operator=(const Replayer&) = delete;

  /// From the first started event at `from_sequence` or later.
  ReplayReport run(std::uint64_t from_sequence);

 private:
  /// The call under way.
  struct Running {
    /// As recorded.
    std::uint32_t export_index = 0;
    std::uint64_t sequence = 0;
    EventCursor::CallEnd end;
  };

  /// What goes on should an update fail: all of this class that a start changes, but for the limits.
  struct Former {
    ComponentShelf::Found component;
    FunctionTable recorded_functions;
    std::vector<std::uint32_t> imports;
    std::vector<std::uint32_t> exports;
    std::optional<engine::Instance> instance;
    std::optional<Bytes> state;
  };

  // Going through events.
  const chain::EventView* next_event();
  /// The event that next_event() showed is as recorded, or is not compared.
  void went_through(const chain::EventView& event);
  void stop_at(std::uint64_t sequence, std::string what, bool given_up = false);
  void find_initial_state();
  void skip_to_start(std::uint64_t from_sequence);
  void go_through(const chain::EventView& event);

  // A start.
  void start(const chain::EventView& event);
  bool take_state_of(const chain::StartedView& started, std::uint64_t sequence);
  void find_limits(const Digest& manifest);
  bool take_component(const Digest& digest, std::uint64_t sequence);
  void stand_aside();
  void come_back(const chain::EventView& event, const chain::StartedView& started);
  void take_note(const chain::NoteView& note, std::uint64_t sequence);
  void match_functions();
  void make_instance(std::uint64_t sequence);

  // A call.
  void call(const chain::EventView& event);
  /// True when the call is another component's migration: it is not made, and what came of it is taken over.
  bool skip_migration(const chain::CallView& recorded, std::uint64_t sequence);
  std::uint64_t fuel_for(const EventCursor::CallEnd& end) const;
  void finish_call(const engine::Outcome& outcome);
  void compare_end(const engine::Outcome& outcome);
  void compare_returned(const chain::ReturnedView& recorded, const engine::Outcome& outcome,
                        std::vector<ReplayDifference>& differences) const;
  void compare_failed(const chain::FailedView& recorded, const engine::Outcome& outcome,
                      std::vector<ReplayDifference>& differences);
  void compare_state(const chain::StateRef& recorded, bool has_state, ByteView state,
                     std::vector<ReplayDifference>& differences) const;
  void take_state(const engine::Outcome& outcome);

  // A host call.
  te_host_status host_call(std::uint32_t import_index, const ValueView& params, te_host_reply* reply);
  bool compare_host_call(const chain::EventView& event, std::uint32_t recorded_index, const chain::ValueRef& recorded,
                         std::uint32_t import_index, const ValueView& params);
  te_host_status answer(const chain::EventView& event, const chain::ValueRef& result, te_host_reply* reply);
  te_host_status end_of_pending(te_host_reply* reply);
  static te_host_status halt(te_host_reply* reply);

  // Words.
  void differs(std::uint64_t sequence, EventKind kind, std::string function, std::vector<ReplayDifference> differences);
  void remark(std::string text);
  std::string in_words(const chain::EventView& event) const;
  std::string in_words(const engine::Outcome& outcome) const;
  std::string host_call_in_words(std::uint32_t import_index, const RecordedValue& params) const;
  std::string recorded_host_call_in_words(std::uint32_t recorded_index, const chain::ValueRef& params) const;
  std::optional<engine::ValueType> result_type() const;
  std::string recorded_import(std::uint32_t index) const;
  std::string recorded_export(std::uint32_t index) const;
  const engine::Component& component() const { return component_.linked->component(); }

  const ChainSource& source_;
  ComponentShelf& shelf_;
  const ReplayOptions& options_;
  Watcher* const watcher_;
  std::optional<EventCursor> cursor_;
  ReplayReport report_;
  /// It differs, cannot go on, or has reached what was asked for.
  bool is_over_ = false;
  /// Nothing more of the running call was recorded.
  bool is_call_cut_ = false;

  // What runs.
  ComponentShelf::Found component_;
  FunctionTable recorded_functions_;
  /// By place in the recorded tables: the place in the component's, kAbsent when it has no such function.
  std::vector<std::uint32_t> imports_;
  std::vector<std::uint32_t> exports_;
  std::optional<engine::Instance> instance_;
  /// Set while an update is under way.
  std::optional<Former> former_;
  ActorLimits limits_;
  bool limits_known_ = false;
  /// What fills the manifest's template.
  std::optional<Bytes> initial_state_;
  bool has_state_ = false;
  Bytes state_;
  std::optional<Running> running_;
  /// What the guest is called with.
  RecordedValue params_;
  /// The answer to the guest's host call, or the message that it traps with.
  RecordedValue reply_;
  std::uint64_t events_ = 0;
  std::uint64_t first_time_ns_ = 0;
};

}  // namespace theater::replay
