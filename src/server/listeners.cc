#include "server/listeners.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <charconv>
#include <optional>

#include "server/tls_connection.h"

namespace theater::server {
namespace {

using boost::system::error_code;
using Tcp = asio::ip::tcp;
using Local = asio::local::stream_protocol;

/// When there are no descriptors left, or no memory, others must end first.
constexpr std::chrono::milliseconds kAcceptAgain{100};

Error io_error(const std::string& address, const error_code& error) {
  return {ErrorCode::kIo, "cannot listen on " + address + ": " + error.message()};
}

/// Accepts on one socket, of either kind.
template <class Protocol>
class SocketListener : public Listener {
 public:
  explicit SocketListener(ConnectionContext& context) : context_(context), acceptor_(context.io), again_(context.io) {}

  void accept() override {
    peer_.emplace(context_.io);
    acceptor_.async_accept(static_cast<Peer::Base&>(*peer_), [this](error_code error) {
      if (error == asio::error::operation_aborted) return;
      if (error) {
        context_.log.warning("event=accept-failed error=\"" + error.message() + "\"");
        again_.expires_after(kAcceptAgain);
        again_.async_wait([this](error_code cancelled) {
          if (!cancelled) accept();
        });
        return;
      }
      admit();
      accept();
    });
  }
  void close() override {
    error_code ignored;
    again_.cancel();
    acceptor_.close(ignored);
  }

 protected:
  virtual std::optional<Origin> origin_of(Peer& peer) = 0;
  virtual void serve(Peer peer, Origin origin) { serve_http(context_, std::move(peer), origin); }

  ConnectionContext& context_;
  asio::basic_socket_acceptor<Protocol, asio::io_context::executor_type> acceptor_;

 private:
  void admit() {
    ++context_.counters.connections;
    if (context_.connections.size() >= context_.bounds.connections) {
      ++context_.counters.connections_refused;
      return peer_->drop();
    }
    const auto origin = origin_of(*peer_);
    if (!origin) return peer_->drop();
    serve(std::move(*peer_), *origin);
  }

  asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, asio::io_context::executor_type> again_;
  std::optional<Peer> peer_;
};

class TcpListener final : public SocketListener<Tcp> {
 public:
  using SocketListener::SocketListener;

  Result<void> listen(const std::string& address, const Tcp::endpoint& endpoint) {
    error_code error;
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(Tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) return fail(io_error(address, error));
    const Tcp::endpoint bound = acceptor_.local_endpoint();
    const std::string host = bound.address().to_string();
    address_ = (bound.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(bound.port());
    is_loopback_ = bound.address().is_loopback();
    return {};
  }
  std::string address() const override { return address_; }

 private:
  std::optional<Origin> origin_of(Peer& peer) override {
    const int on = 1;
    (void)setsockopt(peer.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return Origin{.local_user = false, .legacy = context_.legacy_protocol && is_loopback_};
  }
  void serve(Peer peer, Origin origin) override {
    if (context_.tls == nullptr) return SocketListener::serve(std::move(peer), origin);
    context_.tls->serve(context_, std::move(peer), origin, is_loopback_);
  }

  std::string address_;
  bool is_loopback_ = false;
};

class UnixListener final : public SocketListener<Local> {
 public:
  UnixListener(ConnectionContext& context, std::filesystem::path path)
      : SocketListener(context), path_(std::move(path)) {}
  ~UnixListener() override {
    if (lock_ < 0) return;
    unlink(path_.c_str());
    ::close(lock_);
  }

  Result<void> listen() {
    if (auto locked = lock(); !locked) return locked;
    // The lock is ours, so whoever made what lies there is gone.
    unlink(path_.c_str());
    error_code error;
    acceptor_.open(Local(), error);
    if (!error) acceptor_.bind(Local::endpoint(path_.string()), error);
    // Nobody can come before listen().
    if (!error && chmod(path_.c_str(), 0600) != 0) error = error_code(errno, boost::system::system_category());
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) return fail(io_error(address(), error));
    return {};
  }
  std::string address() const override { return "unix:" + path_.string(); }

 private:
  Result<void> lock() {
    if (path_.string().size() >= sizeof(sockaddr_un{}.sun_path)) {
      return fail(ErrorCode::kInvalidArgument, "the socket's path " + path_.string() +
                                                   " is too long for the system: " + "choose a shorter one (--socket)");
    }
    std::error_code ignored;
    std::filesystem::create_directories(path_.parent_path(), ignored);
    const std::string file = path_.string() + ".lock";
    const int lock = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock < 0) return fail(io_error(file, error_code(errno, boost::system::system_category())));
    if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
      ::close(lock);
      return fail(ErrorCode::kAlreadyExists, "another server listens on " + address() +
                                                 ": stop it, or choose another "
                                                 "socket (--socket)");
    }
    lock_ = lock;
    return {};
  }

  /// Only processes of this user, and root's.
  std::optional<Origin> origin_of(Peer& peer) override {
    ucred credentials{};
    socklen_t size = sizeof(credentials);
    if (getsockopt(peer.native_handle(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return std::nullopt;
    if (credentials.uid != geteuid() && credentials.uid != 0) {
      context_.log.warning("event=peer-refused uid=" + std::to_string(credentials.uid));
      return std::nullopt;
    }
    return Origin{.local_user = true, .legacy = false};
  }

  const std::filesystem::path path_;
  int lock_ = -1;
};

/// "IP:port".
Result<Tcp::endpoint> parse_endpoint(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon == std::string::npos ? 0 : colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host == "localhost") host = "127.0.0.1";
  std::uint16_t port = 0;
  const char* end = address.data() + address.size();
  const auto [stop, wrong] = std::from_chars(address.data() + (colon == std::string::npos ? 0 : colon + 1), end, port);
  error_code error;
  const auto ip = asio::ip::make_address(host, error);
  if (colon == std::string::npos || wrong != std::errc() || stop != end || error) {
    return fail(ErrorCode::kInvalidArgument, "\"" + address + "\" is no address: give IP:PORT, such as 127.0.0.1:9000");
  }
  return Tcp::endpoint(ip, port);
}

}  // namespace

Result<std::unique_ptr<Listener>> listen_unix(ConnectionContext& context, const std::filesystem::path& path) {
  auto listener = std::make_unique<UnixListener>(context, path);
  if (auto listening = listener->listen(); !listening) return fail(std::move(listening.error()));
  return listener;
}

Result<std::unique_ptr<Listener>> listen_tcp(ConnectionContext& context, const std::string& address) {
  const auto endpoint = parse_endpoint(address);
  if (!endpoint) return fail(endpoint.error());
  if (!endpoint->address().is_loopback() && context.tls == nullptr) {
    return fail(
        ErrorCode::kNotPermitted,
        address +
            " can be reached from other machines, and this server has no TLS: give it a certificate "
            "(--tls-cert, --tls-key), or listen on 127.0.0.1 and put a proxy with TLS, or an SSH tunnel, before it");
  }
  auto listener = std::make_unique<TcpListener>(context);
  if (auto listening = listener->listen(address, *endpoint); !listening) return fail(std::move(listening.error()));
  return listener;
}

}  // namespace theater::server
