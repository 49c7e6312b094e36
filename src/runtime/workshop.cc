#include "runtime/workshop.h"

#include "base/limits.h"

namespace theater::runtime {

Workshop::Workshop() : thread_([this] { work(); }) {}

void Workshop::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    tasks_.clear();
  }
  wakeup_.notify_one();
  if (thread_.joinable()) thread_.join();
}

bool Workshop::add(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || tasks_.size() >= limits::kPreparationsWaiting) return false;
    tasks_.push_back(std::move(task));
  }
  wakeup_.notify_one();
  return true;
}

void Workshop::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wakeup_.wait(lock, [&] { return stopping_ || !tasks_.empty(); });
    if (stopping_) return;
    const std::function<void()> task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
    lock.lock();
  }
}

}  // namespace theater::runtime
