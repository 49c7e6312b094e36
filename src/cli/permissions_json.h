#pragma once

#include <string>

#include "theater/manifest.h"

namespace theater::cli {

/// What a manifest grants and bounds, with its defaults spelled out, as JSON for people.
std::string permissions_json(const Manifest& manifest);

}  // namespace theater::cli
