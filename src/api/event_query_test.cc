#include "api/event_query.h"

#include <gtest/gtest.h>

namespace theater::api {
namespace {

/// Ten notes with sequences 0 to 9 of types "even" and "odd", a second apart.
std::vector<Event> ten_events() {
  std::vector<Event> events;
  for (std::uint64_t i = 0; i < 10; ++i) {
    Event event;
    event.sequence = i;
    event.time_ns = i * 1'000'000'000;
    event.note_type = i % 2 == 0 ? "even" : "odd";
    event.note.head = to_bytes("number " + std::to_string(i));
    events.push_back(std::move(event));
  }
  return events;
}

std::vector<std::uint64_t> sequences(const EventPage& page) {
  std::vector<std::uint64_t> sequences;
  for (const Event& event : page.events) sequences.push_back(event.sequence);
  return sequences;
}

using Sequences = std::vector<std::uint64_t>;

TEST(EventQuery, PagesFollowEachOtherWithoutGapOrRepetition) {
  EventQuery query;
  query.limit = 4;
  Sequences seen;
  int pages = 0;
  while (true) {
    const EventPage page = take_page(ten_events(), query);
    for (const auto sequence : sequences(page)) seen.push_back(sequence);
    ++pages;
    if (!page.next_from) break;
    query.from = page.next_from;
  }
  EXPECT_EQ(seen, (Sequences{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(pages, 3);
}

TEST(EventQuery, NewestFirstGoesDownwards) {
  EventQuery query;
  query.newest_first = true;
  query.limit = 3;
  EventPage page = take_page(ten_events(), query);
  EXPECT_EQ(sequences(page), (Sequences{9, 8, 7}));
  query.from = page.next_from;
  page = take_page(ten_events(), query);
  EXPECT_EQ(sequences(page), (Sequences{6, 5, 4}));
  EXPECT_EQ(page.next_from, 3u);
}

TEST(EventQuery, AFilterNarrowsAndPagesCountWhatIsLeft) {
  EventQuery query;
  query.filter.type_prefix = "od";
  query.limit = 2;
  const EventPage page = take_page(ten_events(), query);
  EXPECT_EQ(sequences(page), (Sequences{1, 3}));
  EXPECT_EQ(page.next_from, 5u);
}

TEST(EventQuery, ATypeMayLeaveOutItsPackage) {
  Event event;
  event.kind = EventKind::kHostCall;
  event.function = "theater:simple/runtime.log";
  EventFilter filter;
  for (const char* prefix : {"theater:simple/runtime.log", "theater:", "runtime.log", "runtime."}) {
    filter.type_prefix = prefix;
    EXPECT_TRUE(filter.matches(event)) << prefix;
  }
  for (const char* prefix : {"log", "simple/runtime.log", "runtime.logs", "/runtime"}) {
    filter.type_prefix = prefix;
    EXPECT_FALSE(filter.matches(event)) << prefix;
  }
}

TEST(EventQuery, TimesAreIncluded) {
  EventQuery query;
  query.filter.from_time_ns = 3'000'000'000;
  query.filter.to_time_ns = 5'000'000'000;
  EXPECT_EQ(sequences(take_page(ten_events(), query)), (Sequences{3, 4, 5}));
}

TEST(EventQuery, ASearchLooksIntoTheData) {
  EventQuery query;
  query.filter.search = "number 7";
  EXPECT_EQ(sequences(take_page(ten_events(), query)), (Sequences{7}));
  query.filter.search = "number 70";
  EXPECT_TRUE(take_page(ten_events(), query).events.empty());
}

TEST(EventQuery, KindsAreKnownByTheirNames) {
  EXPECT_EQ(parse_event_kind("host-call-begin"), EventKind::kHostCallBegin);
  EXPECT_EQ(parse_event_kind("note"), EventKind::kNote);
  EXPECT_FALSE(parse_event_kind("nothing"));
}

}  // namespace
}  // namespace theater::api
