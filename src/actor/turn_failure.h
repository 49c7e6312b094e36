#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "theater/error.h"
#include "theater/event.h"
#include "theater/manifest.h"
#include "theater_engine.h"

/// How the failures of a turn are recorded. A replay must name them as the recorded run did. Any thread.
namespace theater::actor {

FailureReason failure_of(te_trap trap);

/// What a person is told of a trap, with what to do about it where the manifest can help.
std::string explain_trap(const te_outcome& outcome, const ActorLimits& limits);

/// Why a state of this size is not taken; none when it is.
std::optional<std::string> why_state_is_refused(std::uint64_t bytes);

/// The message of a call that the engine did not run at all, e.g. since the parameters are no value of the function's
/// type. The actor ends as if it had trapped.
std::string call_not_made(const Error& error);

}  // namespace theater::actor
