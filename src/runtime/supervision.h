#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "theater/manifest.h"

namespace theater::runtime {

/// How a child ended, as far as it matters for whether it comes back.
enum class ChildEnd : std::uint8_t {
  kNormal,    ///< it asked for its own end
  kAbnormal,  ///< it failed: a trap, a start that went wrong, a failure passed up by its own children
};

/// When restarts took place, as far as they still count. A supervisor keeps one for all its children.
struct RestartHistory {
  /// Monotonic, oldest first; never more than max_restarts.
  std::vector<std::uint64_t> restarts_ns;
  bool operator==(const RestartHistory&) const = default;
};

/// What becomes of a supervisor's children when one of them has ended. Children are named by their place in the order
/// of their start.
struct SupervisionDecision {
  enum class Action : std::uint8_t {
    kForget,    ///< the child is gone, its siblings are not touched
    kRestart,   ///< stop, wait, start
    kEscalate,  ///< too many restarts: the supervisor itself fails
  };
  Action action = Action::kForget;
  /// kRestart: siblings to be stopped first, in this order: the last started goes first.
  std::vector<std::size_t> stop;
  /// kRestart: those to be started again, in this order; stopped ones that are not among them are gone.
  std::vector<std::size_t> start;
  /// kRestart: how long to wait between.
  std::uint64_t delay_ms = 0;
  /// The supervisor's history from now on.
  RestartHistory history;
  bool operator==(const SupervisionDecision&) const = default;
};

/// Decides as Erlang/OTP's supervisors do, and waits longer before each restart that follows others soon.
///
/// - permanent: always restarted; transient: after an abnormal end; temporary: never, not even when the strategy stops
///   it because of a sibling.
/// - one-for-one touches no sibling; one-for-all stops and restarts all; rest-for-one those that were started after the
///   one that ended.
/// - With max_restarts within the last within_s already, one more is not made: the supervisor fails.
///
/// `ended` is a place in `children`. `random` is any number; it draws the jitter. Pure.
SupervisionDecision decide_restart(const Supervision& supervisor, std::span<const RestartPolicy> children,
                                   std::size_t ended, ChildEnd end, const RestartHistory& history, std::uint64_t now_ns,
                                   std::uint64_t random);

/// The wait before the restart that follows `earlier` others within the period: backoff_min_ms, doubled for each, at
/// most backoff_max_ms, and up to backoff_jitter_ms more.
std::uint64_t restart_delay_ms(const Supervision& supervisor, std::size_t earlier, std::uint64_t random);

}  // namespace theater::runtime
