#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/terminal.h"
#include "theater/client.h"

namespace theater::cli {

/// What `theater top` knows of one actor.
struct TopActor {
  ActorId id;
  std::string name;
  std::string status;
  std::uint64_t events = 0;
  std::uint64_t mailbox = 0;
  std::uint64_t memory_bytes = 0;
  std::uint64_t restarts = 0;
  /// Of its latest turns, in all; none where it has had none since it was looked at last.
  std::optional<std::uint64_t> turn_ns;
  /// Since it last started.
  std::uint64_t turns = 0;
  std::uint64_t fuel = 0;
  /// Of a turn, the mean since the look before in which it had one.
  std::uint64_t fuel_per_turn = 0;
  /// Events a second since the look before.
  double rate = 0;
};

/// The mean of the turns that are whole among these events of one actor, in order; none when there is no such.
std::optional<std::uint64_t> mean_turn_ns(const std::vector<RemoteEvent>& events);

/// The table of `theater top`, without a terminal: looks go in, rows come out. One thread.
class TopTable {
 public:
  enum class Order : std::uint8_t { kRate, kMailbox, kTurn, kMemory, kRestarts, kName };

  /// A new look at the actors that live, `time_ns` (monotonic) after the one before. `turn_ns` that is none is taken
  /// from the look before.
  void look(std::vector<TopActor> actors, std::uint64_t time_ns);
  /// The order's name, as on the command line: "rate"… False for one that is not known.
  bool set_order(const std::string& name);
  /// False when it is over.
  bool press(const Key& key);
  bool is_paused() const { return paused_; }

  const std::vector<TopActor>& actors() const { return actors_; }
  /// At most so many rows; `note` stands in the title.
  std::vector<ScreenLine> render(ScreenSize size, const std::string& note) const;

 private:
  void sort();

  std::vector<TopActor> actors_;
  std::uint64_t looked_ns_ = 0;
  Order order_ = Order::kRate;
  std::size_t top_ = 0;
  bool paused_ = false;
};

}  // namespace theater::cli
