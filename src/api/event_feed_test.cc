#include "api/event_feed.h"

#include <gtest/gtest.h>

namespace theater::api {
namespace {

Event numbered(std::uint64_t sequence, std::size_t bytes = 10) {
  Event event;
  event.sequence = sequence;
  event.note.head = Bytes(bytes);
  return event;
}

std::vector<std::uint64_t> take_all(EventFeed& feed, std::size_t at_once = 3) {
  std::vector<std::uint64_t> sequences;
  while (true) {
    const auto events = feed.take(at_once);
    if (events.empty()) return sequences;
    for (const Event& event : events) sequences.push_back(event.sequence);
  }
}

/// A history that gives two events at once.
class Kept final : public EventHistory {
 public:
  explicit Kept(std::vector<Event> events) : events_(std::move(events)) {}

  std::vector<Event> next() override {
    std::vector<Event> given;
    while (given.size() < 2 && next_ < events_.size()) given.push_back(events_[next_++]);
    return given;
  }
  std::uint64_t size() const override { return events_.size(); }
  std::uint64_t next_sequence() const override { return events_.empty() ? 0 : events_.back().sequence + 1; }

 private:
  const std::vector<Event> events_;
  std::size_t next_ = 0;
};

using Sequences = std::vector<std::uint64_t>;

TEST(EventFeed, HistoryAndWhatCameMeanwhileAreGivenOnceAndInOrder) {
  EventFeed feed({}, [] {});
  feed.put(numbered(3));
  feed.put(numbered(4));
  feed.put(numbered(5));
  EXPECT_TRUE(feed.take(10).empty());
  feed.begin(std::make_unique<Kept>(std::vector<Event>{numbered(2), numbered(3), numbered(4)}));
  feed.put(numbered(6));
  EXPECT_EQ(take_all(feed), (Sequences{2, 3, 4, 5, 6}));
}

TEST(EventFeed, TellsOnceUntilAllIsTaken) {
  int told = 0;
  EventFeed feed({}, [&] { ++told; });
  feed.begin(nullptr);
  EXPECT_EQ(told, 0);
  feed.put(numbered(0));
  feed.put(numbered(1));
  EXPECT_EQ(told, 1);
  EXPECT_EQ(feed.take(1).size(), 1u);
  feed.put(numbered(2));
  EXPECT_EQ(told, 1);
  EXPECT_EQ(take_all(feed), (Sequences{1, 2}));
  feed.put(numbered(3));
  EXPECT_EQ(told, 2);
}

TEST(EventFeed, ASlowReaderIsCutAndStillGetsWhatWasWaiting) {
  EventFeed feed({.events = 3, .bytes = 1u << 20}, [] {});
  feed.begin(nullptr);
  for (std::uint64_t i = 0; i < 10; ++i) feed.put(numbered(i));
  EXPECT_TRUE(feed.cut());
  EXPECT_EQ(take_all(feed), (Sequences{0, 1, 2}));
  feed.put(numbered(10));
  EXPECT_TRUE(feed.take(1).empty());
}

TEST(EventFeed, BytesAreBoundedTooButOneLargeEventFits) {
  EventFeed feed({.events = 100, .bytes = 4096}, [] {});
  feed.begin(nullptr);
  feed.put(numbered(0, 10'000));
  EXPECT_FALSE(feed.cut());
  feed.put(numbered(1));
  EXPECT_TRUE(feed.cut());
}

TEST(EventFeed, GivingItUpEndsItsSubscription) {
  auto subscription = std::make_shared<int>(0);
  const std::weak_ptr<int> watch = subscription;
  auto feed = std::make_shared<EventFeed>(FeedBounds{}, [] {});
  feed->hold(std::move(subscription));
  EXPECT_FALSE(watch.expired());
  feed.reset();
  EXPECT_TRUE(watch.expired());
}

}  // namespace
}  // namespace theater::api
