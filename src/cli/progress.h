#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace theater::cli {

/// A line on standard error that says how far a long command is; only on a terminal, and gone when it is done. One
/// thread at a time.
class Progress {
 public:
  /// `what`: "Verifying"…
  explicit Progress(std::string what);
  /// Takes the line away.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Shows how many are done, ten times a second at most. `total`: of how many; 0: nobody knows.
  void update(std::uint64_t done, std::string_view unit, std::uint64_t total = 0);

 private:
  using Clock = std::chrono::steady_clock;

  const std::string what_;
  const bool is_shown_;
  const Clock::time_point start_;
  Clock::time_point last_;
  bool has_line_ = false;
};

}  // namespace theater::cli
