#include "store/segment_log.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>

#include "base/check.h"

namespace theater::store {

SegmentLog::SegmentLog(DataDirectory& directory, const Clock& clock, const Options& options)
    : directory_(directory),
      clock_(clock),
      options_(options),
      memory_(options.link_bytes, options.payload_bytes),
      published_(memory_.end_position()),
      taken_seen_(memory_.end_position()),
      taken_(memory_.end_position()),
      written_(memory_.end_position()),
      acknowledged_(memory_.end_position()) {
  if (options_.own_thread) {
    thread_ = std::thread([this] {
      pthread_setname_np(pthread_self(), ("log-" + std::to_string(options_.shard)).c_str());
      run();
    });
  }
}

SegmentLog::~SegmentLog() { stop(); }

// The shard's thread --------------------------------------------------------------------------------------------------

void SegmentLog::append(const SealedLink& link, ChainHead& head) {
  const std::uint64_t capacity = memory_.capacity_bytes();
  const std::uint64_t end = memory_.end_position() + MemoryLog::bytes_to_append(link);
  if (end - taken_seen_ > capacity / 2) [[unlikely]] {
    taken_seen_ = taken_.load(std::memory_order_acquire);
    if (end - taken_seen_ > capacity / 2) become_full();
    if (end - taken_seen_ > capacity) wait_for_room();
  }
  memory_.append(link, head);
  if (!link.payloads.empty() && !head.memory_only) {
    std::uint64_t bytes = 0;
    const std::lock_guard lock(payloads_mutex_);
    for (const RecordedPayload& payload : link.payloads) {
      payloads_.push_back({.position = head.last_position, .payload = payload});
      bytes += payload.content.size();
    }
    queued_payload_bytes_ += bytes;
  }
  published_.store(memory_.end_position(), std::memory_order_release);
  if (is_asleep_.load(std::memory_order_relaxed)) wake();
  if (!link.payloads.empty()) bound_payloads();
}

void SegmentLog::become_full() {
  if (condition_.is_full()) return;
  condition_.bits.fetch_or(SinkCondition::kFull);
  // It may have written everything meanwhile and be about to sleep.
  wake();
}

void SegmentLog::bound_payloads() {
  const std::uint64_t queued_bytes = queued_payload_bytes_.load();
  if (queued_bytes <= options_.payload_bytes / 2) return;
  become_full();
  if (queued_bytes <= options_.payload_bytes || !options_.own_thread) return;
  std::unique_lock lock(mutex_);
  wake_requested_ = true;
  wakeup_.notify_one();
  progressed_.wait(lock, [&] { return queued_payload_bytes_.load() <= options_.payload_bytes / 2; });
}

/// The memory is full of what was not written: one activation alone has filled it.
void SegmentLog::wait_for_room() {
  THEATER_CHECK(options_.own_thread || condition_.has_failed());
  const std::uint64_t wanted = memory_.end_position() - memory_.capacity_bytes() / 2;
  std::unique_lock lock(mutex_);
  wake_requested_ = true;
  wakeup_.notify_one();
  progressed_.wait(lock, [&] { return taken_.load() >= wanted; });
  taken_seen_ = taken_.load(std::memory_order_acquire);
}

void SegmentLog::hasten(std::uint64_t position) {
  raise_hastened(position);
  wake();
}

// Any thread ----------------------------------------------------------------------------------------------------------

Result<void> SegmentLog::status() const {
  if (!condition_.has_failed()) return {};
  const std::lock_guard lock(mutex_);
  return fail(*error_);
}

void SegmentLog::wake() {
  const std::lock_guard lock(mutex_);
  is_asleep_.store(false, std::memory_order_relaxed);
  wake_requested_ = true;
  wakeup_.notify_one();
}

/// Never lowered: who hastened a later one is told only for that.
void SegmentLog::raise_hastened(std::uint64_t position) {
  std::uint64_t known = hastened_.load(std::memory_order_relaxed);
  while (known < position && !hastened_.compare_exchange_weak(known, position, std::memory_order_relaxed)) {
  }
}

Result<void> SegmentLog::wait_for(const std::atomic<std::uint64_t>& reached, bool hasten) {
  const std::uint64_t position = published_.load(std::memory_order_acquire);
  if (hasten) raise_hastened(position - 1);
  if (!options_.own_thread) {
    while (reached.load() < position && !condition_.has_failed()) work();
    return status();
  }
  std::unique_lock lock(mutex_);
  is_asleep_.store(false, std::memory_order_relaxed);
  wake_requested_ = true;
  wakeup_.notify_one();
  progressed_.wait(lock, [&] { return reached.load() >= position || condition_.has_failed(); });
  lock.unlock();
  return status();
}

Result<void> SegmentLog::write_all() { return wait_for(written_, false); }
Result<void> SegmentLog::sync_all() { return wait_for(acknowledged_, true); }

void SegmentLog::stop() {
  {
    const std::lock_guard lock(mutex_);
    if (is_stopping_) return;
    is_stopping_ = true;
    wakeup_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
  while (write_some()) {
  }
  sync_if_due(/*now=*/true);
  if (!segment_ || condition_.has_failed()) return;
  if (auto closed = directory_.close_segment(std::move(segment_)); !closed) fail_for_good(std::move(closed.error()));
}

// The writing thread --------------------------------------------------------------------------------------------------

void SegmentLog::work() {
  THEATER_CHECK(!options_.own_thread);
  const bool wrote = write_some();
  tell_room();
  sync_if_due(/*now=*/!wrote);
}

void SegmentLog::run() {
  using std::chrono::microseconds;
  using std::chrono::milliseconds;
  while (true) {
    const bool wrote = write_some();
    tell_room();
    sync_if_due(/*now=*/false);
    const std::uint64_t waiting_bytes = published_.load(std::memory_order_acquire) - taken_.load();
    std::unique_lock lock(mutex_);
    if (is_stopping_) return;
    const auto woken = [&] { return wake_requested_ || is_stopping_; };
    if (waiting_bytes > 0 || wrote) {
      // Groups of some size cost less; only those who wait for the disk wake it earlier.
      if (waiting_bytes < limits::kGroupSoonBytes) wakeup_.wait_for(lock, microseconds(options_.pace_us), woken);
      wake_requested_ = false;
      continue;
    }
    is_asleep_.store(true);
    // What was published just before this may have missed it; then it is found after the first, short sleep.
    const bool is_synced = unsynced_since_ns_ == 0;
    const auto nothing_new = [&] { return published_.load(std::memory_order_acquire) == taken_.load(); };
    if (nothing_new()) wakeup_.wait_for(lock, milliseconds(is_synced ? 5 : 1), woken);
    if (is_synced && nothing_new() && !woken()) {
      lock.unlock();
      if (!is_marked_ && !condition_.has_failed()) {
        is_marked_ = true;
        if (auto marked = segment_->write_mark(); !marked) fail_for_good(std::move(marked.error()));
      }
      lock.lock();
      if (nothing_new()) wakeup_.wait(lock, woken);
    }
    is_asleep_.store(false);
    wake_requested_ = false;
  }
}

bool SegmentLog::write_some() {
  const std::uint64_t end = published_.load(std::memory_order_acquire);
  std::uint64_t position = taken_.load(std::memory_order_relaxed);
  if (position == end) return false;
  // In a failed log all of it goes nowhere.
  bool is_good = !condition_.has_failed();
  bool has_links = false;
  while (position < end) {
    if (is_good && segment_ && segment_->pending_bytes() >= limits::kGroupBytes) break;
    const MemoryLog::Entry link = memory_.entry_at(position);
    if (is_good && !link.memory_only) {
      is_good = take_link(link);
      has_links = true;
    }
    position = link.next_position;
  }
  if (is_good && has_links) {
    if (auto written = segment_->write(); !written) fail_for_good(std::move(written.error()));
    if (unsynced_since_ns_ == 0) unsynced_since_ns_ = std::max<std::uint64_t>(1, clock_.monotonic_ns());
    is_marked_ = false;
  }
  if (condition_.has_failed()) {
    const std::lock_guard lock(payloads_mutex_);
    payloads_.clear();
    queued_payload_bytes_ = 0;
  }
  {
    const std::lock_guard lock(mutex_);
    taken_.store(position, std::memory_order_release);
    written_.store(position, std::memory_order_release);
    progressed_.notify_all();
  }
  if (!condition_.has_failed() && unsynced_since_ns_ == 0) acknowledged_.store(position, std::memory_order_release);
  if (!condition_.has_failed()) {
    if (auto begun = next_segment_if_full(); !begun) fail_for_good(std::move(begun.error()));
  }
  return true;
}

void SegmentLog::tell_room() {
  if (!condition_.is_full()) return;
  const bool has_room = published_.load() - taken_.load() < memory_.capacity_bytes() / 4 &&
                        queued_payload_bytes_.load() <= options_.payload_bytes / 4;
  if (!has_room) return;
  condition_.bits.fetch_and(static_cast<std::uint8_t>(~SinkCondition::kFull));
  if (progress_) progress_();
}

/// False when the segment's file could not be made.
bool SegmentLog::take_link(const MemoryLog::Entry& link) {
  if (!segment_) {
    if (auto begun = begin_segment(); !begun) {
      fail_for_good(std::move(begun.error()));
      return false;
    }
  }
  // Without the lock when none wait, as for most links: those of this one were counted before it was published.
  while (queued_payload_bytes_.load(std::memory_order_relaxed) > 0) {
    WaitingPayload waiting;
    {
      const std::lock_guard lock(payloads_mutex_);
      if (payloads_.empty() || payloads_.front().position != link.position) break;
      waiting = std::move(payloads_.front());
      payloads_.pop_front();
    }
    segment_->add_payload(waiting.payload.digest, waiting.payload.content.view());
    queued_payload_bytes_ -= waiting.payload.content.size();
  }
  segment_->add_link({.actor = link.actor,
                      .first_sequence = link.first_sequence,
                      .event_count = link.event_count,
                      .bytes = link.bytes,
                      .hash = link.hash,
                      .has_lifecycle = link.has_lifecycle});
  if (options_.checkpoints != nullptr) {
    SafeHead& head = written_heads_[link.actor];
    head = {.next_sequence = link.first_sequence + link.event_count,
            .head = link.hash,
            .events = head.events + link.event_count};
  }
  return true;
}

Result<void> SegmentLog::begin_segment() {
  auto begun = directory_.begin_segment(options_.shard, clock_.wall_ns());
  if (!begun) return fail(std::move(begun.error()));
  segment_ = std::move(*begun);
  return {};
}

Result<void> SegmentLog::next_segment_if_full() {
  if (!segment_ || segment_->size_bytes() < options_.segment_bytes) return {};
  auto closed = directory_.close_segment(std::move(segment_));
  if (!closed) return closed;
  is_marked_ = true;
  acknowledge_written();
  return {};
}

void SegmentLog::acknowledge_written() {
  if (options_.checkpoints != nullptr) options_.checkpoints->heads_are_safe(written_heads_);
  unsynced_since_ns_ = 0;
  acknowledged_.store(written_.load(), std::memory_order_release);
  const std::lock_guard lock(mutex_);
  progressed_.notify_all();
}

void SegmentLog::sync_if_due(bool now) {
  const std::uint64_t hastened = hastened_.load(std::memory_order_relaxed);
  if (unsynced_since_ns_ != 0 && !condition_.has_failed()) {
    const std::uint64_t age_ns = clock_.monotonic_ns() - unsynced_since_ns_;
    if (now || hastened >= acknowledged_.load(std::memory_order_relaxed) ||
        age_ns >= options_.sync_delay_ms * kNsPerMs) {
      auto synced = segment_->sync();
      if (synced) {
        acknowledge_written();
      } else {
        fail_for_good(std::move(synced.error()));
      }
    }
  }
  // Not only when the last of those that wait is safe: where more is hastened all the time it never is.
  const std::uint64_t safe = acknowledged_.load(std::memory_order_relaxed) - 1;
  if (hastened > told_ && safe > told_) {
    told_ = std::min(hastened, safe);
    if (progress_) progress_();
  }
}

void SegmentLog::fail_for_good(Error error) {
  {
    const std::lock_guard lock(mutex_);
    if (error_) return;
    error_ = std::move(error).with_context("events can no longer be kept in " + directory_.path().string());
    condition_.bits.fetch_or(SinkCondition::kFailed);
    progressed_.notify_all();
  }
  if (progress_) progress_();
}

}  // namespace theater::store
