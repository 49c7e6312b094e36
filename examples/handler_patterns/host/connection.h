#pragma once

#include <cstdint>

namespace patterns {

/// In the order of the WIT enum.
enum class Phase : std::uint8_t { kConnecting, kOpen, kClosing, kClosed };

/// What can happen to a connection.
enum class Happening : std::uint8_t {
  kConnected,  ///< the other side took it
  kLost,       ///< it could not be made, or broke
  kCloseAsked,
  kCloseDone,
};

/// The state machine: one connection's phase, and which happening leads to which. Everything that may come in the wrong
/// phase (two threads always find a way) is refused here, once, and not by whoever comes upon it.
class Connection {
 public:
  Phase phase() const { return phase_; }

  /// Goes on to the next phase. False, and nothing changed, when this cannot happen in the present one.
  bool apply(Happening what) {
    switch (what) {
      case Happening::kConnected: return go(phase_ == Phase::kConnecting, Phase::kOpen);
      case Happening::kLost: return go(phase_ != Phase::kClosed, Phase::kClosed);
      case Happening::kCloseAsked: return go(phase_ == Phase::kConnecting || phase_ == Phase::kOpen, Phase::kClosing);
      case Happening::kCloseDone: return go(phase_ == Phase::kClosing, Phase::kClosed);
    }
    return false;
  }
  bool may_write() const { return phase_ == Phase::kOpen; }

 private:
  bool go(bool allowed, Phase next) {
    if (allowed) phase_ = next;
    return allowed;
  }

  Phase phase_ = Phase::kConnecting;
};

}  // namespace patterns
