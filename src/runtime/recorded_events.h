#pragma once

#include <cstdint>

#include "chain/chain_snapshot.h"

namespace theater::runtime {

/// An event's function is named by the call before it: to know it, reading begins so far back.
inline constexpr std::uint64_t kEventsBefore = 1000;

inline std::uint64_t sequence_to_read_from(std::uint64_t sequence) {
  return sequence > kEventsBefore ? sequence - kEventsBefore : 0;
}

/// Whether all from this event on that is recorded is in it.
inline bool reaches_back(const ChainSnapshot& snapshot, std::uint64_t from_sequence) {
  if (snapshot.next_sequence <= from_sequence) return true;
  return !snapshot.links.empty() && snapshot.links.front().first_sequence <= from_sequence;
}

}  // namespace theater::runtime
