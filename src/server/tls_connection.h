#pragma once

#include <filesystem>
#include <memory>

#include "server/connection.h"
#include "theater/error.h"

namespace theater::server {

/// A certificate with its key, by which connections are encrypted. The serving thread only.
class TlsIdentity {
 public:
  virtual ~TlsIdentity() = default;
  /// Serves a connection whose client speaks TLS; or, where `plain_too`, also one that does not.
  virtual void serve(ConnectionContext& context, Peer socket, Origin origin, bool plain_too) = 0;
};

/// Reads a chain of certificates and the first one's key, both PEM. kInvalidArgument names what is wrong with them.
Result<std::unique_ptr<TlsIdentity>> read_tls_identity(const std::filesystem::path& certificate,
                                                       const std::filesystem::path& key);

}  // namespace theater::server
