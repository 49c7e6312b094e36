#pragma once

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/beast/core/role.hpp>

namespace theater::server {

namespace asio = boost::asio;
namespace beast = boost::beast;

/// A connection's socket, TCP or Unix: one type, so that what is made from it is compiled once. A type of our own, so
/// that Beast finds how to end it below.
class Peer : public asio::basic_stream_socket<asio::generic::stream_protocol, asio::io_context::executor_type> {
 public:
  using Base = asio::basic_stream_socket<asio::generic::stream_protocol, asio::io_context::executor_type>;
  using Base::Base;

  /// Closes, whatever comes of it.
  void drop() {
    boost::system::error_code ignored;
    Base::shutdown(Base::shutdown_both, ignored);
    Base::close(ignored);
  }
};

/// Found by Beast when a WebSocket has been closed on both sides.
inline void teardown(beast::role_type, Peer& peer, boost::system::error_code& error) {
  error = {};
  peer.drop();
}

template <class Handler>
void async_teardown(beast::role_type, Peer& peer, Handler&& handler) {
  peer.drop();
  asio::post(peer.get_executor(),
             [handler = std::forward<Handler>(handler)]() mutable { handler(boost::system::error_code()); });
}

}  // namespace theater::server
