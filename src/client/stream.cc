#include "client/stream.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace theater::client {
namespace {

constexpr std::size_t kReadBytes = 64u << 10;

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

}  // namespace

Result<std::unique_ptr<Stream>> Stream::connect(const ServerAddress& address) {
  const auto fd = address.socket.empty() ? connect_tcp(address) : connect_unix(address);
  if (!fd) return fail(fd.error());
  return std::unique_ptr<Stream>(new Stream(*fd));
}

Stream::~Stream() { close(fd_); }

Result<void> Stream::write(std::string_view data) {
  while (!data.empty()) {
    const ssize_t size = send(fd_, data.data(), data.size(), MSG_NOSIGNAL);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return fail(lost(errno));
    data.remove_prefix(static_cast<std::size_t>(size));
  }
  return {};
}

bool Stream::has_news() const {
  pollfd look{.fd = fd_, .events = POLLIN, .revents = 0};
  return poll(&look, 1, 0) != 0;
}

Result<std::string> Stream::read(std::chrono::milliseconds timeout) {
  pollfd look{.fd = fd_, .events = POLLIN, .revents = 0};
  const int ready = poll(&look, 1, static_cast<int>(timeout.count()));
  // An interrupt lets the caller look whether it is to end.
  if (ready == 0 || (ready < 0 && errno == EINTR))
    return fail(ErrorCode::kTimeout, "the server did not answer in time");
  if (ready < 0) return fail(lost(errno));
  std::string data(kReadBytes, '\0');
  const ssize_t size = recv(fd_, data.data(), data.size(), 0);
  if (size < 0) return fail(lost(errno));
  data.resize(static_cast<std::size_t>(size));
  return data;
}

}  // namespace theater::client
