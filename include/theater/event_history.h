#pragma once

#include <cstdint>
#include <vector>

#include "theater/event.h"

namespace theater {

/// Events of one actor's chain as they were when this was made. They are held as they were recorded and decoded as they
/// are taken. One thread at a time.
class EventHistory {
 public:
  virtual ~EventHistory() = default;

  /// The next few in the order of the chain; none at the end.
  virtual std::vector<Event> next() = 0;
  /// How many there are in all.
  virtual std::uint64_t size() const = 0;
  /// The sequence after the last one; 0 when there is none.
  virtual std::uint64_t next_sequence() const = 0;
};

}  // namespace theater
