#pragma once

#include <string>
#include <vector>

#include "cli/commands.h"
#include "theater/error.h"

namespace theater::cli {

/// Shows what an actor may do and where each line comes from, given as the JSON of manifest/json_forms.h.
void show_permissions(Context& context, const std::string& json);

/// The same for a manifest under those of its parents, the nearest first, without starting anything.
Result<void> show_manifest_permissions(Context& context, const std::string& manifest,
                                       const std::vector<std::string>& parents);

}  // namespace theater::cli
