#include "cli/explorer.h"

#include <algorithm>

#include "base/clock.h"
#include "cli/output.h"

namespace theater::cli {
namespace {

constexpr std::size_t kShortIdDigits = 8;
constexpr std::size_t kFilterBytes = 200;
/// A row of followed causes; the oldest are forgotten.
constexpr std::size_t kWaySteps = 1'000;

std::string short_id(const ActorId& actor) { return to_string(actor).substr(0, kShortIdDigits); }

std::string right(std::string text, std::size_t columns) {
  return std::string(columns - std::min(columns, text.size()), ' ') + text;
}

/// What the row does not say already: without the kind before it, and without the package that most interfaces are of.
std::string_view row_text(const ExploredEvent& event) {
  constexpr std::string_view kPackage = "theater:simple/";
  std::string_view text = event.description;
  if (text.starts_with(event.kind + " ")) text.remove_prefix(event.kind.size() + 1);
  if (text.starts_with(kPackage)) text.remove_prefix(kPackage.size());
  return text;
}

bool ends_turn(const ExploredEvent& event) { return event.kind == "returned" || event.kind == "failed"; }

}  // namespace

// What is there -------------------------------------------------------------------------------------------------------

Result<void> Explorer::begin() {
  auto actors = source_.actors();
  if (!actors) return fail(std::move(actors.error()));
  actors_ = std::move(*actors);
  auto chosen = source_.chosen();
  if (!chosen) return fail(std::move(chosen.error()));
  if (!*chosen && actors_.size() == 1) *chosen = actors_.front().id;
  if (!*chosen) return {};
  open(**chosen);
  if (is_among_actors_) return fail(ErrorCode::kIo, message_);
  return {};
}

void Explorer::open(const ActorId& actor) {
  auto events = source_.events(actor, 0);
  if (!events) {
    message_ = events.error().to_string();
    return;
  }
  actor_ = actor;
  events_ = std::move(*events);
  is_among_actors_ = false;
  has_sheet_ = false;
  selected_event_ = 0;
  narrow();
  if (follows_ && !shown_.empty()) selected_event_ = shown_.size() - 1;
}

void Explorer::narrow() {
  const ExploredEvent* before = selected_event();
  const std::uint64_t sequence = before == nullptr ? 0 : before->sequence;
  shown_.clear();
  for (std::size_t place = 0; place < events_.size(); ++place) {
    const ExploredEvent& event = events_[place];
    const bool is_shown = filter_.empty() || event.kind.find(filter_) != std::string::npos ||
                          event.type.find(filter_) != std::string::npos ||
                          event.description.find(filter_) != std::string::npos;
    if (is_shown) shown_.push_back(place);
  }
  // What is selected stays so, or the next behind it is.
  const auto next =
      std::ranges::lower_bound(shown_, sequence, {}, [&](std::size_t place) { return events_[place].sequence; });
  selected_event_ = static_cast<std::size_t>(next - shown_.begin());
  if (selected_event_ == shown_.size() && selected_event_ > 0) --selected_event_;
}

bool Explorer::select(std::uint64_t sequence) {
  const auto found =
      std::ranges::lower_bound(shown_, sequence, {}, [&](std::size_t place) { return events_[place].sequence; });
  if (found == shown_.end() || events_[*found].sequence != sequence) return false;
  selected_event_ = static_cast<std::size_t>(found - shown_.begin());
  return true;
}

const ExploredEvent* Explorer::selected_event() const {
  return is_among_actors_ || selected_event_ >= shown_.size() ? nullptr : &events_[shown_[selected_event_]];
}

std::string Explorer::name_of(const ActorId& actor) const {
  const auto found = std::ranges::find(actors_, actor, &ExploredActor::id);
  return found == actors_.end() || found->name.empty() ? short_id(actor) : found->name + " " + short_id(actor);
}

void Explorer::read_sheet() {
  sheet_.clear();
  sheet_top_ = 0;
  const ExploredEvent* event = selected_event();
  if (event == nullptr) return;
  auto sheet = source_.sheet(actor_, event->sequence);
  if (sheet) {
    sheet_ = std::move(*sheet);
  } else {
    sheet_.emplace_back("error", printable(as_bytes(sheet.error().to_string()), 1000));
  }
}

void Explorer::look_for_more() {
  if (!source_.is_live() || is_among_actors_) return;
  auto more = source_.events(actor_, events_.empty() ? 0 : events_.back().sequence + 1);
  if (!more) {
    message_ = more.error().to_string();
    return;
  }
  if (more->empty()) return;
  events_.insert(events_.end(), std::make_move_iterator(more->begin()), std::make_move_iterator(more->end()));
  narrow();
  if (!follows_ || shown_.empty()) return;
  selected_event_ = shown_.size() - 1;
  if (has_sheet_) read_sheet();
}

// Keys ----------------------------------------------------------------------------------------------------------------

bool Explorer::press(const Key& key, std::size_t rows) {
  message_.clear();
  if (key.kind == Key::Kind::kInterrupt) return false;
  if (is_typing_) {
    press_in_filter(key);
    return true;
  }
  return press_in_list(key, rows);
}

void Explorer::press_in_filter(const Key& key) {
  switch (key.kind) {
    case Key::Kind::kText:
      if (filter_.size() < kFilterBytes) filter_ += key.text;
      break;
    case Key::Kind::kBackspace:
      // A whole character of UTF-8.
      while (!filter_.empty() && (static_cast<unsigned char>(filter_.back()) & 0xc0) == 0x80) filter_.pop_back();
      if (!filter_.empty()) filter_.pop_back();
      break;
    case Key::Kind::kEscape:
      filter_.clear();
      is_typing_ = false;
      break;
    case Key::Kind::kEnter: is_typing_ = false; break;
    default: return;
  }
  narrow();
  if (has_sheet_) read_sheet();
}

bool Explorer::press_in_list(const Key& key, std::size_t rows) {
  const std::size_t page = std::max<std::size_t>(rows / 2, 1);
  switch (key.kind) {
    case Key::Kind::kUp: move(1, false); break;
    case Key::Kind::kDown: move(1, true); break;
    case Key::Kind::kPageUp: move(page, false); break;
    case Key::Kind::kPageDown: move(page, true); break;
    case Key::Kind::kHome: move(rows_listed(), false); break;
    case Key::Kind::kEnd: move(rows_listed(), true); break;
    case Key::Kind::kEnter:
    case Key::Kind::kRight: choose(); break;
    case Key::Kind::kLeft:
    case Key::Kind::kEscape: leave(); break;
    case Key::Kind::kText:
      if (key.is("q")) return false;
      press_letter(key.text);
      break;
    default: break;
  }
  return true;
}

void Explorer::press_letter(const std::string& letter) {
  if (letter == "j") return move(1, true);
  if (letter == "k") return move(1, false);
  if (is_among_actors_) return;
  if (letter == "/") is_typing_ = true;
  if (letter == "c") go_to_cause();
  if (letter == "b") go_back();
  if (letter == "f" && source_.is_live()) follows_ = !follows_;
  if (letter == "a" && actors_.size() > 1) is_among_actors_ = true;
  if (letter == " " && has_sheet_ && sheet_top_ + 1 < sheet_.size()) ++sheet_top_;
}

void Explorer::move(std::size_t steps, bool forward) {
  if (rows_listed() == 0) return;
  std::size_t& place = selected();
  place = forward ? std::min(place + steps, rows_listed() - 1) : place - std::min(place, steps);
  if (has_sheet_ && !is_among_actors_) read_sheet();
}

void Explorer::choose() {
  if (is_among_actors_) {
    if (selected_actor_ < actors_.size()) open(actors_[selected_actor_].id);
    return;
  }
  has_sheet_ = !has_sheet_;
  if (has_sheet_) read_sheet();
}

void Explorer::leave() {
  if (is_among_actors_) return;
  if (has_sheet_) {
    has_sheet_ = false;
  } else if (!filter_.empty()) {
    filter_.clear();
    narrow();
  } else if (actors_.size() > 1) {
    is_among_actors_ = true;
  }
}

void Explorer::go_to_cause() {
  const ExploredEvent* event = selected_event();
  if (event == nullptr) return;
  // The call that it stands in: no turn ended between the two.
  std::size_t place = shown_[selected_event_];
  while (events_[place].kind != "call") {
    if (place == 0 || ends_turn(events_[place - 1])) {
      message_ = "it happened outside of any call";
      return;
    }
    --place;
  }
  if (!events_[place].cause) {
    message_ = "its message came from outside";
    return;
  }
  const Cause cause = *events_[place].cause;
  const std::pair from(actor_, event->sequence);
  if (cause.actor != actor_) {
    open(cause.actor);
    if (actor_ != cause.actor) return;
  }
  if (way_.size() == kWaySteps) way_.erase(way_.begin());
  way_.push_back(from);
  filter_.clear();
  narrow();
  if (!select(cause.sequence)) {
    message_ = "event " + std::to_string(cause.sequence) + " of " + name_of(cause.actor) + " is not among these";
  }
  if (has_sheet_) read_sheet();
}

void Explorer::go_back() {
  if (way_.empty()) {
    message_ = "no cause was followed";
    return;
  }
  const auto [actor, sequence] = way_.back();
  way_.pop_back();
  if (actor != actor_) open(actor);
  filter_.clear();
  narrow();
  select(sequence);
  if (has_sheet_) read_sheet();
}

// Rows ----------------------------------------------------------------------------------------------------------------

std::vector<ScreenLine> Explorer::render(ScreenSize size) const {
  std::vector<ScreenLine> lines = {title()};
  constexpr std::size_t kOtherRows = 2;
  const std::size_t rows = size.rows > kOtherRows ? size.rows - kOtherRows : 1;
  if (has_sheet_ && !is_among_actors_) {
    const std::size_t listed = std::max<std::size_t>(rows / 2, 1);
    add_list(lines, listed);
    add_sheet(lines, size, rows - listed);
  } else {
    add_list(lines, rows);
  }
  lines.push_back(bottom());
  return lines;
}

ScreenLine Explorer::title() const {
  std::string text = source_.name();
  if (is_among_actors_) {
    text += "  " + grouped(actors_.size()) + (actors_.size() == 1 ? " actor" : " actors");
  } else {
    text += "  " + name_of(actor_) + "  " + grouped(events_.size()) + " events";
    if (!filter_.empty()) text += ", " + grouped(shown_.size()) + " with \"" + filter_ + "\"";
    if (source_.is_live()) text += follows_ ? "  live, following" : "  live";
  }
  return {.text = printable(as_bytes(text), 1000), .style = LineStyle::kBold};
}

void Explorer::add_list(std::vector<ScreenLine>& lines, std::size_t rows) const {
  // What is selected stands in the middle, but at the ends.
  const std::size_t count = rows_listed();
  const std::size_t place = is_among_actors_ ? selected_actor_ : selected_event_;
  std::size_t first = place - std::min(place, rows / 2);
  first = std::min(first, count - std::min(count, rows));
  for (std::size_t row = 0; row < rows; ++row) {
    if (first + row >= count) {
      lines.push_back({.text = count == 0 && row == 0 ? "  nothing" : ""});
    } else {
      lines.push_back(is_among_actors_ ? actor_row(first + row) : event_row(first + row));
    }
  }
}

ScreenLine Explorer::actor_row(std::size_t place) const {
  const ExploredActor& actor = actors_[place];
  return {.text = "  " + to_string(actor.id) + "  " + actor.name,
          .style = place == selected_actor_ ? LineStyle::kSelected : LineStyle::kNormal};
}

ScreenLine Explorer::event_row(std::size_t place) const {
  const ExploredEvent& event = events_[shown_[place]];
  constexpr std::size_t kSequenceColumns = 8;
  constexpr std::size_t kKindColumns = 16;
  const LineStyle style = event.kind == "failed" ? LineStyle::kBad : LineStyle::kNormal;
  return {.text = right(std::to_string(event.sequence), kSequenceColumns) + "  " +
                  clock_time(event.time_ms * kNsPerMs) + "  " + fitted(event.kind, kKindColumns) +
                  std::string(row_text(event)),
          .style = place == selected_event_ ? LineStyle::kSelected : style};
}

void Explorer::add_sheet(std::vector<ScreenLine>& lines, ScreenSize size, std::size_t rows) const {
  if (rows == 0) return;
  lines.push_back({.text = std::string(size.columns, '-'), .style = LineStyle::kDim});
  std::vector<std::string> texts;
  const std::size_t columns = std::max<std::size_t>(size.columns, 20);
  for (std::size_t i = sheet_top_; i < sheet_.size() && texts.size() + 1 < rows; ++i) {
    const std::string label = "  " + sheet_label(sheet_[i].first);
    std::string rest = sheet_[i].second;
    // A long value goes on below, under its beginning.
    for (bool is_first = true; (is_first || !rest.empty()) && texts.size() + 1 < rows; is_first = false) {
      const std::size_t room = columns - std::min(columns - 1, label.size());
      const std::string part = fitted(rest, room);
      texts.push_back((is_first ? label : std::string(label.size(), ' ')) + part);
      rest.erase(0, std::min(rest.size(), part.size()));
    }
  }
  texts.resize(rows - 1);
  for (std::string& text : texts) lines.push_back({.text = std::move(text)});
}

ScreenLine Explorer::bottom() const {
  if (is_typing_) return {.text = "/" + filter_, .style = LineStyle::kBold};
  if (!message_.empty()) return {.text = printable(as_bytes(message_), 1000), .style = LineStyle::kBad};
  if (is_among_actors_) return {.text = "up down  enter: its events  q: end", .style = LineStyle::kDim};
  std::string keys = "enter: show  c: cause  b: back  /: filter";
  if (source_.is_live()) keys += "  f: follow";
  if (actors_.size() > 1) keys += "  a: actors";
  return {.text = keys + "  q: end", .style = LineStyle::kDim};
}

}  // namespace theater::cli
