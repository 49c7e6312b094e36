#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace theater::cli {

/// On one line. Paths and what stands in files need not be UTF-8; what is not is replaced.
inline std::string one_line(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace theater::cli
