#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "server/connection.h"
#include "server/server.h"

namespace theater::server {

/// A place where clients come in. The serving thread only, after listen().
class Listener {
 public:
  virtual ~Listener() = default;
  /// As clients name it.
  virtual std::string address() const = 0;
  virtual void accept() = 0;
  virtual void close() = 0;
};

/// A Unix socket that only this user may use. kAlreadyExists when another process listens there; what a process that is
/// gone left there is replaced.
Result<std::unique_ptr<Listener>> listen_unix(ConnectionContext& context, const std::filesystem::path& path);
/// An address "IP:port". kNotPermitted for one beyond loopback when the context has no certificate.
Result<std::unique_ptr<Listener>> listen_tcp(ConnectionContext& context, const std::string& address);

}  // namespace theater::server
