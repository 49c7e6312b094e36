#include "replay/json_text.h"

namespace theater::replay {

std::optional<Json> parse_json(std::string_view text) {
  if (text.size() > kJsonBytesMax) return std::nullopt;
  bool is_too_deep = false;
  const auto keep = [&](int depth, Json::parse_event_t, const Json&) {
    is_too_deep |= depth > kJsonNestingMax;
    return !is_too_deep;
  };
  Json json = Json::parse(text, keep, false);
  if (is_too_deep || json.is_discarded()) return std::nullopt;
  return json;
}

}  // namespace theater::replay
