#include "base/log_sinks.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>
#include <vector>

namespace theater {
namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug: return spdlog::level::debug;
    case LogLevel::kInfo: return spdlog::level::info;
    case LogLevel::kWarning: return spdlog::level::warn;
    case LogLevel::kError: return spdlog::level::err;
  }
  return spdlog::level::info;
}

class SinksLog final : public Log {
 public:
  SinksLog(LogLevel level, const std::vector<spdlog::sink_ptr>& sinks)
      : logger_("theater", sinks.begin(), sinks.end()) {
    logger_.set_level(to_spdlog(level));
    logger_.set_pattern("%Y-%m-%d %H:%M:%S.%e %^%-7l%$ %v");
    // Whoever follows a file sees each line at once; there are few.
    logger_.flush_on(spdlog::level::trace);
  }
  void write(LogLevel level, std::string_view message) override { logger_.log(to_spdlog(level), "{}", message); }
  bool enabled(LogLevel level) const override { return logger_.should_log(to_spdlog(level)); }

 private:
  spdlog::logger logger_;
};

}  // namespace

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
  return std::make_unique<SinksLog>(sinks.level, all);
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
