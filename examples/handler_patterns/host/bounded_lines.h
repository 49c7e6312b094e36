#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace patterns {

/// The bounded buffer: lines that wait for a reader, oldest first. A full one gives up its oldest and counts it, so
/// that a reader who is too slow sees the newest lines and knows how many it missed. Any thread.
class BoundedLines {
 public:
  struct Batch {
    std::vector<std::string> lines;
    /// Given up before these lines and not told yet.
    std::uint64_t lost = 0;
    bool empty() const { return lines.empty() && lost == 0; }
  };

  explicit BoundedLines(std::size_t lines_max) : lines_max_(lines_max) {}

  void add(std::string line) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
    make_room();
  }
  /// The next lines, at most so many.
  Batch take(std::size_t lines_max) {
    const std::lock_guard lock(mutex_);
    Batch batch;
    batch.lost = std::exchange(lost_, 0);
    while (!lines_.empty() && batch.lines.size() < lines_max) {
      batch.lines.push_back(std::move(lines_.front()));
      lines_.pop_front();
    }
    return batch;
  }
  /// Puts back in front what could not be delivered. Lines that came meanwhile may leave no room: those given up are
  /// the oldest.
  void give_back(Batch batch) {
    const std::lock_guard lock(mutex_);
    lost_ += batch.lost;
    lines_.insert(lines_.begin(), std::make_move_iterator(batch.lines.begin()),
                  std::make_move_iterator(batch.lines.end()));
    make_room();
  }

 private:
  void make_room() {
    while (lines_.size() > lines_max_) {
      lines_.pop_front();
      ++lost_;
    }
  }

  const std::size_t lines_max_;
  std::mutex mutex_;
  std::deque<std::string> lines_;
  std::uint64_t lost_ = 0;
};

}  // namespace patterns
