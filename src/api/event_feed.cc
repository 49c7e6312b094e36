#include "api/event_feed.h"

#include <algorithm>

namespace theater::api {

EventFeed::EventFeed(FeedBounds bounds, std::function<void()> ready) : bounds_(bounds), ready_(std::move(ready)) {}

std::size_t EventFeed::weight(const Event& event) {
  const auto size = [](const EventValue& value) { return value.head.size() + (value.body ? value.body->size() : 0); };
  return sizeof(Event) + size(event.params) + size(event.result) + size(event.note) + event.message.size() +
         event.backtrace.size() + (event.state.bytes ? event.state.bytes->size() : 0);
}

void EventFeed::put(const Event& event) {
  {
    const std::lock_guard lock(mutex_);
    if (cut_) return;
    const std::size_t bytes = weight(event);
    // One event always has room, however large.
    if (!live_.empty() && (live_.size() >= bounds_.events || live_bytes_ + bytes > bounds_.bytes)) {
      cut_ = true;
    } else {
      live_bytes_ += bytes;
      live_.push_back(event);
    }
    if (!begun_ || told_) return;
    told_ = true;
  }
  ready_();
}

void EventFeed::begin(std::vector<Event> history) {
  {
    const std::lock_guard lock(mutex_);
    history_ = std::move(history);
    if (!history_.empty()) {
      // The history is one actor's, and so is what came meanwhile.
      const std::uint64_t last = history_.back().sequence;
      while (!live_.empty() && live_.front().sequence <= last) {
        live_bytes_ -= weight(live_.front());
        live_.pop_front();
      }
    }
    begun_ = true;
    if (history_.empty() && live_.empty() && !cut_) return;
    told_ = true;
  }
  ready_();
}

std::vector<Event> EventFeed::take(std::size_t events_max) {
  std::vector<Event> taken;
  const std::lock_guard lock(mutex_);
  if (!begun_) return taken;
  while (taken.size() < events_max && history_next_ < history_.size()) {
    taken.push_back(std::move(history_[history_next_++]));
  }
  if (history_next_ == history_.size() && history_next_ > 0) {
    history_ = {};
    history_next_ = 0;
  }
  while (taken.size() < events_max && !live_.empty()) {
    live_bytes_ -= weight(live_.front());
    taken.push_back(std::move(live_.front()));
    live_.pop_front();
  }
  if (history_.empty() && live_.empty()) told_ = false;
  return taken;
}

bool EventFeed::cut() const {
  const std::lock_guard lock(mutex_);
  return cut_;
}

}  // namespace theater::api
