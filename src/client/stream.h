#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "theater/client.h"

namespace theater::client {

class TlsSession;

/// A connected socket that waits, with TLS where the address says so. One thread at a time.
class Stream {
 public:
  /// kUnavailable when nobody listens there; kNotPermitted when its certificate is not to be trusted.
  static Result<std::unique_ptr<Stream>> connect(const ServerAddress& address);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  Result<void> write(std::string_view data);
  /// What is there next; empty at the end. kTimeout.
  Result<std::string> read(std::chrono::milliseconds timeout);
  /// Something can be read, be it the end.
  bool has_news();
  int descriptor() const { return fd_; }

 private:
  explicit Stream(int fd);
  Result<void> begin_tls(const std::string& host);
  Result<void> write_raw(std::string_view data);
  Result<std::string> read_raw(std::chrono::milliseconds timeout);
  bool can_read() const;
  /// Sends what TLS has to say.
  Result<void> flush();
  /// What TLS has decrypted so far; empty: nothing.
  Result<std::string> take_decrypted();

  const int fd_;
  /// None: not encrypted.
  std::unique_ptr<TlsSession> tls_;
};

}  // namespace theater::client
