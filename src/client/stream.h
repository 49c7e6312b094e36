#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "theater/client.h"

namespace theater::client {

/// A connected socket that waits. One thread at a time.
class Stream {
 public:
  /// kUnavailable when nobody listens there.
  static Result<std::unique_ptr<Stream>> connect(const ServerAddress& address);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  Result<void> write(std::string_view data);
  /// What is there next; empty at the end. kTimeout.
  Result<std::string> read(std::chrono::milliseconds timeout);
  /// Something can be read, be it the end.
  bool has_news() const;
  int descriptor() const { return fd_; }

 private:
  explicit Stream(int fd) : fd_(fd) {}
  const int fd_;
};

}  // namespace theater::client
