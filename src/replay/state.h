#pragma once

#include <cstdint>
#include <optional>

#include "chain/chain_source.h"
#include "chain/link_codec.h"
#include "theater/error.h"
#include "theater/replay.h"

namespace theater::replay {

/// An actor's state as its chain tells it, event by event.
class KnownState {
 public:
  /// Goes on behind this event. True when it says a state.
  bool see(const chain::EventView& event);

  /// The bytes are in the events, in the source, or there is no state. False: only a replay can tell.
  bool is_known(const ChainSource& source);
  /// Only when it is known; none if the actor keeps none.
  const std::optional<Bytes>& bytes() const { return bytes_; }

 private:
  enum class Form : std::uint8_t { kUnknown, kKnown, kDigest };

  Form form_ = Form::kUnknown;
  std::optional<Bytes> bytes_;
  Digest digest_{};
  std::uint64_t size_ = 0;
};

/// See theater::state_at.
Result<std::optional<Bytes>> state_after(const ChainSource& source, std::uint64_t sequence,
                                         const ReplayOptions& options);

}  // namespace theater::replay
