#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

namespace theater::cli {

/// What programs exit with.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitInterrupted = 130;
/// What was asked about a chain could not be told.
inline constexpr int kExitNotTold = 2;

/// Whole lines on standard output and standard error, from any thread, with colours on a terminal only.
class Output {
 public:
  explicit Output(bool colors);
  /// `choice`: "always", "never" or "false", or else colours when standard output is a terminal. NO_COLOR means never.
  static bool wants_colors(std::string_view choice);

  bool has_colors() const { return colors_; }

  void line(std::string_view text);
  void error_line(std::string_view text);

  std::string bold(std::string_view text) const { return styled("1", text); }
  std::string dim(std::string_view text) const { return styled("2", text); }
  std::string good(std::string_view text) const { return styled("32", text); }
  std::string bad(std::string_view text) const { return styled("31", text); }
  /// One of six colours, always the same for the same text, so that an eye can follow one actor.
  std::string hashed(std::string_view text) const;

 private:
  std::string styled(std::string_view code, std::string_view text) const;

  const bool colors_;
  std::mutex mutex_;
};

/// "12:34:56.789" of a wall clock time, UTC.
std::string clock_time(std::uint64_t time_ns);
/// "1,234,567".
std::string grouped(std::uint64_t number);
/// A text that may hold anything, on as many lines as it has, each as printable() shows it, with blanks for tabs. From
/// the second line on it stands behind `indent` blanks. Cut to about `max_bytes`.
std::string printable_lines(std::string_view text, std::size_t max_bytes, std::size_t indent = 0);
/// "12.3 MiB".
std::string byte_size(std::uint64_t bytes);

}  // namespace theater::cli
