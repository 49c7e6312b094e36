#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "manifest/schema.h"

/// The usual slips in manifests, and what to write instead, as text to add to an error ("; …"). Empty: no idea.
namespace theater::slips {

std::string top_level_hint(std::string_view key);
std::string handler_hint(std::string_view key, const std::vector<HandlerSchema>& schemas);
std::string handler_type_hint(std::string_view type);
std::string limits_hint(std::string_view key);
std::string supervision_hint(std::string_view key);
std::string capability_hint(std::string_view name);
/// For a key beside `type` and `config` in a capability's table.
std::string restriction_hint(std::string_view key, const CapabilitySchema& capability);
/// For TOML that cannot be read at all.
std::string syntax_hint(std::string_view toml);

}  // namespace theater::slips
