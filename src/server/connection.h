#pragma once

#include <chrono>
#include <memory>
#include <unordered_set>

#include "base/log.h"
#include "server/access.h"
#include "server/endpoints.h"
#include "server/peer.h"
#include "server/rate_limits.h"
#include "server/server.h"

namespace theater::server {

using Clock = std::chrono::steady_clock;

class TlsIdentity;

/// One client, by whatever protocol. The serving thread only.
class Connection {
 public:
  virtual ~Connection() = default;
  /// Every second: what lasts too long is ended.
  virtual void tick(Clock::time_point now) = 0;
  /// The server stops: end as soon as what runs has been answered.
  virtual void drain() = 0;
  /// End now.
  virtual void drop() = 0;
};

/// What all connections share. The serving thread only, but for what says otherwise.
struct ConnectionContext {
  asio::io_context& io;
  api::Management& management;
  Work& work;
  Endpoints& endpoints;
  const Access& access;
  const ServerBounds& bounds;
  bool legacy_protocol = false;
  ServerCounters& counters;
  Log& log;
  RateLimits rates;
  /// None: TCP is not encrypted.
  TlsIdentity* tls = nullptr;
  std::unordered_set<std::shared_ptr<Connection>> connections;
  bool draining = false;

  void add(std::shared_ptr<Connection> connection) {
    connections.insert(std::move(connection));
    counters.connections_open = static_cast<std::int64_t>(connections.size());
  }
  void remove(const std::shared_ptr<Connection>& connection) {
    connections.erase(connection);
    counters.connections_open = static_cast<std::int64_t>(connections.size());
  }
};

/// How a connection came: what it may without a token.
struct Origin {
  /// By the Unix socket, from a process of this user.
  bool local_user = false;
  /// It may speak the legacy protocol, which knows no tokens.
  bool legacy = false;
};

/// Serves HTTP on it, and what HTTP is upgraded to.
void serve_http(ConnectionContext& context, Peer socket, Origin origin);

/// Serves the legacy management protocol on it; `received` was read already.
void serve_legacy(ConnectionContext& context, Peer socket, ByteView received);

}  // namespace theater::server
