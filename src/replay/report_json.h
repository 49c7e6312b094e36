#pragma once

#include <nlohmann/json.hpp>

#include "theater/replay.h"

namespace theater::replay {

/// What a replay found: `result` ("same", "differs", "not-told"), the actor, the events gone through, the first
/// difference or why it stopped.
nlohmann::ordered_json to_json(const ReplayReport& report);

}  // namespace theater::replay
