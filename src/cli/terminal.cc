#include "cli/terminal.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

namespace theater::cli {
namespace {

// Another screen, no cursor, no lines that go on in the next row; and back.
constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J";
constexpr std::string_view kLeave = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l";
constexpr std::array kEnds = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
constexpr std::array kCrashes = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

// A signal handler has no other way to know what to give back.
termios given_mode;
volatile std::sig_atomic_t is_taken = 0;
volatile std::sig_atomic_t end_wanted = 0;

void write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

void take_terminal() {
  termios raw = given_mode;
  cfmakeraw(&raw);
  tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw);
  is_taken = 1;
  write_all(kEnter);
}

/// Calls only what a signal handler may.
void give_back() {
  if (is_taken == 0) return;
  is_taken = 0;
  write_all(kLeave);
  tcsetattr(STDIN_FILENO, TCSADRAIN, &given_mode);
}

void note_end(int) { end_wanted = 1; }
void note_size(int) {}
void give_back_and_crash(int signal) {
  give_back();
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

/// Without SA_RESTART: a signal ends a wait.
void handle(int signal, void (*handler)(int)) {
  struct sigaction action{};
  action.sa_handler = handler;
  sigaction(signal, &action, nullptr);
}

std::size_t length_of(std::string_view text, std::size_t at) {
  const auto first = static_cast<unsigned char>(text[at]);
  return first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
}

std::string_view style_code(LineStyle style) {
  switch (style) {
    case LineStyle::kBold: return "\x1b[1m";
    case LineStyle::kDim: return "\x1b[2m";
    case LineStyle::kSelected: return "\x1b[7m";
    case LineStyle::kBad: return "\x1b[31m";
    case LineStyle::kNormal: break;
  }
  return "";
}

struct Sequence {
  std::string_view bytes;
  Key::Kind kind;
};
// What terminals send after the escape; some have several for one key.
constexpr std::array<Sequence, 18> kSequences = {{{"[A", Key::Kind::kUp},
                                                  {"[B", Key::Kind::kDown},
                                                  {"[C", Key::Kind::kRight},
                                                  {"[D", Key::Kind::kLeft},
                                                  {"OA", Key::Kind::kUp},
                                                  {"OB", Key::Kind::kDown},
                                                  {"OC", Key::Kind::kRight},
                                                  {"OD", Key::Kind::kLeft},
                                                  {"[H", Key::Kind::kHome},
                                                  {"[F", Key::Kind::kEnd},
                                                  {"OH", Key::Kind::kHome},
                                                  {"OF", Key::Kind::kEnd},
                                                  {"[1~", Key::Kind::kHome},
                                                  {"[4~", Key::Kind::kEnd},
                                                  {"[7~", Key::Kind::kHome},
                                                  {"[8~", Key::Kind::kEnd},
                                                  {"[5~", Key::Kind::kPageUp},
                                                  {"[6~", Key::Kind::kPageDown}}};

}  // namespace

Key KeyDecoder::take(std::size_t bytes, Key key) {
  pending_.erase(0, bytes);
  return key;
}

std::optional<Key> KeyDecoder::next_escape(bool is_all) {
  const std::string_view rest = std::string_view(pending_).substr(1);
  for (const Sequence& sequence : kSequences) {
    if (rest.starts_with(sequence.bytes)) return take(1 + sequence.bytes.size(), {.kind = sequence.kind});
  }
  if (rest.starts_with('[') || rest.starts_with('O')) {
    // One that is not known ends with its first letter or tilde.
    for (std::size_t i = 1; i < rest.size(); ++i) {
      if (rest[i] >= '@' && rest[i] <= '~') return take(2 + i, {});
    }
    if (!is_all) return std::nullopt;
    return take(pending_.size(), {});
  }
  if (rest.empty() && !is_all) return std::nullopt;
  return take(1, {.kind = Key::Kind::kEscape});
}

std::optional<Key> KeyDecoder::next(bool is_all) {
  if (pending_.empty()) return std::nullopt;
  const char first = pending_.front();
  switch (first) {
    case '\x1b': return next_escape(is_all);
    case '\r':
    case '\n': return take(1, {.kind = Key::Kind::kEnter});
    case '\t': return take(1, {.kind = Key::Kind::kTab});
    case '\b':
    case '\x7f': return take(1, {.kind = Key::Kind::kBackspace});
    case '\x03': return take(1, {.kind = Key::Kind::kInterrupt});
    case '\x1a': return take(1, {.kind = Key::Kind::kSuspend});
    default: break;
  }
  if (static_cast<unsigned char>(first) < ' ') return take(1, {});
  const std::size_t length = length_of(pending_, 0);
  if (pending_.size() < length) return is_all ? std::optional(take(pending_.size(), {})) : std::nullopt;
  const std::string text = pending_.substr(0, length);
  return take(length, {.kind = Key::Kind::kText, .text = text});
}

std::string fitted(std::string_view text, std::size_t columns) {
  std::size_t at = 0;
  std::size_t count = 0;
  for (; count < columns && at < text.size(); ++count) at += length_of(text, at);
  std::string line(text.substr(0, std::min(at, text.size())));
  return line + std::string(columns - count, ' ');
}

std::string screen_text(const std::vector<ScreenLine>& lines, ScreenSize size, bool colors) {
  std::string text = "\x1b[H";
  for (std::size_t row = 0; row < size.rows; ++row) {
    if (row > 0) text += "\r\n";
    if (row >= lines.size()) {
      text += "\x1b[K";
      continue;
    }
    const ScreenLine& line = lines[row];
    // What is selected must be seen without colours too; it is reversed, not coloured.
    const bool is_styled = line.style == LineStyle::kSelected || (colors && line.style != LineStyle::kNormal);
    if (is_styled) text += style_code(line.style);
    text += fitted(line.text, size.columns);
    if (is_styled) text += "\x1b[0m";
  }
  return text;
}

Terminal::Terminal(bool colors) : colors_(colors) {
  for (const int signal : kEnds) handle(signal, note_end);
  for (const int signal : kCrashes) handle(signal, give_back_and_crash);
  handle(SIGWINCH, note_size);
  take_terminal();
}

Result<std::unique_ptr<Terminal>> Terminal::open(bool colors) {
  if (isatty(STDIN_FILENO) != 1 || isatty(STDOUT_FILENO) != 1 || tcgetattr(STDIN_FILENO, &given_mode) != 0) {
    return fail(ErrorCode::kUnavailable, "this needs a terminal");
  }
  end_wanted = 0;
  return std::unique_ptr<Terminal>(new Terminal(colors));
}

Terminal::~Terminal() {
  give_back();
  for (const int signal : kEnds) std::signal(signal, SIG_DFL);
  for (const int signal : kCrashes) std::signal(signal, SIG_DFL);
  std::signal(SIGWINCH, SIG_DFL);
}

ScreenSize Terminal::size() const {
  winsize window{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_col == 0 || window.ws_row == 0) return {};
  return {.columns = window.ws_col, .rows = window.ws_row};
}

void Terminal::show(const std::vector<ScreenLine>& lines) { write_all(screen_text(lines, size(), colors_)); }

void Terminal::suspend() {
  give_back();
  std::raise(SIGSTOP);
  take_terminal();
}

Result<std::optional<Key>> Terminal::read(std::chrono::milliseconds timeout) {
  // The bytes of one key come together; a lone escape is known by the silence after it.
  constexpr int kTogetherMs = 25;
  while (true) {
    if (end_wanted != 0) return fail(ErrorCode::kInterrupted, "interrupted");
    auto key = keys_.next(/*is_all=*/false);
    if (!key) {
      pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
      const int ready = poll(&input, 1, keys_.is_begun() ? kTogetherMs : static_cast<int>(timeout.count()));
      if (end_wanted != 0) continue;
      if (ready < 0) return std::nullopt;
      if (ready > 0) {
        std::array<char, 256> bytes;
        const ssize_t count = ::read(STDIN_FILENO, bytes.data(), bytes.size());
        if (count <= 0) return fail(ErrorCode::kInterrupted, "the terminal is gone");
        keys_.add({bytes.data(), static_cast<std::size_t>(count)});
        continue;
      }
      key = keys_.next(/*is_all=*/true);
      if (!key) return std::nullopt;
    }
    if (key->kind != Key::Kind::kSuspend) return key;
    suspend();
    return std::nullopt;
  }
}

}  // namespace theater::cli
