#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>

#include "base/log.h"
#include "theater/error.h"

namespace theater {

/// Where log lines go beside stderr.
struct LogSinks {
  LogLevel level = LogLevel::kInfo;
  /// Added to; empty: none.
  std::filesystem::path file;
  bool standard_output = false;
};

/// Lines with date, time and level; below the level nothing is shown. kIo when the file cannot be opened.
Result<std::unique_ptr<Log>> make_log(const LogSinks& sinks);

/// "trace", "debug", "info", "warn", "error".
std::optional<LogLevel> parse_log_level(std::string_view name);
/// The level that a filter such as "info,theater=debug,hyper=warn" asks of this program; none when it says nothing of
/// it.
std::optional<LogLevel> level_of_filter(std::string_view filter);

}  // namespace theater
