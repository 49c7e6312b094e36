#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace theater::runtime {

/// One thread for what may take long and must not hold up a shard: reading files, compiling components.
class Workshop {
 public:
  Workshop();
  ~Workshop() { stop(); }
  Workshop(const Workshop&) = delete;
  Workshop& operator=(const Workshop&) = delete;

  /// Any thread. False, and nothing happens, when limits::kPreparationsWaiting wait already, or after stop().
  bool add(std::function<void()> task);
  /// What waits is dropped; what runs is waited for. Not from a task.
  void stop();

 private:
  void work();

  std::mutex mutex_;
  std::condition_variable wakeup_;
  std::deque<std::function<void()>> tasks_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace theater::runtime
