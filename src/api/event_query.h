#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "theater/event.h"

namespace theater::api {

/// Which of an actor's events are wanted. What is not set does not narrow.
struct EventFilter {
  /// Begin of event_type(), which may leave out the package: "actor.", "theater:simple/runtime.log", "runtime.log".
  std::string type_prefix;
  std::optional<EventKind> kind;
  /// Occurs in the event's type, description or data, byte for byte.
  std::string search;
  /// Nanoseconds since the Unix epoch, both included.
  std::optional<std::uint64_t> from_time_ns;
  std::optional<std::uint64_t> to_time_ns;

  bool matches(const Event& event) const;
};

/// A page of an actor's events, in the order of the chain or, newest first, against it.
struct EventQuery {
  EventFilter filter;
  /// Sequence from which to read on: upwards, or downwards when newest_first. None: from that order's beginning.
  std::optional<std::uint64_t> from;
  /// Events in a page, 1 to limits::kPageItems.
  std::uint32_t limit = 100;
  bool newest_first = false;
};

struct EventPage {
  std::vector<Event> events;
  /// `from` of the next page; none when this is the last.
  std::optional<std::uint64_t> next_from;
};

/// Takes a page out of events of one actor, which are in order.
EventPage take_page(std::vector<Event> events, const EventQuery& query);
/// Goes on with a page, oldest first, that is not full yet: `events` follow those that it was taken from.
void extend_page(EventPage& page, std::vector<Event> events, const EventQuery& query);

/// The kind with this name, as to_string() gives it.
std::optional<EventKind> parse_event_kind(std::string_view name);

}  // namespace theater::api
