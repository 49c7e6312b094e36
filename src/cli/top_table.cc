#include "cli/top_table.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <tuple>

#include "base/clock.h"
#include "cli/output.h"

namespace theater::cli {
namespace {

using Order = TopTable::Order;

/// Of the columns before the status, with the blanks between them.
constexpr std::size_t kFigureColumns = 53;
constexpr std::size_t kStatusColumns = 9;
constexpr std::size_t kNameColumnsMin = 18;
constexpr std::size_t kIdColumns = 8;

struct OrderName {
  const char* name;
  const char* key;
  Order order;
};
constexpr std::array<OrderName, 6> kOrders = {{{"rate", "r", Order::kRate},
                                               {"mailbox", "b", Order::kMailbox},
                                               {"turn", "t", Order::kTurn},
                                               {"memory", "m", Order::kMemory},
                                               {"restarts", "s", Order::kRestarts},
                                               {"name", "n", Order::kName}}};

/// Nanoseconds of the day of "2026-11-21T17:45:38.280462531Z"; false for anything else.
bool read_day_ns(const std::string& time, std::uint64_t& day_ns) {
  unsigned hours = 0;
  unsigned minutes = 0;
  unsigned seconds = 0;
  unsigned fraction = 0;
  int digits = 0;
  int end = 0;
  if (std::sscanf(time.c_str(), "%*10cT%2u:%2u:%2u.%n%9u%nZ", &hours, &minutes, &seconds, &digits, &fraction, &end) !=
          4 ||
      end - digits != 9) {
    return false;
  }
  day_ns = ((hours * 60ull + minutes) * 60 + seconds) * kNsPerSecond + fraction;
  return true;
}

std::string column(const std::string& text, std::size_t columns) {
  return std::string(columns - std::min(columns, text.size()), ' ') + text + " ";
}

/// "999", "12.3k", "4.5M".
std::string short_count(std::uint64_t count) {
  constexpr const char* kUnits[] = {"", "k", "M", "G", "T"};
  auto size = static_cast<double>(count);
  std::size_t unit = 0;
  while (size >= 1000 && unit + 1 < std::size(kUnits)) {
    size /= 1000;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof(text), unit == 0 ? "%.0f%s" : "%.1f%s", size, kUnits[unit]);
  return text;
}

/// "12 us", "3.4 ms".
std::string duration(std::uint64_t ns) {
  char text[32];
  if (ns < kNsPerMs) {
    std::snprintf(text, sizeof(text), "%.1f us", static_cast<double>(ns) / 1e3);
  } else if (ns < kNsPerSecond) {
    std::snprintf(text, sizeof(text), "%.1f ms", static_cast<double>(ns) / 1e6);
  } else {
    std::snprintf(text, sizeof(text), "%.1f s", static_cast<double>(ns) / 1e9);
  }
  return text;
}

/// What stands first has the larger key; of equals the one with the lower name.
auto key_of(const TopActor& actor, Order order) {
  double value = 0;
  switch (order) {
    case Order::kRate: value = actor.rate; break;
    case Order::kMailbox: value = static_cast<double>(actor.mailbox); break;
    case Order::kTurn: value = static_cast<double>(actor.turn_ns.value_or(0)); break;
    case Order::kMemory: value = static_cast<double>(actor.memory_bytes); break;
    case Order::kRestarts: value = static_cast<double>(actor.restarts); break;
    case Order::kName: break;
  }
  return std::tuple(-value, actor.name, actor.id);
}

}  // namespace

std::optional<std::uint64_t> mean_turn_ns(const std::vector<RemoteEvent>& events) {
  constexpr std::uint64_t kDayNs = 86'400 * kNsPerSecond;
  std::uint64_t begin = 0;
  bool has_begun = false;
  std::uint64_t sum = 0;
  std::uint64_t count = 0;
  for (const RemoteEvent& event : events) {
    const bool is_call = event.kind == "call";
    if (!is_call && event.kind != "returned" && event.kind != "failed") continue;
    const auto json = nlohmann::json::parse(event.json, nullptr, false);
    std::uint64_t time = 0;
    const bool has_time = json.is_object() && read_day_ns(json.value("time", std::string()), time);
    if (is_call) {
      has_begun = has_time;
      begin = time;
    } else if (has_begun && has_time) {
      // Midnight may lie between.
      sum += (time + kDayNs - begin) % kDayNs;
      ++count;
      has_begun = false;
    }
  }
  return count == 0 ? std::nullopt : std::optional(sum / count);
}

void TopTable::look(std::vector<TopActor> actors, std::uint64_t time_ns) {
  std::map<ActorId, const TopActor*> before;
  for (const TopActor& actor : actors_) before.emplace(actor.id, &actor);
  const double seconds = static_cast<double>(time_ns - looked_ns_) / static_cast<double>(kNsPerSecond);
  for (TopActor& actor : actors) {
    const auto known = before.find(actor.id);
    // One that was started anew counts from zero again.
    const bool is_same_run = known != before.end() && actor.turns >= known->second->turns;
    const std::uint64_t turns = actor.turns - (is_same_run ? known->second->turns : 0);
    const std::uint64_t fuel = actor.fuel - (is_same_run ? std::min(actor.fuel, known->second->fuel) : 0);
    actor.fuel_per_turn = turns > 0 ? fuel / turns : is_same_run ? known->second->fuel_per_turn : 0;
    if (known == before.end()) continue;
    if (actor.events >= known->second->events && seconds > 0) {
      actor.rate = static_cast<double>(actor.events - known->second->events) / seconds;
    }
    if (!actor.turn_ns) actor.turn_ns = known->second->turn_ns;
  }
  actors_ = std::move(actors);
  looked_ns_ = time_ns;
  sort();
}

void TopTable::sort() {
  std::ranges::sort(actors_, {}, [&](const TopActor& actor) { return key_of(actor, order_); });
}

bool TopTable::set_order(const std::string& name) {
  const auto found = std::ranges::find_if(kOrders, [&](const OrderName& order) { return order.name == name; });
  if (found == kOrders.end()) return false;
  order_ = found->order;
  sort();
  return true;
}

bool TopTable::press(const Key& key) {
  const std::size_t last = actors_.empty() ? 0 : actors_.size() - 1;
  constexpr std::size_t kPage = 10;
  switch (key.kind) {
    case Key::Kind::kInterrupt:
    case Key::Kind::kEscape: return false;
    case Key::Kind::kUp: top_ -= std::min<std::size_t>(top_, 1); break;
    case Key::Kind::kDown: top_ = std::min(top_ + 1, last); break;
    case Key::Kind::kPageUp: top_ -= std::min(top_, kPage); break;
    case Key::Kind::kPageDown: top_ = std::min(top_ + kPage, last); break;
    case Key::Kind::kHome: top_ = 0; break;
    case Key::Kind::kEnd: top_ = last; break;
    case Key::Kind::kText:
      if (key.is("q")) return false;
      if (key.is("p")) paused_ = !paused_;
      for (const OrderName& order : kOrders) {
        if (key.is(order.key)) set_order(order.name);
      }
      break;
    default: break;
  }
  return true;
}

std::vector<ScreenLine> TopTable::render(ScreenSize size, const std::string& note) const {
  double rate = 0;
  std::uint64_t mailbox = 0;
  std::uint64_t memory = 0;
  for (const TopActor& actor : actors_) {
    rate += actor.rate;
    mailbox += actor.mailbox;
    memory += actor.memory_bytes;
  }
  std::string title = grouped(actors_.size()) + (actors_.size() == 1 ? " actor lives, " : " actors live, ") +
                      grouped(static_cast<std::uint64_t>(std::llround(rate))) + " events/s, " + grouped(mailbox) +
                      " messages wait, " + byte_size(memory);
  if (paused_) title += "  paused";
  if (!note.empty()) title += "  " + note;
  // The name is what a person looks for: it has what is left, and before the id.
  std::size_t name_columns = kNameColumnsMin;
  for (const TopActor& actor : actors_) name_columns = std::max(name_columns, actor.name.size() + 2);
  const std::size_t room = size.columns - std::min(size.columns, kFigureColumns + kStatusColumns);
  if (size.columns > 0) name_columns = std::clamp(room - std::min(room, kIdColumns), kNameColumnsMin, name_columns);
  std::vector<ScreenLine> lines = {{.text = title, .style = LineStyle::kBold},
                                   {.text = column("EVENTS/S", 9) + column("MAILBOX", 7) + column("TURN", 8) +
                                            column("FUEL", 6) + column("MEMORY", 9) + column("RESTARTS", 8) +
                                            fitted("STATUS", kStatusColumns) + fitted("NAME", name_columns) + "ID",
                                    .style = LineStyle::kDim}};
  for (std::size_t place = top_; place < actors_.size() && lines.size() + 1 < size.rows; ++place) {
    const TopActor& actor = actors_[place];
    // The events of a turn that waits for nothing have one time.
    const std::uint64_t turn_ns = actor.turn_ns.value_or(0);
    lines.push_back({.text = column(grouped(static_cast<std::uint64_t>(std::llround(actor.rate))), 9) +
                             column(grouped(actor.mailbox), 7) + column(turn_ns > 0 ? duration(turn_ns) : "-", 8) +
                             column(short_count(actor.fuel_per_turn), 6) + column(byte_size(actor.memory_bytes), 9) +
                             column(grouped(actor.restarts), 8) + fitted(actor.status, kStatusColumns) +
                             fitted(actor.name, name_columns - 1) + " " + to_string(actor.id).substr(0, kIdColumns)});
  }
  while (lines.size() + 1 < size.rows) lines.push_back({.text = ""});
  lines.push_back({.text = "order: r rate, b mailbox, t turn, m memory, s restarts, n name  p: pause  q: end",
                   .style = LineStyle::kDim});
  return lines;
}

}  // namespace theater::cli
