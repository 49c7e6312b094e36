#include "api/event_query.h"

#include <algorithm>

namespace theater::api {
namespace {

bool begins_with(std::string_view type, std::string_view prefix) {
  if (type.starts_with(prefix)) return true;
  const std::size_t package_end = type.find('/');
  return package_end != std::string_view::npos && type.substr(package_end + 1).starts_with(prefix);
}

}  // namespace

bool EventFilter::matches(const Event& event) const {
  if (kind && event.kind != *kind) return false;
  if (from_time_ns && event.time_ns < *from_time_ns) return false;
  if (to_time_ns && event.time_ns > *to_time_ns) return false;
  if (!type_prefix.empty() && !begins_with(event_type(event), type_prefix)) return false;
  if (search.empty()) return true;
  // Cheapest first: the data may be large and is copied.
  return event_type(event).find(search) != std::string::npos || describe(event).find(search) != std::string::npos ||
         as_text(event_data(event)).find(search) != std::string_view::npos;
}

void extend_page(EventPage& page, std::vector<Event> events, const EventQuery& query) {
  for (Event& event : events) {
    const bool before =
        query.newest_first ? query.from && event.sequence > *query.from : query.from && event.sequence < *query.from;
    if (before || !query.filter.matches(event)) continue;
    if (page.events.size() == query.limit) {
      page.next_from = event.sequence;
      break;
    }
    page.events.push_back(std::move(event));
  }
}

EventPage take_page(std::vector<Event> events, const EventQuery& query) {
  if (query.newest_first) std::ranges::reverse(events);
  EventPage page;
  extend_page(page, std::move(events), query);
  return page;
}

std::optional<EventKind> parse_event_kind(std::string_view name) {
  for (unsigned number = 1; number <= static_cast<unsigned>(kLastEventKind); ++number) {
    const auto kind = static_cast<EventKind>(number);
    if (to_string(kind) == name) return kind;
  }
  return std::nullopt;
}

}  // namespace theater::api
