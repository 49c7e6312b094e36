#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "chain/chain_source.h"
#include "theater/manifest.h"
#include "theater/replay.h"

namespace theater::replay {

/// What a new actor is made from that goes on from an event of another's chain.
struct Fork {
  Manifest manifest;
  Bytes component;
  /// After that event.
  std::optional<Bytes> state;
  /// The event's hash, by which everything up to it can be checked.
  Digest event_hash{};
};

/// With the manifest and the component that were in force at the event, or the options' where they name some; the
/// state's by a replay where the chain does not hold its bytes. kNotFound when something is kept nowhere; otherwise as
/// state_at().
Result<Fork> prepare_fork(const ChainSource& chain, std::uint64_t at, ReplayOptions options);

}  // namespace theater::replay
