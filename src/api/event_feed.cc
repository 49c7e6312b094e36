#include "api/event_feed.h"

#include <algorithm>
#include <iterator>
#include <utility>

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

void EventFeed::begin(std::unique_ptr<EventHistory> history) {
  {
    const std::lock_guard lock(mutex_);
    if (history && history->size() > 0) {
      history_ = std::move(history);
      // The history is one actor's, and so is what came meanwhile.
      while (!live_.empty() && live_.front().sequence < history_->next_sequence()) {
        live_bytes_ -= weight(live_.front());
        live_.pop_front();
      }
    }
    begun_ = true;
    if (!history_ && live_.empty() && !cut_) return;
    told_ = true;
  }
  ready_();
}

std::vector<Event> EventFeed::take(std::size_t events_max) {
  std::vector<Event> taken;
  std::unique_lock lock(mutex_);
  if (!begun_) return taken;
  if (history_) {
    // Decoding takes its time, and shards put in meanwhile.
    lock.unlock();
    taken = take_history(events_max);
    if (!taken.empty()) return taken;
    lock.lock();
    history_.reset();
  }
  while (taken.size() < events_max && !live_.empty()) {
    live_bytes_ -= weight(live_.front());
    taken.push_back(std::move(live_.front()));
    live_.pop_front();
  }
  if (live_.empty()) told_ = false;
  return taken;
}

std::vector<Event> EventFeed::take_history(std::size_t events_max) {
  if (decoded_next_ == decoded_.size()) {
    decoded_ = history_->next();
    decoded_next_ = 0;
  }
  const std::size_t count = std::min(events_max, decoded_.size() - decoded_next_);
  const auto begin = decoded_.begin() + static_cast<std::ptrdiff_t>(decoded_next_);
  decoded_next_ += count;
  if (count == decoded_.size()) {
    decoded_next_ = 0;
    return std::exchange(decoded_, {});
  }
  return {std::make_move_iterator(begin), std::make_move_iterator(begin + static_cast<std::ptrdiff_t>(count))};
}

bool EventFeed::cut() const {
  const std::lock_guard lock(mutex_);
  return cut_;
}

}  // namespace theater::api
