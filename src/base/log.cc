#include "base/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_color_sinks.h>

#include "base/spdlog_log.h"

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

class SpdlogLog final : public Log {
 public:
  SpdlogLog(LogLevel level, const std::vector<spdlog::sink_ptr>& sinks, const std::string& pattern)
      : logger_("theater", sinks.begin(), sinks.end()) {
    logger_.set_level(to_spdlog(level));
    logger_.set_pattern(pattern);
    // Whoever follows a file sees each line at once; there are few.
    logger_.flush_on(spdlog::level::trace);
  }
  void write(LogLevel level, std::string_view message) override { logger_.log(to_spdlog(level), "{}", message); }
  bool enabled(LogLevel level) const override { return logger_.should_log(to_spdlog(level)); }

 private:
  spdlog::logger logger_;
};

class SilentLog final : public Log {
 public:
  void write(LogLevel, std::string_view) override {}
  bool enabled(LogLevel) const override { return false; }
};

}  // namespace

std::unique_ptr<Log> make_spdlog_log(LogLevel level, const std::vector<spdlog::sink_ptr>& sinks,
                                     const std::string& pattern) {
  return std::make_unique<SpdlogLog>(level, sinks, pattern);
}

std::unique_ptr<Log> make_stderr_log(LogLevel level) {
  return make_spdlog_log(level, {std::make_shared<spdlog::sinks::stderr_color_sink_mt>()}, "%H:%M:%S.%e %^%-7l%$ %v");
}
std::unique_ptr<Log> make_silent_log() { return std::make_unique<SilentLog>(); }

}  // namespace theater
