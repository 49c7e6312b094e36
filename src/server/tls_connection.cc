#include "server/tls_connection.h"

#include <sys/socket.h>

#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <optional>

namespace theater::server {
namespace {

namespace ssl = asio::ssl;
using boost::system::error_code;

constexpr std::size_t kTlsPieceBytes = 16u << 10;
/// What a client that speaks TLS sends first: a handshake record.
constexpr std::uint8_t kHandshakeRecord = 22;
/// How long a client may take to agree to the end.
constexpr std::chrono::seconds kTlsCloseTime{2};

/// A client that speaks TLS. What it says is decrypted into a pair of sockets, at whose other end stands the connection
/// that serves it: so HTTP and WebSocket know nothing of TLS, and a side that does not read holds the other back. The
/// serving thread only.
class TlsConnection final : public Connection, public std::enable_shared_from_this<TlsConnection> {
 public:
  TlsConnection(ConnectionContext& context, ssl::context& tls, Peer socket, Origin origin, bool plain_too)
      : context_(context),
        stream_(std::move(socket), tls),
        inner_(context.io),
        origin_(origin),
        plain_too_(plain_too) {}

  void start() {
    context_.add(shared_from_this());
    deadline_ = Clock::now() + context_.bounds.header_time;
    outer().async_wait(Peer::wait_read, [self = shared_from_this()](error_code error) {
      if (error || self->finished_) return self->drop();
      self->tell_apart();
    });
  }

  void tick(Clock::time_point now) override {
    if (deadline_ && now > *deadline_) drop();
  }
  /// What it carries ends, and it with that.
  void drain() override {
    if (!joined_) drop();
  }
  void drop() override {
    outer().drop();
    inner_.drop();
    finish();
  }

 private:
  Peer& outer() { return stream_.next_layer(); }

  void finish() {
    if (std::exchange(finished_, true)) return;
    asio::post(context_.io, [self = shared_from_this()] { self->context_.remove(self); });
  }

  void tell_apart() {
    std::uint8_t first = 0;
    if (recv(outer().native_handle(), &first, 1, MSG_PEEK | MSG_DONTWAIT) != 1) return drop();
    if (first != kHandshakeRecord) {
      if (!plain_too_) return drop();
      serve_http(context_, std::move(outer()), origin_);
      return finish();
    }
    stream_.async_handshake(ssl::stream_base::server, [self = shared_from_this()](error_code error) {
      if (error || self->finished_) return self->drop();
      self->join();
    });
  }

  void join() {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) return drop();
    const Peer::protocol_type protocol(AF_UNIX, 0);
    Peer served(context_.io);
    error_code error;
    inner_.assign(protocol, ends[0], error);
    if (!error) served.assign(protocol, ends[1], error);
    if (error) return drop();
    joined_ = true;
    deadline_.reset();
    // The older protocol knows neither TLS nor tokens.
    serve_http(context_, std::move(served), {.local_user = false, .legacy = false});
    read_outer();
    read_inner();
  }

  // From the client. The connection that serves it has its own bounds for what it does not say.
  void read_outer() {
    stream_.async_read_some(asio::buffer(received_), [self = shared_from_this()](error_code error, std::size_t size) {
      if (self->finished_) return;
      if (error) {
        error_code ignored;
        self->inner_.shutdown(Peer::shutdown_send, ignored);
        return;
      }
      asio::async_write(self->inner_, asio::buffer(self->received_.data(), size),
                        [self](error_code failed, std::size_t) {
                          if (!failed && !self->finished_) self->read_outer();
                        });
    });
  }

  // To the client.
  void read_inner() {
    inner_.async_read_some(asio::buffer(sending_), [self = shared_from_this()](error_code error, std::size_t size) {
      if (self->finished_) return;
      if (error) return self->close();
      self->deadline_ = Clock::now() + self->context_.bounds.write_time;
      asio::async_write(self->stream_, asio::buffer(self->sending_.data(), size),
                        [self](error_code failed, std::size_t) {
                          self->deadline_.reset();
                          if (failed || self->finished_) return self->drop();
                          self->read_inner();
                        });
    });
  }

  void close() {
    deadline_ = Clock::now() + kTlsCloseTime;
    stream_.async_shutdown([self = shared_from_this()](error_code) { self->drop(); });
  }

  ConnectionContext& context_;
  ssl::stream<Peer> stream_;
  Peer inner_;
  const Origin origin_;
  const bool plain_too_;
  /// Of what is under way and must end.
  std::optional<Clock::time_point> deadline_;
  bool joined_ = false;
  bool finished_ = false;
  std::array<std::uint8_t, kTlsPieceBytes> received_;
  std::array<std::uint8_t, kTlsPieceBytes> sending_;
};

class PemIdentity final : public TlsIdentity {
 public:
  Result<void> read(const std::filesystem::path& certificate, const std::filesystem::path& key) {
    error_code error;
    tls_.set_options(ssl::context::default_workarounds | ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1, error);
    if (!error) tls_.use_certificate_chain_file(certificate.string(), error);
    if (error)
      return fail(ErrorCode::kInvalidArgument,
                  "cannot use the certificate " + certificate.string() + ": " + error.message());
    tls_.use_private_key_file(key.string(), ssl::context::pem, error);
    if (error) {
      return fail(ErrorCode::kInvalidArgument, "cannot use the key " + key.string() + " with the certificate " +
                                                   certificate.string() + ": " + error.message());
    }
    return {};
  }

  void serve(ConnectionContext& context, Peer socket, Origin origin, bool plain_too) override {
    std::make_shared<TlsConnection>(context, tls_, std::move(socket), origin, plain_too)->start();
  }

 private:
  ssl::context tls_{ssl::context::tls_server};
};

}  // namespace

Result<std::unique_ptr<TlsIdentity>> read_tls_identity(const std::filesystem::path& certificate,
                                                       const std::filesystem::path& key) {
  auto identity = std::make_unique<PemIdentity>();
  if (auto read = identity->read(certificate, key); !read) return fail(std::move(read.error()));
  return identity;
}

}  // namespace theater::server
