#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "theater/bytes.h"
#include "theater/error.h"
#include "theater/event.h"
#include "theater/id.h"

namespace theater {

/// One thing in which a re-run is not what was recorded.
struct ReplayDifference {
  /// "event", "function", "params.msg", "result", "state.count", "fuel"…: values are taken apart by the component's WIT
  /// types, with its own field names.
  std::string field;
  std::string recorded;
  std::string replayed;
};

/// The first event at which a re-run differs.
struct ReplayDivergence {
  std::uint64_t sequence = 0;
  /// Of the recorded event.
  EventKind kind = EventKind::kNote;
  /// What the recorded event names, or ends: "interface.function".
  std::string function;
  /// The exported function in whose call it happened, and the sequence of that call; none outside a call.
  std::optional<std::string> call;
  std::uint64_t call_sequence = 0;
  std::vector<ReplayDifference> differences;
  /// Where the re-run was: WebAssembly frames, innermost first. Empty when its call had returned.
  std::string backtrace;
};

/// What a replay found.
struct ReplayReport {
  /// Why a replay could not go on: what it would need is not there, the chain is broken, or it was given up.
  struct Stop {
    std::uint64_t sequence = 0;
    std::string what;
    bool given_up = false;
  };

  ActorId actor;
  std::string name;
  /// The events from `first_sequence` up to `next_sequence` (without it) were gone through, all but notes compared.
  std::uint64_t first_sequence = 0;
  std::uint64_t next_sequence = 0;
  std::uint64_t calls = 0;
  std::uint64_t host_calls = 0;
  /// From the first event gone through to the last, when they were recorded.
  std::uint64_t recorded_ns = 0;
  /// At most one of the two; neither when everything up to the event asked for was gone through.
  std::optional<ReplayDivergence> divergence;
  std::optional<Stop> stop;
  /// What a reader should know of what was found, e.g. that a call was compared up to its time-out only.
  std::vector<std::string> remarks;
  /// The actor's state after the last event gone through; none if it keeps none.
  std::optional<Bytes> state;

  bool same() const { return !divergence && !stop; }
};

struct ReplayOptions {
  /// Which actor, by id or name, where the source holds several.
  std::string actor;
  /// Components that the source does not hold; or just one that the chain does not name, which takes the place of all
  /// that it names: fuel and backtraces are then not compared.
  std::vector<Bytes> components;
  /// The one component given takes the place of all, named by the chain or not.
  bool replace_all = false;
  /// The manifest's text, for its limits, where the source does not hold it.
  std::optional<std::string> manifest;
  /// The last event to go through.
  std::uint64_t until = UINT64_MAX;
  /// Go on with the state that the re-run has, whatever was recorded: for a component that keeps its state in another
  /// form.
  bool ignore_state = false;
  /// Folder for compiled components, as RuntimeOptions::code_cache.
  std::optional<std::filesystem::path> code_cache;
  /// Told from time to time how far it is (a sequence) of how many events; false gives up.
  std::function<bool(std::uint64_t sequence, std::uint64_t next_sequence)> progress;
};

/// Re-runs an actor from its recorded chain (a chain file, a data directory or a bundle): each call is made again, what
/// the guest asks of its host is answered from the chain, and everything that the guest does is compared with it, bit
/// for bit. Needs no runtime, no handler, and touches nothing outside. An error when the source cannot be opened;
/// everything else is in the report. Any thread.
Result<ReplayReport> replay_chain(const std::filesystem::path& source, const ReplayOptions& options);

/// The actor's state after the event with this sequence: from the chain where it holds the bytes, otherwise by a
/// replay. None if it kept none. kNotFound when there is no such event; kUnavailable when what a replay would need is
/// missing; kCorrupt when the replay differs before.
Result<std::optional<Bytes>> state_at(const std::filesystem::path& source, std::uint64_t sequence,
                                      const ReplayOptions& options);

}  // namespace theater
