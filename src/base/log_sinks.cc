#include "base/log_sinks.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>
#include <vector>

#include "base/spdlog_log.h"

namespace theater {
Result<std::unique_ptr<Log>> make_log(const LogSinks& sinks) {
  std::vector<spdlog::sink_ptr> all = {std::make_shared<spdlog::sinks::stderr_color_sink_mt>()};
  if (sinks.standard_output) all.push_back(std::make_shared<spdlog::sinks::stdout_sink_mt>());
  if (!sinks.file.empty()) {
    try {
      all.push_back(std::make_shared<spdlog::sinks::basic_file_sink_mt>(sinks.file.string()));
    } catch (const spdlog::spdlog_ex& error) {
      return fail(ErrorCode::kIo, "cannot write log lines to " + sinks.file.string() + ": " + error.what());
    }
  }
  return make_spdlog_log(sinks.level, all, "%Y-%m-%d %H:%M:%S.%e %^%-7l%$ %v");
}

std::optional<LogLevel> parse_log_level(std::string_view name) {
  if (name == "trace" || name == "debug") return LogLevel::kDebug;
  if (name == "info") return LogLevel::kInfo;
  if (name == "warn" || name == "warning") return LogLevel::kWarning;
  if (name == "error") return LogLevel::kError;
  return std::nullopt;
}

std::optional<LogLevel> level_of_filter(std::string_view filter) {
  std::optional<LogLevel> everything;
  std::optional<LogLevel> ours;
  while (!filter.empty()) {
    const std::string_view item = filter.substr(0, filter.find(','));
    filter.remove_prefix(std::min(filter.size(), item.size() + 1));
    const std::size_t equals = item.find('=');
    if (equals == std::string_view::npos) everything = parse_log_level(item);
    if (equals != std::string_view::npos && item.substr(0, equals).starts_with("theater")) {
      ours = parse_log_level(item.substr(equals + 1));
    }
  }
  return ours ? ours : everything;
}

}  // namespace theater
