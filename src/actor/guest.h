#pragma once

#include <memory>
#include <string_view>

#include "theater/bytes.h"
#include "theater_engine.h"

namespace theater::actor {

/// The code of one actor: an instance of a component, or a test's stand-in. The actor's shard only.
///
/// While it runs it calls back into the cell's host_call. What it hands out is valid until its next call.
class Guest {
 public:
  virtual ~Guest() = default;
  virtual const te_outcome& call(const te_call_args& args) = 0;
  /// Answers the pending host call.
  virtual const te_outcome& resume(te_value result) = 0;
  virtual std::uint64_t memory_bytes() const = 0;
};

inline te_bytes to_engine(ByteView bytes) { return {.data = bytes.data(), .size = bytes.size()}; }
inline ByteView from_engine(te_bytes bytes) { return {bytes.data, bytes.size}; }

}  // namespace theater::actor
