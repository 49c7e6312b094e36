#include "cli/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "cli/output.h"

namespace theater::cli {
namespace {

/// Nothing is shown of what is done before.
constexpr std::chrono::milliseconds kPatience{500};
constexpr std::chrono::milliseconds kSpacing{100};
constexpr int kBarCells = 24;

std::string bar(std::uint64_t done, std::uint64_t total) {
  const double part = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
  const int cells = static_cast<int>(part * kBarCells);
  return "[" + std::string(static_cast<std::size_t>(cells), '#') +
         std::string(static_cast<std::size_t>(kBarCells - cells), '.') + "] " +
         std::to_string(static_cast<int>(part * 100)) + "%";
}

}  // namespace

Progress::Progress(std::string what)
    : what_(std::move(what)), is_shown_(isatty(STDERR_FILENO) == 1), start_(Clock::now()), last_(start_) {}

Progress::~Progress() {
  if (!has_line_) return;
  std::fputs("\r\x1b[K", stderr);
  std::fflush(stderr);
}

void Progress::update(std::uint64_t done, std::string_view unit, std::uint64_t total) {
  if (!is_shown_) return;
  const auto now = Clock::now();
  if (now - start_ < kPatience || now - last_ < kSpacing) return;
  last_ = now;
  has_line_ = true;
  std::string line = what_ + ": " + grouped(done);
  if (total > 0) line += " of " + grouped(total);
  line += " " + std::string(unit);
  if (total > 0) line += "  " + bar(done, total);
  std::fprintf(stderr, "\r\x1b[K%s", line.c_str());
  std::fflush(stderr);
}

}  // namespace theater::cli
