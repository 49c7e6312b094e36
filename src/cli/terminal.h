#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "theater/error.h"

namespace theater::cli {

/// What was pressed.
struct Key {
  enum class Kind : std::uint8_t {
    kText,  ///< one character, in `text`
    kUp,
    kDown,
    kLeft,
    kRight,
    kPageUp,
    kPageDown,
    kHome,
    kEnd,
    kEnter,
    kTab,
    kBackspace,
    kEscape,
    kInterrupt,  ///< Ctrl-C
    kSuspend,    ///< Ctrl-Z
    kOther,
  };
  Kind kind = Kind::kOther;
  std::string text = {};

  bool is(std::string_view character) const { return kind == Kind::kText && text == character; }
};

/// Takes a terminal's bytes apart into keys.
class KeyDecoder {
 public:
  void add(std::string_view bytes) { pending_ += bytes; }
  /// The next key; none when its bytes are not all there. `is_all`: no more come for now, so that what is begun is what
  /// there is, and an escape alone is the key.
  std::optional<Key> next(bool is_all);
  /// Bytes wait for others.
  bool is_begun() const { return !pending_.empty(); }

 private:
  Key take(std::size_t bytes, Key key);
  std::optional<Key> next_escape(bool is_all);

  std::string pending_;
};

enum class LineStyle : std::uint8_t { kNormal, kBold, kDim, kSelected, kBad };

/// A row of a screen, without control characters.
struct ScreenLine {
  std::string text;
  LineStyle style = LineStyle::kNormal;
};

struct ScreenSize {
  std::size_t columns = 80;
  std::size_t rows = 24;
};

/// Cut or filled with blanks to so many characters (code points).
std::string fitted(std::string_view text, std::size_t columns);
/// The rows as the terminal's own sequences, from the top left corner on.
std::string screen_text(const std::vector<ScreenLine>& lines, ScreenSize size, bool colors);

/// Has the terminal for itself: a screen of its own, each key at once. Gives it back as it was however the program
/// ends, but for SIGKILL. One at a time in a process, one thread.
class Terminal {
 public:
  /// kUnavailable when standard input or output is none.
  static Result<std::unique_ptr<Terminal>> open(bool colors);
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  ScreenSize size() const;
  void show(const std::vector<ScreenLine>& lines);
  /// The next key; none when the time is over or the screen has another size. kInterrupted when the process is to end.
  /// Ctrl-Z stops the process and is not told.
  Result<std::optional<Key>> read(std::chrono::milliseconds timeout);

 private:
  explicit Terminal(bool colors);
  void suspend();

  const bool colors_;
  KeyDecoder keys_;
};

}  // namespace theater::cli
