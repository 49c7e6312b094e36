#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "api/management.h"
#include "base/log.h"
#include "theater/error.h"

namespace theater::server {

/// Bounds of what clients may take.
struct ServerBounds {
  std::size_t connections = 10'000;
  std::size_t header_bytes = 32u << 10;
  std::size_t body_bytes = 64u << 20;
  /// From the first byte of a request (or the connection's begin) to the end of its header.
  std::chrono::milliseconds header_time{10'000};
  /// For a whole body, and for a response or a piece of a stream to be taken.
  std::chrono::milliseconds body_time{60'000};
  std::chrono::milliseconds write_time{30'000};
  /// A kept connection without a request.
  std::chrono::milliseconds idle_time{120'000};
  /// Requests that run when the server is told to stop.
  std::chrono::milliseconds stop_time{10'000};
  /// Requests that wait for a thread that may wait, and those threads.
  std::size_t waiting_requests = 1'000;
  unsigned waiting_threads = 4;
};

struct ServerOptions {
  /// A Unix socket, closed to other users; empty: none.
  std::filesystem::path socket;
  /// "127.0.0.1:9000", "[::1]:0". Beyond loopback only with a certificate.
  std::vector<std::string> listen;
  /// Who may come by TCP; made when it is not there.
  std::filesystem::path tokens;
  /// Names in Host headers beside those of loopback.
  std::vector<std::string> host_names;
  /// A chain of certificates and the first one's key, PEM: TCP is encrypted then, on loopback for those who want it.
  /// Both or none.
  std::filesystem::path tls_certificate;
  std::filesystem::path tls_key;
  /// Also the legacy management protocol on the loopback addresses, without tokens: whoever may use this machine may do
  /// everything then.
  bool legacy_protocol = false;
  ServerBounds bounds;
};

/// Serves a runtime's management to programs outside, by HTTP and WebSocket. One thread serves all connections; what
/// must wait for shards does so on others.
class Server {
 public:
  /// Listens, and serves from then on. kAlreadyExists when another server is there, kNotPermitted for an address beyond
  /// loopback without a certificate, kInvalidArgument, kIo. Management and log must outlive the server.
  static Result<std::unique_ptr<Server>> start(ServerOptions options, api::Management& management, Log& log);
  /// The runtime must have been shut down (not destroyed) before, since its answers may still come here.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Where it listens, as clients name it: "unix:/…", "127.0.0.1:9000".
  std::vector<std::string> addresses() const;
  /// Takes no new connections and requests, lets those that run end within bounds.stop_time, closes all. Once.
  void stop();

 private:
  class Core;
  explicit Server(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

}  // namespace theater::server
