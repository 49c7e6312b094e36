#pragma once

#include <functional>

namespace theater::server {

/// Where tasks of the server run.
class Work {
 public:
  virtual ~Work() = default;
  /// On the thread that serves connections, later; it must not wait. Any thread.
  virtual void serve(std::function<void()> task) = 0;
  /// On a thread that may wait. False when too much waits already. Any thread.
  virtual bool wait_for(std::function<void()> task) = 0;
};

}  // namespace theater::server
