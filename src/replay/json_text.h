#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

namespace theater::replay {

/// Objects with their keys in order: finding one in a large object is quick.
using Json = nlohmann::json;

/// Values nested deeper are not taken apart, so that whoever walks through them may call itself.
inline constexpr int kJsonNestingMax = 64;
/// Larger texts are not looked at as JSON.
inline constexpr std::size_t kJsonBytesMax = 4u << 20;

/// What a text from anywhere says, if it is JSON within these bounds.
std::optional<Json> parse_json(std::string_view text);

}  // namespace theater::replay
