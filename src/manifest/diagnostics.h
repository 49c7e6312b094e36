#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "theater/error.h"

namespace theater {

/// A place in a text: line and column from 1, columns counted in characters (code points).
struct Position {
  std::uint32_t line = 1;
  std::uint32_t column = 1;

  auto operator<=>(const Position&) const = default;
};

/// A template tag that was replaced. Columns after it in the filled text are not those of the text that its author
/// knows.
struct Replacement {
  Position in;                   ///< where the tag stands in the text as given
  std::uint32_t out_column = 1;  ///< where its value stands in the filled text, on the same line
  std::uint32_t in_length = 0;   ///< characters
  std::uint32_t out_length = 0;
};

/// Collects what is wrong with a manifest, so that its author sees all of it at once. One thread.
class Diagnostics {
 public:
  explicit Diagnostics(std::string source_name) : source_name_(std::move(source_name)) {}

  /// The place is one in the text as given.
  void report(Position position, std::string message);
  /// The place is one in the filled text.
  void report_filled(Position position, std::string message) { report(as_given(position), std::move(message)); }
  /// Tags replaced, in the order of the text.
  void set_replacements(std::vector<Replacement> replacements) { replacements_ = std::move(replacements); }
  /// Whether a tag was replaced on one of these lines.
  bool was_filled(std::uint32_t first_line, std::uint32_t last_line) const;

  bool empty() const { return entries_.empty(); }
  /// Further errors are only counted: no need to word them well.
  bool full() const;
  /// One Error of code kInvalidManifest, a line each in the order of the text. Only when not empty.
  Error to_error() const;

 private:
  struct Entry {
    Position position;
    std::string message;
  };

  Position as_given(Position filled) const;

  std::string source_name_;
  std::vector<Replacement> replacements_;
  /// In the order of the text.
  std::vector<Entry> entries_;
  std::size_t more_ = 0;
};

/// Text from a manifest, in quotes, safe to show and cut to a length that fits a line.
std::string in_quotes(std::string_view text);

/// Characters (code points) of well-formed UTF-8.
std::uint32_t count_characters(std::string_view text);

}  // namespace theater
