#pragma once

#include <cstdint>

namespace theater::runtime {

/// An event's function is named by the call before it: to know it, reading begins so far back.
inline constexpr std::uint64_t kEventsBefore = 1000;

inline std::uint64_t sequence_to_read_from(std::uint64_t sequence) {
  return sequence > kEventsBefore ? sequence - kEventsBefore : 0;
}

}  // namespace theater::runtime
