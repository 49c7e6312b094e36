#include "store/checkpoint_keeper.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace theater::store {

CheckpointKeeper::CheckpointKeeper(std::unique_ptr<CheckpointWriter> writer, const Clock& clock,
                                   std::function<void(const Error&)> failed)
    : clock_(clock), failed_(std::move(failed)), writer_(std::move(writer)), thread_([this] {
        pthread_setname_np(pthread_self(), "checkpoints");
        run();
      }) {}

CheckpointKeeper::~CheckpointKeeper() { stop(); }

void CheckpointKeeper::heads_are_safe(SafeHeads& heads) {
  if (heads.empty()) return;
  if (!has_failed_) {
    const std::lock_guard lock(mutex_);
    const bool is_first = told_.empty();
    for (const auto& [actor, head] : heads) {
      SafeHead& told = told_[actor];
      told = {.next_sequence = head.next_sequence, .head = head.head, .events = told.events + head.events};
    }
    if (is_first) wakeup_.notify_one();
  }
  heads.clear();
}

void CheckpointKeeper::stop() {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(is_stopping_, true)) return;
    wakeup_.notify_one();
  }
  thread_.join();
}

void CheckpointKeeper::take_told() {
  SafeHeads told;
  {
    const std::lock_guard lock(mutex_);
    told.swap(told_);
  }
  for (const auto& [actor, head] : told) {
    writer_->head_is_safe(actor, head.next_sequence, head.head, head.events);
  }
}

void CheckpointKeeper::run() {
  // Whether 10,000 events have come is looked at this often.
  constexpr std::chrono::milliseconds kLook{limits::kCheckpointSpacingMs / 2};
  Result<void> written;
  while (written) {
    {
      std::unique_lock lock(mutex_);
      const auto woken = [&] { return !told_.empty() || is_stopping_; };
      // With nothing new there is nothing to sign, however long it takes.
      if (!writer_->due_ms()) wakeup_.wait(lock, woken);
      if (is_stopping_) break;
    }
    take_told();
    const std::uint64_t now_ms = clock_.monotonic_ns() / kNsPerMs;
    const auto due_ms = writer_->due_ms();
    if (due_ms && *due_ms <= now_ms) {
      written = writer_->write(now_ms);
      continue;
    }
    std::unique_lock lock(mutex_);
    wakeup_.wait_for(lock, kLook, [&] { return is_stopping_; });
  }
  if (written) {
    take_told();
    written = writer_->close(clock_.monotonic_ns() / kNsPerMs);
  }
  if (written) return;
  has_failed_ = true;
  if (failed_) failed_(written.error());
}

}  // namespace theater::store
