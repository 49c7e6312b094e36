#include <poll.h>

#include <array>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/vector_body.hpp>
#include <boost/beast/websocket/rfc6455.hpp>

#include "server/body_file.h"
#include "server/connection.h"
#include "server/legacy_frames.h"
#include "server/live.h"
#include "server/problem.h"
#include "server/websocket_connection.h"

namespace theater::server {
namespace {

namespace http = beast::http;
using boost::system::error_code;

/// A stream without events says that it lives, so that a client that is gone is found out.
constexpr std::chrono::seconds kAliveTime{15};
/// How long a client that was answered before it had said all may go on.
constexpr std::chrono::seconds kLingerTime{2};
constexpr std::size_t kLingerBytes = 1u << 20;

std::string_view reason_phrase(unsigned status) {
  const beast::string_view reason = http::obsolete_reason(static_cast<http::status>(status));
  return {reason.data(), reason.size()};
}

std::string text_of(beast::string_view view) { return {view.data(), view.size()}; }

/// One HTTP connection: reads a request, has it handled, writes the response, reads the next. The serving thread only.
class HttpConnection final : public Connection, public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(ConnectionContext& context, Peer socket, Origin origin)
      : context_(context), socket_(std::move(socket)), origin_(origin) {}

  void start() {
    context_.add(shared_from_this());
    deadline_ = Clock::now() + context_.bounds.header_time;
    read_request();
  }

  void tick(Clock::time_point now) override {
    if (phase_ == Phase::kStreaming && !writing_ && now > alive_) return send_alive();
    if (phase_ == Phase::kHandling && client_is_gone()) return drop();
    const bool bounded = phase_ != Phase::kHandling && (phase_ != Phase::kStreaming || writing_);
    if (!bounded || now < deadline_) return;
    if (phase_ == Phase::kStreaming) ++context_.counters.cut;
    drop();
  }

  void drain() override {
    keep_alive_ = false;
    if (phase_ == Phase::kIdle || phase_ == Phase::kStreaming || client_is_gone()) drop();
  }

  void drop() override {
    socket_.drop();
    finish();
  }

 private:
  enum class Phase { kIdle, kReading, kHandling, kWriting, kStreaming, kLingering };

  /// It closed its end altogether: nobody waits for the answer.
  bool client_is_gone() {
    pollfd look{.fd = socket_.native_handle(), .events = 0, .revents = 0};
    return poll(&look, 1, 0) > 0 && (look.revents & (POLLHUP | POLLERR)) != 0;
  }

  void finish() {
    if (finished_) return;
    finished_ = true;
    events_.reset();
    asio::post(context_.io, [self = shared_from_this()] { self->context_.remove(self); });
  }

  // Reading -----------------------------------------------------------------------------------------------------------

  void read_request() {
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(context_.bounds.header_bytes));
    parser_->body_limit(context_.bounds.body_bytes);
    request_ = std::make_shared<HttpRequest>();
    if (buffer_.size() > 0) return read_header();
    phase_ = Phase::kIdle;
    // The header's time begins with its first byte.
    socket_.async_read_some(buffer_.prepare(kReadBytes),
                            [self = shared_from_this()](error_code error, std::size_t size) {
                              if (error) return self->drop();
                              self->buffer_.commit(size);
                              const bool first = std::exchange(self->first_bytes_, false);
                              if (first && self->origin_.legacy && self->is_legacy()) return self->become_legacy();
                              self->deadline_ = Clock::now() + self->context_.bounds.header_time;
                              self->read_header();
                            });
  }

  bool is_legacy() const { return begins_legacy(*static_cast<const std::uint8_t*>(buffer_.data().data())); }

  void become_legacy() {
    const auto data = buffer_.data();
    serve_legacy(context_, std::move(socket_), {static_cast<const std::uint8_t*>(data.data()), data.size()});
    finish();
  }

  void read_header() {
    phase_ = Phase::kReading;
    http::async_read_header(socket_, buffer_, *parser_, [self = shared_from_this()](error_code error, std::size_t) {
      if (error) return self->reading_failed(error);
      self->header_read();
    });
  }

  void reading_failed(error_code error) {
    if (error == http::error::header_limit) {
      return refuse(problem(431, ErrorCode::kTooLarge, "the header is too large"));
    }
    if (error == http::error::body_limit) {
      return refuse(problem(Error(ErrorCode::kTooLarge,
                                  "the body has more than " + std::to_string(context_.bounds.body_bytes) + " bytes")));
    }
    if (error.category() == http::make_error_code(http::error::bad_method).category() &&
        error != http::error::end_of_stream && error != http::error::partial_message) {
      return refuse(problem(Error(ErrorCode::kInvalidArgument, "no HTTP request: " + error.message())));
    }
    drop();
  }

  void header_read() {
    ++context_.counters.requests;
    const auto& header = parser_->get();
    const auto field = [&](http::field name) { return text_of(header[name]); };
    request_->method = text_of(header.method_string());
    std::string target = text_of(header.target());
    const std::size_t question = std::min(target.find('?'), target.size());
    request_->path = target.substr(0, question);
    request_->query = target.substr(std::min(target.size(), question + 1));
    request_->content_type = field(http::field::content_type);
    request_->accept = field(http::field::accept);
    request_->last_event_id = text_of(header["Last-Event-ID"]);
    request_->upgrade = beast::websocket::is_upgrade(header);
    keep_alive_ = parser_->keep_alive() && !context_.draining;
    if (auto refused = admit(field(http::field::host), field(http::field::origin), field(http::field::authorization))) {
      ++context_.counters.denied;
      return refuse(std::move(*refused));
    }
    if (context_.draining) return refuse(problem(Error(ErrorCode::kUnavailable, "the server stops")));
    if (parser_->is_done()) return handle();
    deadline_ = Clock::now() + context_.bounds.body_time;
    if (beast::iequals(header[http::field::expect], "100-continue")) return send_continue();
    read_body();
  }

  /// Why not, or it is known what is asked for.
  std::optional<HttpResponse> admit(const std::string& host, const std::string& origin,
                                    const std::string& authorization) {
    request_->right = Right::kAdmin;
    if (!origin_.local_user) {
      if (!context_.access.knows_host(host)) {
        return problem(421, ErrorCode::kNotPermitted,
                       "this server is not called " + printable(as_bytes(host), 100) + " (option --host-name)");
      }
      if (!context_.access.knows_origin(origin, host)) {
        return problem(Error(ErrorCode::kNotPermitted, "pages of other sites may not call this server"));
      }
      const Bearer bearer = context_.access.bearer_of(authorization);
      request_->right = bearer.right;
      if (!context_.rates.admit(bearer, Clock::now())) {
        HttpResponse response =
            problem(429, ErrorCode::kResourceExhausted,
                    "this token may ask " + std::to_string(bearer.requests_per_s) + " times a second");
        response.headers.emplace_back("Retry-After", "1");
        return response;
      }
    }
    auto admitted = Endpoints::admit(*request_);
    if (auto* refused = std::get_if<HttpResponse>(&admitted)) return std::move(*refused);
    match_ = std::get<RouteMatch>(std::move(admitted));
    return std::nullopt;
  }

  void send_continue() {
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    asio::async_write(socket_, asio::buffer(kContinue), [self = shared_from_this()](error_code error, std::size_t) {
      if (error) return self->drop();
      self->read_body();
    });
  }

  void read_body() {
    http::async_read(socket_, buffer_, *parser_, [self = shared_from_this()](error_code error, std::size_t) {
      if (error) return self->reading_failed(error);
      self->request_->body = std::move(self->parser_->get().body());
      self->handle();
    });
  }

  // Answering ---------------------------------------------------------------------------------------------------------

  void handle() {
    phase_ = Phase::kHandling;
    context_.endpoints.handle(request_, std::move(match_), [self = shared_from_this()](HttpResponse response) {
      asio::dispatch(self->context_.io, [self, response = std::move(response)]() mutable {
        if (!self->finished_) self->respond(std::move(response));
      });
    });
  }

  void respond(HttpResponse response) {
    if (response.channel || response.events) {
      // Bytes after the request belong to nobody: a client waits for the upgrade.
      if (request_->upgrade && buffer_.size() == 0) return upgrade(std::move(response));
      if (request_->upgrade || response.channel) {
        return refuse(problem(Error(ErrorCode::kInvalidArgument, "more was sent before the upgrade was accepted")));
      }
      return begin_stream(std::move(response));
    }
    write(std::move(response));
  }

  /// Answers without having read all that was sent.
  void refuse(HttpResponse response) {
    if (!parser_->is_done()) keep_alive_ = false;
    write(std::move(response));
  }

  void write(HttpResponse response) {
    phase_ = Phase::kWriting;
    deadline_ = Clock::now() + context_.bounds.write_time;
    head_ = head_of(response, response.file ? response.file->size() : response.body.size());
    const bool is_head = request_->method == "HEAD";
    body_ = is_head ? std::string() : std::move(response.body);
    file_ = is_head ? nullptr : std::move(response.file);
    const std::array<asio::const_buffer, 2> both = {asio::buffer(head_), asio::buffer(body_)};
    asio::async_write(socket_, both, [self = shared_from_this()](error_code error, std::size_t) {
      if (error) return self->drop();
      self->file_ ? self->write_file() : self->written();
    });
  }

  /// Piece by piece, each in its own time.
  void write_file() {
    auto piece = file_->next();
    if (!piece) {
      // The client sees that it is not all.
      context_.log.warning("event=response-broken-off error=\"" + piece.error().to_string() + "\"");
      return drop();
    }
    if (piece->empty()) {
      file_.reset();
      return written();
    }
    body_ = std::move(*piece);
    deadline_ = Clock::now() + context_.bounds.write_time;
    asio::async_write(socket_, asio::buffer(body_), [self = shared_from_this()](error_code error, std::size_t) {
      if (error || self->finished_) return self->drop();
      self->write_file();
    });
  }

  std::string head_of(const HttpResponse& response, std::optional<std::size_t> body_bytes) const {
    std::string head = "HTTP/1.1 " + std::to_string(response.status) + " ";
    head.append(reason_phrase(response.status)).append("\r\nContent-Type: ").append(response.content_type);
    if (body_bytes) head.append("\r\nContent-Length: ").append(std::to_string(*body_bytes));
    for (const auto& [name, value] : response.headers) head.append("\r\n").append(name).append(": ").append(value);
    head.append("\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff");
    if (!keep_alive_) head.append("\r\nConnection: close");
    // HTTP/1.0 clients ask to be kept and are told.
    if (keep_alive_ && parser_->get().version() < 11) head.append("\r\nConnection: keep-alive");
    return head.append("\r\n\r\n");
  }

  void written() {
    if (!keep_alive_ || context_.draining) {
      // Only a client that may still be sending needs time.
      return parser_->is_done() && buffer_.size() == 0 ? drop() : linger();
    }
    deadline_ = Clock::now() + context_.bounds.idle_time;
    read_request();
  }

  /// Waits for the client's end, so that what it still sends does not reset the connection before it reads the answer.
  void linger() {
    phase_ = Phase::kLingering;
    deadline_ = Clock::now() + kLingerTime;
    error_code ignored;
    socket_.shutdown(Peer::shutdown_send, ignored);
    discard(0);
  }

  void discard(std::size_t discarded) {
    buffer_.clear();
    socket_.async_read_some(buffer_.prepare(kReadBytes),
                            [self = shared_from_this(), discarded](error_code error, std::size_t size) {
                              if (error || discarded + size > kLingerBytes || self->finished_) return self->drop();
                              self->discard(discarded + size);
                            });
  }

  // Live --------------------------------------------------------------------------------------------------------------

  void upgrade(HttpResponse response) {
    Peer socket = std::move(socket_);
    if (response.channel) {
      serve_channel(context_, std::move(socket), parser_->get(), std::move(response.channel));
    } else {
      serve_events(context_, std::move(socket), parser_->get(), std::move(response.events));
    }
    finish();
  }

  void begin_stream(HttpResponse response) {
    response.content_type = "text/event-stream";
    if (request_->method == "HEAD") return write(std::move(response));
    phase_ = Phase::kStreaming;
    // The stream's end is the connection's.
    keep_alive_ = false;
    events_ = std::move(response.events);
    send(head_of(response, std::nullopt));
    watch();
    events_->on_ready([this] { pump(); });
  }

  void send(std::string text) {
    body_ = std::move(text);
    writing_ = true;
    const auto now = Clock::now();
    deadline_ = now + context_.bounds.write_time;
    alive_ = now + kAliveTime;
    asio::async_write(socket_, asio::buffer(body_), [self = shared_from_this()](error_code error, std::size_t) {
      self->writing_ = false;
      if (error || self->finished_) return self->drop();
      self->pump();
    });
  }

  void pump() {
    if (writing_ || !events_) return;
    std::string text = events_->next_sent_events();
    if (!text.empty()) return send(std::move(text));
    if (!events_->cut()) return;
    ++context_.counters.cut;
    events_.reset();
    body_ = "event: cut\ndata: " + cut_notice() + "\n\n";
    phase_ = Phase::kWriting;
    deadline_ = Clock::now() + context_.bounds.write_time;
    asio::async_write(socket_, asio::buffer(body_),
                      [self = shared_from_this()](error_code, std::size_t) { self->drop(); });
  }

  void send_alive() { send(": alive\n\n"); }

  /// Finds out when the client goes.
  void watch() {
    socket_.async_read_some(asio::buffer(ignored_), [self = shared_from_this()](error_code error, std::size_t) {
      if (error || self->finished_) return self->drop();
      self->watch();
    });
  }

  static constexpr std::size_t kReadBytes = 4096;

  ConnectionContext& context_;
  Peer socket_;
  const Origin origin_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::vector_body<std::uint8_t>>> parser_;
  std::shared_ptr<HttpRequest> request_;
  RouteMatch match_;
  std::shared_ptr<LiveEvents> events_;
  std::shared_ptr<BodyFile> file_;
  std::string head_;
  std::string body_;
  std::array<char, 256> ignored_{};
  Clock::time_point deadline_;
  Clock::time_point alive_;
  Phase phase_ = Phase::kIdle;
  bool first_bytes_ = true;
  bool keep_alive_ = true;
  bool writing_ = false;
  bool finished_ = false;
};

}  // namespace

void serve_http(ConnectionContext& context, Peer socket, Origin origin) {
  std::make_shared<HttpConnection>(context, std::move(socket), origin)->start();
}

}  // namespace theater::server
