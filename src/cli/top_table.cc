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
  return std::string(columns - std::min(columns, text.size()), ' ') + text + "  ";
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
  std::vector<ScreenLine> lines = {{.text = title, .style = LineStyle::kBold},
                                   {.text = column("EVENTS/S", 10) + column("MAILBOX", 8) + column("TURN", 9) +
                                            column("MEMORY", 10) + column("RESTARTS", 8) + "STATUS    ID        NAME",
                                    .style = LineStyle::kDim}};
  for (std::size_t place = top_; place < actors_.size() && lines.size() + 1 < size.rows; ++place) {
    const TopActor& actor = actors_[place];
    lines.push_back({.text = column(grouped(static_cast<std::uint64_t>(std::llround(actor.rate))), 10) +
                             column(grouped(actor.mailbox), 8) +
                             column(actor.turn_ns ? duration(*actor.turn_ns) : "-", 9) +
                             column(byte_size(actor.memory_bytes), 10) + column(grouped(actor.restarts), 8) +
                             fitted(actor.status, 10) + to_string(actor.id).substr(0, 8) + "  " + actor.name});
  }
  while (lines.size() + 1 < size.rows) lines.push_back({.text = ""});
  lines.push_back({.text = "order: r rate, b mailbox, t turn, m memory, s restarts, n name  p: pause  q: end",
                   .style = LineStyle::kDim});
  return lines;
}

}  // namespace theater::cli
