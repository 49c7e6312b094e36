#pragma once

#include <spdlog/common.h>

#include <memory>
#include <string>
#include <vector>

#include "base/log.h"

namespace theater {

/// Lines in this pattern to all of the sinks, each at once; below `level` nothing is shown.
std::unique_ptr<Log> make_spdlog_log(LogLevel level, const std::vector<spdlog::sink_ptr>& sinks,
                                     const std::string& pattern);

}  // namespace theater
