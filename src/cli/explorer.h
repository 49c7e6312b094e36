#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cli/explore_source.h"
#include "cli/terminal.h"

namespace theater::cli {

/// The screens of `theater events-explore`, without a terminal: keys go in, rows come out. Actors to choose from, the
/// events of one, one of them taken apart, and the way from an event to what caused it. One thread.
class Explorer {
 public:
  /// `follows`: the latest event is selected when others come.
  Explorer(ExploreSource& source, bool follows) : source_(source), follows_(follows) {}

  /// Opens the actor that the source was asked for, or the only one, or lists them.
  Result<void> begin();
  /// False when it is over. `rows`: of the screen, for steps by a page.
  bool press(const Key& key, std::size_t rows);
  /// Looks whether more events came, where they may.
  void look_for_more();
  std::vector<ScreenLine> render(ScreenSize size) const;

 private:
  void press_in_filter(const Key& key);
  bool press_in_list(const Key& key, std::size_t rows);
  void press_letter(const std::string& letter);
  void move(std::size_t steps, bool forward);
  void choose();
  /// One step out: of the sheet, the filter, the events.
  void leave();
  void open(const ActorId& actor);
  void narrow();
  /// Where it stands among those shown, if it does.
  bool select(std::uint64_t sequence);
  void read_sheet();
  void go_to_cause();
  void go_back();

  std::size_t rows_listed() const { return is_among_actors_ ? actors_.size() : shown_.size(); }
  std::size_t& selected() { return is_among_actors_ ? selected_actor_ : selected_event_; }
  const ExploredEvent* selected_event() const;
  std::string name_of(const ActorId& actor) const;
  ScreenLine title() const;
  ScreenLine actor_row(std::size_t place) const;
  ScreenLine event_row(std::size_t place) const;
  void add_list(std::vector<ScreenLine>& lines, std::size_t rows) const;
  void add_sheet(std::vector<ScreenLine>& lines, ScreenSize size, std::size_t rows) const;
  ScreenLine bottom() const;

  ExploreSource& source_;
  bool follows_;
  std::vector<ExploredActor> actors_;
  ActorId actor_{};
  std::vector<ExploredEvent> events_;
  /// Places in `events_` of those that the filter lets through.
  std::vector<std::size_t> shown_;
  std::size_t selected_actor_ = 0;
  std::size_t selected_event_ = 0;
  std::string filter_;
  /// Rows of the sheet that are above its window.
  std::size_t sheet_top_ = 0;
  EventSheet sheet_;
  /// Where causes were followed from.
  std::vector<std::pair<ActorId, std::uint64_t>> way_;
  std::string message_;
  bool is_among_actors_ = true;
  bool is_typing_ = false;
  bool has_sheet_ = false;
};

}  // namespace theater::cli
