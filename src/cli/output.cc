#include "cli/output.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/clock.h"
#include "theater/bytes.h"

namespace theater::cli {

Output::Output(bool colors) : colors_(colors) {}

bool Output::wants_colors(std::string_view choice) {
  const char* no_color = std::getenv("NO_COLOR");
  if (no_color != nullptr && *no_color != '\0') return false;
  if (choice == "always") return true;
  if (choice == "never" || choice == "false") return false;
  return isatty(STDOUT_FILENO) == 1;
}

void Output::line(std::string_view text) {
  const std::lock_guard lock(mutex_);
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fputc('\n', stdout);
  std::fflush(stdout);
}

void Output::error_line(std::string_view text) {
  const std::lock_guard lock(mutex_);
  std::fflush(stdout);
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fputc('\n', stderr);
}

std::string Output::styled(std::string_view code, std::string_view text) const {
  if (!colors_) return std::string(text);
  return "\x1b[" + std::string(code) + "m" + std::string(text) + "\x1b[0m";
}

std::string Output::hashed(std::string_view text) const {
  unsigned sum = 0;
  for (const char c : text) sum = sum * 31 + static_cast<unsigned char>(c);
  return styled(std::to_string(31 + sum % 6), text);
}

std::string clock_time(std::uint64_t time_ns) {
  const std::uint64_t ms = time_ns / kNsPerMs;
  char text[32];
  std::snprintf(text, sizeof(text), "%02u:%02u:%02u.%03u", static_cast<unsigned>(ms / 3'600'000 % 24),
                static_cast<unsigned>(ms / 60'000 % 60), static_cast<unsigned>(ms / 1000 % 60),
                static_cast<unsigned>(ms % 1000));
  return text;
}

std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

std::string printable_lines(std::string_view text, std::size_t max_bytes, std::size_t indent) {
  constexpr std::string_view kTab = "        ";
  std::string lines;
  for (bool is_first = true; !text.empty() && lines.size() < max_bytes; is_first = false) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string line;
    for (const char& c : text.substr(0, end)) line += c == '\t' ? kTab : std::string_view(&c, 1);
    if (!is_first) lines += "\n" + std::string(line.empty() ? 0 : indent, ' ');
    lines += printable(as_bytes(line), max_bytes - std::min(max_bytes, lines.size()));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string byte_size(std::uint64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double size = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (size >= 1024 && unit + 1 < std::size(kUnits)) {
    size /= 1024;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof(text), unit == 0 ? "%.0f %s" : "%.1f %s", size, kUnits[unit]);
  return text;
}

}  // namespace theater::cli
