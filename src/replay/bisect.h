#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "chain/chain_source.h"
#include "replay/condition.h"
#include "theater/error.h"
#include "theater/replay.h"

namespace theater::replay {

/// The first event at which a condition holds.
struct Bisected {
  /// None when it holds at no event up to `next_sequence`.
  std::optional<std::uint64_t> sequence;
  std::uint64_t next_sequence = 0;
  /// The state after it, as far as it was looked at.
  std::optional<Bytes> state;
  /// States that the chain does not hold were found by re-running the actor.
  bool was_replayed = false;
};

/// Goes through the events from the first one on. States come from the chain; where it does not hold one that is asked
/// for, from a re-run. kUnavailable with the event at which neither tells, kCorrupt, kInterrupted when given up.
Result<Bisected> bisect(const ChainSource& source, const Condition& condition, const ReplayOptions& options);

}  // namespace theater::replay
