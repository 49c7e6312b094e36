#include "cli/bare_server.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <memory>

namespace theater::cli {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Local = asio::local::stream_protocol;
using boost::system::error_code;

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Local::socket socket, std::size_t body_bytes) : socket_(std::move(socket)), body_bytes_(body_bytes) {}

  void read() {
    request_ = {};
    http::async_read(socket_, buffer_, request_, [self = shared_from_this()](error_code error, std::size_t) {
      if (!error) self->answer();
    });
  }

 private:
  void answer() {
    response_ = {http::status::ok, request_.version()};
    response_.set(http::field::content_type, "application/octet-stream");
    response_.keep_alive(request_.keep_alive());
    response_.body().assign(body_bytes_, 'x');
    response_.prepare_payload();
    http::async_write(socket_, response_, [self = shared_from_this()](error_code error, std::size_t) {
      if (!error) self->read();
    });
  }

  Local::socket socket_;
  const std::size_t body_bytes_;
  beast::flat_buffer buffer_;
  http::request<http::string_body> request_;
  http::response<http::string_body> response_;
};

class BareServer {
 public:
  BareServer(const std::string& socket, std::size_t body_bytes)
      : acceptor_(io_, Local::endpoint(socket)), body_bytes_(body_bytes) {}

  void run() {
    accept();
    io_.run();
  }

 private:
  void accept() {
    acceptor_.async_accept([this](error_code error, Local::socket socket) {
      if (!error) std::make_shared<Session>(std::move(socket), body_bytes_)->read();
      accept();
    });
  }

  asio::io_context io_{1};
  Local::acceptor acceptor_;
  const std::size_t body_bytes_;
};

}  // namespace

Result<void> serve_bare(const std::string& socket, std::size_t body_bytes) {
  try {
    BareServer(socket, body_bytes).run();
  } catch (const std::exception& error) {
    return fail(ErrorCode::kIo, "cannot listen on " + socket + ": " + error.what());
  }
  return {};
}

}  // namespace theater::cli
