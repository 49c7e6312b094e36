#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace theater {

enum class LogLevel : unsigned char { kDebug, kInfo, kWarning, kError };

/// Where a person reads what the runtime and its actors say; passed in, so that a test can read it. Any thread.
class Log {
 public:
  virtual ~Log() = default;
  virtual void write(LogLevel level, std::string_view message) = 0;
  virtual bool enabled(LogLevel level) const = 0;

  void debug(std::string_view message) { write(LogLevel::kDebug, message); }
  void info(std::string_view message) { write(LogLevel::kInfo, message); }
  void warning(std::string_view message) { write(LogLevel::kWarning, message); }
  void error(std::string_view message) { write(LogLevel::kError, message); }
};

/// Lines with time and level on stderr, coloured on a terminal; below `level` nothing is shown.
std::unique_ptr<Log> make_stderr_log(LogLevel level);
/// Says nothing.
std::unique_ptr<Log> make_silent_log();

}  // namespace theater
