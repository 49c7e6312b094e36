#include <nlohmann/json.hpp>

#include "base/limits.h"
#include "theater/manifest.h"

namespace theater {
namespace {

using Json = nlohmann::json;

/// Whether lists and objects inside one another are few enough: writing JSON recurses.
bool is_shallow(ByteView text) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::uint8_t c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > limits::kInitialStateNesting) return false;
    } else if (c == ']' || c == '}') {
      if (depth > 0) --depth;
    }
  }
  return true;
}

/// Discarded for what is no object that may be merged.
Json read_object(ByteView state) {
  if (state.size() > limits::kTemplateStateBytes || !is_shallow(state)) return Json(Json::value_t::discarded);
  Json json = Json::parse(state.begin(), state.end(), nullptr, /*allow_exceptions=*/false);
  return json.is_object() ? json : Json(Json::value_t::discarded);
}

}  // namespace

Bytes merge_initial_states(ByteView declared, ByteView given) {
  const Json over = read_object(given);
  if (over.is_discarded()) return to_bytes(given);
  Json merged = read_object(declared);
  if (merged.is_discarded()) return to_bytes(given);
  merged.update(over);
  return to_bytes(merged.dump());
}

}  // namespace theater
