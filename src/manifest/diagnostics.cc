#include "manifest/diagnostics.h"

#include <algorithm>

#include "base/limits.h"
#include "theater/bytes.h"

namespace theater {
namespace {

constexpr std::size_t kQuotedBytes = 64;

}  // namespace

std::string in_quotes(std::string_view text) { return '"' + printable(as_bytes(text), kQuotedBytes) + '"'; }

std::uint32_t count_characters(std::string_view text) {
  const auto is_start = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; };
  return static_cast<std::uint32_t>(std::count_if(text.begin(), text.end(), is_start));
}

bool Diagnostics::full() const { return entries_.size() >= limits::kManifestErrors; }

void Diagnostics::report(Position position, std::string message) {
  if (full()) {
    ++more_;
    return;
  }
  const auto after = std::upper_bound(entries_.begin(), entries_.end(), position,
                                      [](Position place, const Entry& entry) { return place < entry.position; });
  entries_.insert(after, {position, std::move(message)});
}

Position Diagnostics::as_given(Position filled) const {
  const auto before_line = [](const Replacement& replacement, std::uint32_t line) {
    return replacement.in.line < line;
  };
  auto it = std::lower_bound(replacements_.begin(), replacements_.end(), filled.line, before_line);
  Position given = filled;
  for (; it != replacements_.end() && it->in.line == filled.line && it->out_column <= filled.column; ++it) {
    // Inside the value: its author wrote the tag.
    if (filled.column < it->out_column + it->out_length) return it->in;
    given.column = filled.column - (it->out_column + it->out_length) + it->in.column + it->in_length;
  }
  return given;
}

bool Diagnostics::was_filled(std::uint32_t first_line, std::uint32_t last_line) const {
  return std::any_of(replacements_.begin(), replacements_.end(), [&](const Replacement& replacement) {
    return replacement.in.line >= first_line && replacement.in.line <= last_line;
  });
}

Error Diagnostics::to_error() const {
  std::string text;
  for (const Entry& entry : entries_) {
    if (!text.empty()) text += '\n';
    text += source_name_ + ':' + std::to_string(entry.position.line) + ':' + std::to_string(entry.position.column) +
            ": " + entry.message;
  }
  if (more_ > 0) text += '\n' + source_name_ + ": and " + std::to_string(more_) + " more errors";
  return {ErrorCode::kInvalidManifest, std::move(text)};
}

}  // namespace theater
