#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "theater/error.h"
#include "theater/event.h"
#include "theater/event_history.h"

namespace theater::api {

/// How much may wait for one who reads slower than actors work.
struct FeedBounds {
  std::size_t events = 10'000;
  std::size_t bytes = 8u << 20;
};

/// Events for one listener: what is kept from a sequence on, then what comes, without a gap between them. One side puts
/// in (shards), one side takes out. Any thread.
class EventFeed {
 public:
  /// `ready` is called, on any thread, when there is something to take after there was nothing; return soon from it.
  EventFeed(FeedBounds bounds, std::function<void()> ready);

  /// An event that was just recorded. Beyond the bounds the feed is cut: it takes nothing more.
  void put(const Event& event);
  /// What was recorded before, once; null: nothing. Events that came by put() meanwhile follow, those that are in both
  /// once. Nothing can be taken before this.
  void begin(std::unique_ptr<EventHistory> history);

  /// Up to `events_max` events in order; empty when nothing is there now. One thread at a time.
  std::vector<Event> take(std::size_t events_max);
  /// The reader was too slow: after what take() still gives, nothing comes.
  bool cut() const;
  /// Keeps what holds the feed up to date.
  void hold(std::shared_ptr<void> subscription) { subscription_ = std::move(subscription); }

 private:
  static std::size_t weight(const Event& event);
  std::vector<Event> take_history(std::size_t events_max);

  const FeedBounds bounds_;
  const std::function<void()> ready_;
  mutable std::mutex mutex_;
  /// Once begun, only whoever takes uses it, and what was decoded of it.
  std::unique_ptr<EventHistory> history_;
  std::vector<Event> decoded_;
  std::size_t decoded_next_ = 0;
  std::deque<Event> live_;
  std::size_t live_bytes_ = 0;
  bool begun_ = false;
  bool cut_ = false;
  /// ready_ was called and nothing was taken since.
  bool told_ = false;
  // Last, so that no event comes while the rest is taken down.
  std::shared_ptr<void> subscription_;
};

}  // namespace theater::api
