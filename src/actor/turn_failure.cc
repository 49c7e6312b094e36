#include "actor/turn_failure.h"

#include "actor/guest.h"
#include "base/limits.h"

namespace theater::actor {

FailureReason failure_of(te_trap trap) {
  switch (trap) {
    case TE_TRAP_OUT_OF_FUEL: return FailureReason::kOutOfFuel;
    case TE_TRAP_INTERRUPTED: return FailureReason::kTimedOut;
    default: return FailureReason::kTrapped;
  }
}

std::string explain_trap(const te_outcome& outcome, const ActorLimits& limits) {
  if (outcome.trap == TE_TRAP_OUT_OF_FUEL) {
    return "out of fuel: the turn used more than limits.fuel_per_turn = " + std::to_string(limits.fuel_per_turn);
  }
  if (outcome.trap == TE_TRAP_INTERRUPTED) {
    return "timed out: the turn ran longer than limits.turn_timeout_ms = " + std::to_string(limits.turn_timeout_ms);
  }
  return std::string(as_text(from_engine(outcome.message)));
}

std::optional<std::string> why_state_is_refused(std::uint64_t bytes) {
  if (bytes <= limits::kStateMaxBytes) return std::nullopt;
  return "the state returned has " + std::to_string(bytes) + " bytes, over the limit of " +
         std::to_string(limits::kStateMaxBytes);
}

std::string call_not_made(const Error& error) { return "the call could not be made: " + error.to_string(); }

}  // namespace theater::actor
