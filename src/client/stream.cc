#include "client/stream.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace theater::client {
namespace {

constexpr std::size_t kReadBytes = 64u << 10;
constexpr std::chrono::milliseconds kHandshakeTime{10'000};

Error not_there(const ServerAddress& address, int code) {
  return {ErrorCode::kUnavailable, "no server listens on " + address.text() + " (" + std::strerror(code) +
                                       "): start one with \"theater server\", or name another with --address"};
}

Result<int> connect_unix(const ServerAddress& address) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (address.socket.size() >= sizeof(name.sun_path)) {
    return fail(ErrorCode::kInvalidArgument, "the socket's path " + address.socket + " is too long for the system");
  }
  std::memcpy(name.sun_path, address.socket.data(), address.socket.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, reinterpret_cast<const sockaddr*>(&name), sizeof(name)) != 0) {
    const int code = errno;
    if (fd >= 0) close(fd);
    return fail(not_there(address, code));
  }
  return fd;
}

Result<int> connect_tcp(const ServerAddress& address) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int code = getaddrinfo(address.host.c_str(), address.port.c_str(), &hints, &found); code != 0) {
    return fail(ErrorCode::kInvalidArgument, address.text() + ": " + gai_strerror(code));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, freeaddrinfo);
  int code = ECONNREFUSED;
  for (const addrinfo* next = found; next != nullptr; next = next->ai_next) {
    const int fd = socket(next->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, next->ai_addr, next->ai_addrlen) == 0) {
      const int on = 1;
      (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      return fd;
    }
    code = errno;
    if (fd >= 0) close(fd);
  }
  return fail(not_there(address, code));
}

Error lost(int code) {
  return {ErrorCode::kUnavailable, std::string("the connection to the server was lost: ") + std::strerror(code)};
}

bool is_ip(const std::string& host) {
  std::array<std::uint8_t, sizeof(in6_addr)> address;
  return inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
         inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
}

std::string last_tls_error() {
  std::array<char, 256> text;
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  return text.data();
}

}  // namespace

/// Encrypts and decrypts in memory, so that the socket is read and written as without TLS: no signal when the other
/// side is gone, and waiting for so long at most.
class TlsSession {
 public:
  static Result<std::unique_ptr<TlsSession>> make(const std::string& host) {
    auto session = std::make_unique<TlsSession>();
    session->settings_.reset(SSL_CTX_new(TLS_client_method()));
    if (!session->settings_ || SSL_CTX_set_default_verify_paths(session->settings_.get()) != 1 ||
        SSL_CTX_set_min_proto_version(session->settings_.get(), TLS1_2_VERSION) != 1) {
      return fail(ErrorCode::kInternal, "TLS cannot be set up: " + last_tls_error());
    }
    SSL_CTX_set_verify(session->settings_.get(), SSL_VERIFY_PEER, nullptr);
    session->ssl_.reset(SSL_new(session->settings_.get()));
    if (!session->ssl_) return fail(ErrorCode::kInternal, "TLS cannot be set up: " + last_tls_error());
    SSL* ssl = session->ssl_.get();
    const bool named = is_ip(host) ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1
                                   : SSL_set1_host(ssl, host.c_str()) == 1 && set_server_name(ssl, host);
    session->received_ = BIO_new(BIO_s_mem());
    session->sending_ = BIO_new(BIO_s_mem());
    // From here on they belong to it.
    SSL_set_bio(ssl, session->received_, session->sending_);
    if (!named) return fail(ErrorCode::kInvalidArgument, host + " cannot be the name in a certificate");
    SSL_set_connect_state(ssl);
    return session;
  }

  SSL* ssl() const { return ssl_.get(); }
  void put_received(std::string_view data) { BIO_write(received_, data.data(), static_cast<int>(data.size())); }
  std::string take_sending() {
    std::string data(BIO_ctrl_pending(sending_), '\0');
    if (!data.empty()) BIO_read(sending_, data.data(), static_cast<int>(data.size()));
    return data;
  }

 private:
  static bool set_server_name(SSL* ssl, const std::string& host) {
    return SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, const_cast<char*>(host.c_str())) == 1;
  }

  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> settings_{nullptr, SSL_CTX_free};
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_{nullptr, SSL_free};
  BIO* received_ = nullptr;
  BIO* sending_ = nullptr;
};

Stream::Stream(int fd) : fd_(fd) {}

Result<std::unique_ptr<Stream>> Stream::connect(const ServerAddress& address) {
  const auto fd = address.socket.empty() ? connect_tcp(address) : connect_unix(address);
  if (!fd) return fail(fd.error());
  std::unique_ptr<Stream> stream(new Stream(*fd));
  if (!address.tls) return stream;
  if (auto begun = stream->begin_tls(address.host); !begun) {
    return fail(std::move(begun.error()).with_context("no encrypted connection to " + address.text()));
  }
  return stream;
}

Stream::~Stream() {
  if (tls_) {
    // So that the other side knows that nothing was cut off; whether it hears it does not matter any more.
    SSL_shutdown(tls_->ssl());
    (void)flush();
  }
  close(fd_);
}

Result<void> Stream::begin_tls(const std::string& host) {
  auto made = TlsSession::make(host);
  if (!made) return fail(std::move(made.error()));
  tls_ = std::move(*made);
  while (true) {
    ERR_clear_error();
    const int done = SSL_do_handshake(tls_->ssl());
    const int why = SSL_get_error(tls_->ssl(), done);
    if (auto flushed = flush(); !flushed) return flushed;
    if (done == 1) return {};
    if (const long verified = SSL_get_verify_result(tls_->ssl()); verified != X509_V_OK) {
      return fail(ErrorCode::kNotPermitted, std::string("the server's certificate is not to be trusted: ") +
                                                X509_verify_cert_error_string(verified) +
                                                "; if it is your own, name it in SSL_CERT_FILE");
    }
    if (why != SSL_ERROR_WANT_READ) return fail(ErrorCode::kUnavailable, "is TLS spoken there? " + last_tls_error());
    auto data = read_raw(kHandshakeTime);
    if (!data) return fail(std::move(data.error()));
    if (data->empty()) return fail(ErrorCode::kUnavailable, "the server ended the connection");
    tls_->put_received(*data);
  }
}

Result<void> Stream::flush() { return write_raw(tls_->take_sending()); }

Result<void> Stream::write(std::string_view data) {
  if (!tls_) return write_raw(data);
  while (!data.empty()) {
    const std::string_view piece = data.substr(0, kReadBytes);
    ERR_clear_error();
    if (SSL_write(tls_->ssl(), piece.data(), static_cast<int>(piece.size())) <= 0) {
      return fail(ErrorCode::kUnavailable, "the connection to the server was lost: " + last_tls_error());
    }
    if (auto flushed = flush(); !flushed) return flushed;
    data.remove_prefix(piece.size());
  }
  return {};
}

Result<std::string> Stream::take_decrypted() {
  std::string data(kReadBytes, '\0');
  ERR_clear_error();
  const int size = SSL_read(tls_->ssl(), data.data(), static_cast<int>(data.size()));
  const int why = SSL_get_error(tls_->ssl(), size);
  if (auto flushed = flush(); !flushed) return fail(std::move(flushed.error()));
  if (size <= 0 && why != SSL_ERROR_WANT_READ && why != SSL_ERROR_ZERO_RETURN) {
    return fail(ErrorCode::kUnavailable, "the connection to the server was lost: " + last_tls_error());
  }
  data.resize(static_cast<std::size_t>(std::max(size, 0)));
  return data;
}

Result<std::string> Stream::read(std::chrono::milliseconds timeout) {
  if (!tls_) return read_raw(timeout);
  while (true) {
    auto data = take_decrypted();
    if (!data || !data->empty() || (SSL_get_shutdown(tls_->ssl()) & SSL_RECEIVED_SHUTDOWN) != 0) return data;
    auto received = read_raw(timeout);
    if (!received) return received;
    // An end without a word of it.
    if (received->empty()) return received;
    tls_->put_received(*received);
  }
}

bool Stream::has_news() {
  if (!tls_) return can_read();
  if (SSL_pending(tls_->ssl()) > 0) return true;
  while (can_read()) {
    // Perhaps TLS's own, which is none.
    const auto received = read_raw(std::chrono::milliseconds(0));
    if (!received || received->empty()) return true;
    tls_->put_received(*received);
    char next = 0;
    ERR_clear_error();
    const int size = SSL_peek(tls_->ssl(), &next, 1);
    if (size > 0 || SSL_get_error(tls_->ssl(), size) != SSL_ERROR_WANT_READ) return true;
  }
  return false;
}

Result<void> Stream::write_raw(std::string_view data) {
  while (!data.empty()) {
    const ssize_t size = send(fd_, data.data(), data.size(), MSG_NOSIGNAL);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return fail(lost(errno));
    data.remove_prefix(static_cast<std::size_t>(size));
  }
  return {};
}

bool Stream::can_read() const {
  pollfd look{.fd = fd_, .events = POLLIN, .revents = 0};
  return poll(&look, 1, 0) != 0;
}

Result<std::string> Stream::read_raw(std::chrono::milliseconds timeout) {
  pollfd look{.fd = fd_, .events = POLLIN, .revents = 0};
  const int ready = poll(&look, 1, static_cast<int>(timeout.count()));
  // An interrupt lets the caller look whether it is to end.
  if (ready == 0 || (ready < 0 && errno == EINTR))
    return fail(ErrorCode::kTimeout, "the server did not answer in time");
  if (ready < 0) return fail(lost(errno));
  std::string data;
  ssize_t size = 0;
  data.resize_and_overwrite(kReadBytes, [&](char* into, std::size_t room) {
    size = recv(fd_, into, room, 0);
    return static_cast<std::size_t>(std::max<ssize_t>(size, 0));
  });
  if (size < 0) return fail(lost(errno));
  return data;
}

}  // namespace theater::client
