#pragma once

#include <nlohmann/json.hpp>

#include "theater/permissions.h"

/// Manifests as JSON, for whoever shows them: one form for the command line, bundles and the server. Any thread.
namespace theater {

using OrderedJson = nlohmann::ordered_json;

/// A list of the blocks, each with its `type` and its fields.
OrderedJson handlers_json(const Manifest& manifest);
/// By capability: `type` and, for "restrict", `config`.
OrderedJson policies_json(const Permissions& permissions);
OrderedJson limits_json(const ActorLimits& limits);
/// What the manifest grants and bounds by itself, with its defaults spelled out: {"name", "handlers", "capabilities",
/// "messages", "limits"}.
OrderedJson grants_json(const Manifest& manifest);

/// What is left, and where each line comes from: {"actor", "manifest", "handlers": [{"handler", "capability",
/// "allowed", "from": [O…], "fields": {name: {"value", "from": [O…]}}}]}, O = {"actor", "manifest", "line", "rule",
/// "text"}.
OrderedJson permissions_json(const EffectivePermissions& permissions);

}  // namespace theater
