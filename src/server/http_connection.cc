#include <poll.h>

#include <array>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/vector_body.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <deque>

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

/// Requests of one connection that are under way at once: a client may send them without waiting (pipelining).
constexpr std::size_t kRequestsUnderWay = 64;
/// Bytes of their bodies, and of answers that wait for those before them, beyond which no other is begun.
constexpr std::size_t kBytesUnderWay = 1u << 20;
/// What is read at once: little of one who waits for the answer, more of one who sends much.
constexpr std::size_t kInputBytes = 4096;
constexpr std::size_t kInputBytesMax = 64u << 10;
/// A body from this size on is written from where it is.
constexpr std::size_t kCopiedBodyBytes = 16u << 10;

/// A request and its answer, on their way.
struct Exchange {
  std::shared_ptr<HttpRequest> request;
  RouteMatch match;
  bool is_head = false;
  bool is_http_1_0 = false;
  /// The connection serves another after this.
  bool keeps_alive = true;
  std::optional<HttpResponse> response;
  /// Instead of a response: to be written as it is, and the answer still to come.
  std::string_view interim;
};

/// One HTTP connection. Requests are begun in their order and answered in it. Those that put a message into a mailbox
/// are begun before the ones before them are answered, since order is all they need; any other waits until it is alone.
/// The serving thread only.
class HttpConnection final : public Connection, public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(ConnectionContext& context, Peer socket, Origin origin)
      : context_(context), socket_(std::move(socket)), origin_(origin) {}

  void start() {
    context_.add(shared_from_this());
    error_code ignored;
    // What can be written at once is, without a wait.
    socket_.non_blocking(true, ignored);
    read_deadline_ = Clock::now() + context_.bounds.header_time;
    expect_request();
    read();
  }

  void tick(Clock::time_point now) override {
    if (writing_ || phase_ == Phase::kLingering) {
      if (now < write_deadline_) return;
      if (events_) ++context_.counters.cut;
      return drop();
    }
    if (phase_ == Phase::kStreaming) {
      if (now > alive_) send_alive();
    } else if (!exchanges_.empty()) {
      if (client_is_gone()) drop();
    } else if (now >= read_deadline_) {
      drop();
    }
  }

  void drain() override {
    if (phase_ == Phase::kStreaming || client_is_gone()) return drop();
    if (exchanges_.empty() && !writing_ && !is_receiving()) drop();
  }

  void drop() override {
    socket_.drop();
    finish();
  }

 private:
  enum class Phase { kServing, kStreaming, kLingering };

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

  /// Makes ready for the next request.
  void expect_request() {
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(context_.bounds.header_bytes));
    parser_->body_limit(context_.bounds.body_bytes);
    header_is_read_ = false;
  }

  /// Part of a request has come.
  bool is_receiving() const { return header_is_read_ || buffer_.size() > 0; }

  /// Whether one more may be under way now.
  bool takes_more() const {
    return phase_ == Phase::kServing && !finished_ && !is_last_ && !waits_alone_ && !runs_alone_ &&
           exchanges_.size() < kRequestsUnderWay && bytes_under_way_ < kBytesUnderWay;
  }

  void read() {
    if (reading_ || input_ended_ || !takes_more()) return;
    reading_ = true;
    socket_.async_read_some(buffer_.prepare(read_bytes_),
                            [self = shared_from_this()](error_code error, std::size_t size) {
                              self->reading_ = false;
                              if (self->finished_) return;
                              if (error) return self->input_over(error);
                              if (self->phase_ == Phase::kLingering) return self->discard(size);
                              self->received(size);
                            });
  }

  void input_over(error_code error) {
    // Who sends no more may still want what it asked for.
    input_ended_ = true;
    if (error != asio::error::eof || (exchanges_.empty() && !writing_)) drop();
  }

  void received(std::size_t size) {
    // The header's time begins with its first byte.
    if (!is_receiving()) read_deadline_ = Clock::now() + context_.bounds.header_time;
    buffer_.commit(size);
    read_bytes_ = size == read_bytes_ ? kInputBytesMax : kInputBytes;
    const bool first = std::exchange(first_bytes_, false);
    if (first && origin_.legacy && is_legacy()) return become_legacy();
    proceed();
  }

  bool is_legacy() const { return begins_legacy(*static_cast<const std::uint8_t*>(buffer_.data().data())); }

  void become_legacy() {
    const auto data = buffer_.data();
    serve_legacy(context_, std::move(socket_), {static_cast<const std::uint8_t*>(data.data()), data.size()});
    finish();
  }

  /// Begins what has come, writes what is answered, reads on.
  void proceed() {
    proceeding_ = true;
    do {
      begin_alone();
      while (!reading_ && takes_more() && buffer_.size() > 0 && parse()) {
      }
    } while (!finished_ && flush());
    proceeding_ = false;
    read();
  }

  /// Takes in what has come, to the end of a header or of a request. False when more must come.
  bool parse() {
    error_code error;
    buffer_.consume(parser_->put(buffer_.data(), error));
    if (error == http::error::need_more) return false;
    if (error) {
      parsing_failed(error);
      return true;
    }
    if (!header_is_read_ && parser_->is_header_done()) {
      header_is_read_ = true;
      parser_->eager(true);
      if (!header_read()) return true;
    }
    if (parser_->is_done()) begin();
    return true;
  }

  void parsing_failed(error_code error) {
    if (error == http::error::header_limit) {
      return refuse(problem(431, ErrorCode::kTooLarge, "the header is too large"));
    }
    if (error == http::error::body_limit) {
      return refuse(problem(Error(ErrorCode::kTooLarge,
                                  "the body has more than " + std::to_string(context_.bounds.body_bytes) + " bytes")));
    }
    refuse(problem(Error(ErrorCode::kInvalidArgument, "no HTTP request: " + error.message())));
  }

  /// False when the request was refused already.
  bool header_read() {
    ++context_.counters.requests;
    const auto& header = parser_->get();
    const auto field = [&](http::field name) { return text_of(header[name]); };
    request_ = std::make_shared<HttpRequest>();
    request_->method = text_of(header.method_string());
    const std::string_view target(header.target().data(), header.target().size());
    const std::size_t question = std::min(target.find('?'), target.size());
    request_->path = target.substr(0, question);
    request_->query = target.substr(std::min(target.size(), question + 1));
    request_->content_type = field(http::field::content_type);
    request_->accept = field(http::field::accept);
    request_->last_event_id = text_of(header["Last-Event-ID"]);
    request_->upgrade = beast::websocket::is_upgrade(header);
    if (auto refused = admit(field(http::field::host), field(http::field::origin), field(http::field::authorization))) {
      ++context_.counters.denied;
      refuse(std::move(*refused));
      return false;
    }
    if (context_.draining) {
      refuse(problem(Error(ErrorCode::kUnavailable, "the server stops")));
      return false;
    }
    if (parser_->is_done()) return true;
    read_deadline_ = Clock::now() + context_.bounds.body_time;
    if (beast::iequals(header[http::field::expect], "100-continue")) {
      exchanges_.push_back(std::make_shared<Exchange>());
      exchanges_.back()->interim = "HTTP/1.1 100 Continue\r\n\r\n";
    }
    return true;
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

  // Answering ---------------------------------------------------------------------------------------------------------

  /// For what was parsed until now; the next request may come then.
  std::shared_ptr<Exchange> add_exchange() {
    auto exchange = std::make_shared<Exchange>();
    exchange->request = request_ ? std::move(request_) : std::make_shared<HttpRequest>();
    exchange->match = std::move(match_);
    exchange->is_head = parser_->get().method() == http::verb::head;
    exchange->is_http_1_0 = parser_->get().version() < 11;
    is_whole_ = parser_->is_done();
    exchange->keeps_alive = is_whole_ && parser_->keep_alive();
    is_last_ = !exchange->keeps_alive;
    if (exchange->request->upgrade && is_whole_) upgrade_ = parser_->release();
    exchanges_.push_back(exchange);
    expect_request();
    return exchange;
  }

  /// The request is whole.
  void begin() {
    request_->body = std::move(parser_->get().body());
    const auto exchange = add_exchange();
    if (Endpoints::may_overlap(exchange->match.operation)) return handle(exchange);
    waits_alone_ = true;
    begin_alone();
  }

  /// Begins the one that must be alone, if it is.
  void begin_alone() {
    if (!waits_alone_ || exchanges_.size() > 1 || writing_) return;
    waits_alone_ = false;
    runs_alone_ = true;
    handle(exchanges_.front());
  }

  void handle(const std::shared_ptr<Exchange>& exchange) {
    bytes_under_way_ += exchange->request->body.size();
    context_.endpoints.handle(
        exchange->request, std::move(exchange->match), [self = shared_from_this(), exchange](HttpResponse response) {
          asio::dispatch(self->context_.io, [self, exchange, response = std::move(response)]() mutable {
            if (!self->finished_) self->answered(*exchange, std::move(response));
          });
        });
  }

  void answered(Exchange& exchange, HttpResponse response) {
    bytes_under_way_ -= exchange.request->body.size();
    bytes_under_way_ += response.body.size();
    exchange.response = std::move(response);
    if (proceeding_ || flush_is_due_) return;
    // Others may be answered by now too, and are written together with it.
    flush_is_due_ = true;
    asio::post(context_.io, [self = shared_from_this()] {
      self->flush_is_due_ = false;
      if (!self->finished_) self->proceed();
    });
  }

  /// Answers without having had it done, perhaps without having read all that was sent.
  void refuse(HttpResponse response) {
    const auto exchange = add_exchange();
    bytes_under_way_ += response.body.size();
    exchange->response = std::move(response);
  }

  /// Writes what can be written in order. True when that was done at once, so that it may go on.
  bool flush() {
    if (writing_ || phase_ != Phase::kServing) return false;
    output_.clear();
    body_.clear();
    while (!exchanges_.empty() && body_.empty() && !file_) {
      Exchange& first = *exchanges_.front();
      if (first.interim.empty()) {
        if (!first.response) break;
        if ((first.response->channel || first.response->events) && begin_live(first)) return false;
        add_to_output(first);
        runs_alone_ = false;
      } else {
        output_ += first.interim;
      }
      exchanges_.pop_front();
    }
    return !output_.empty() && write();
  }

  void add_to_output(Exchange& exchange) {
    HttpResponse& response = *exchange.response;
    bytes_under_way_ -= response.body.size();
    if (context_.draining && exchanges_.size() == 1) exchange.keeps_alive = false;
    append_head(response, exchange, response.file ? response.file->size() : response.body.size());
    if (exchange.is_head) return;
    file_ = std::move(response.file);
    if (response.body.size() < kCopiedBodyBytes) {
      output_ += response.body;
    } else {
      body_ = std::move(response.body);
    }
  }

  /// True when all of it was taken at once.
  bool write() {
    std::array<asio::const_buffer, 2> rest = {asio::buffer(output_), asio::buffer(body_)};
    error_code error;
    const std::size_t size = socket_.write_some(rest, error);
    if (error && error != asio::error::would_block) {
      drop();
      return false;
    }
    if (!error && size == output_.size() + body_.size() && !file_) return written();
    std::size_t taken = error ? 0 : size;
    for (asio::const_buffer& buffer : rest) {
      const std::size_t of_this = std::min(taken, buffer.size());
      buffer += of_this;
      taken -= of_this;
    }
    writing_ = true;
    write_deadline_ = Clock::now() + context_.bounds.write_time;
    asio::async_write(socket_, rest, [self = shared_from_this()](error_code failed, std::size_t) {
      if (failed || self->finished_) return self->drop();
      if (self->file_) return self->write_file();
      self->writing_ = false;
      if (self->written()) self->proceed();
    });
    return false;
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
      writing_ = false;
      if (written()) proceed();
      return;
    }
    body_ = std::move(*piece);
    write_deadline_ = Clock::now() + context_.bounds.write_time;
    asio::async_write(socket_, asio::buffer(body_), [self = shared_from_this()](error_code error, std::size_t) {
      if (error || self->finished_) return self->drop();
      self->write_file();
    });
  }

  void append_head(const HttpResponse& response, const Exchange& exchange, std::optional<std::size_t> body_bytes) {
    output_.append("HTTP/1.1 ").append(std::to_string(response.status)).append(" ");
    output_.append(reason_phrase(response.status)).append("\r\nContent-Type: ").append(response.content_type);
    if (body_bytes) output_.append("\r\nContent-Length: ").append(std::to_string(*body_bytes));
    for (const auto& [name, value] : response.headers) output_.append("\r\n").append(name).append(": ").append(value);
    output_.append("\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff");
    if (!exchange.keeps_alive) output_.append("\r\nConnection: close");
    // HTTP/1.0 clients ask to be kept and are told.
    if (exchange.keeps_alive && exchange.is_http_1_0) output_.append("\r\nConnection: keep-alive");
    output_.append("\r\n\r\n");
  }

  /// False when the connection ends with it.
  bool written() {
    if (!exchanges_.empty()) return true;
    if (is_last_ || context_.draining || input_ended_) {
      // Only a client that may still be sending needs time.
      if (is_whole_ && buffer_.size() == 0) {
        drop();
      } else {
        linger();
      }
      return false;
    }
    // While others were answered nobody looked at the next one's time.
    read_deadline_ = Clock::now() + (header_is_read_      ? context_.bounds.body_time
                                     : buffer_.size() > 0 ? context_.bounds.header_time
                                                          : context_.bounds.idle_time);
    return true;
  }

  /// Waits for the client's end, so that what it still sends does not reset the connection before it reads the answer.
  void linger() {
    phase_ = Phase::kLingering;
    write_deadline_ = Clock::now() + kLingerTime;
    error_code ignored;
    socket_.shutdown(Peer::shutdown_send, ignored);
    if (!reading_) discard(0);
  }

  void discard(std::size_t discarded) {
    buffer_.clear();
    socket_.async_read_some(buffer_.prepare(kInputBytes),
                            [self = shared_from_this(), discarded](error_code error, std::size_t size) {
                              if (error || discarded + size > kLingerBytes || self->finished_) return self->drop();
                              self->discard(discarded + size);
                            });
  }

  // Live --------------------------------------------------------------------------------------------------------------

  /// Goes over to what is live; false when it is answered after all.
  bool begin_live(Exchange& exchange) {
    HttpResponse& response = *exchange.response;
    const bool upgrades = exchange.request->upgrade;
    // Bytes after the request belong to nobody: a client waits for the upgrade.
    if ((upgrades && (buffer_.size() > 0 || !output_.empty())) || (!upgrades && response.channel)) {
      response = problem(Error(ErrorCode::kInvalidArgument, "more was sent before the upgrade was accepted"));
      bytes_under_way_ += response.body.size();
      return false;
    }
    if (upgrades) {
      upgrade(std::move(response));
      return true;
    }
    response.content_type = "text/event-stream";
    if (exchange.is_head) return false;
    // The stream's end is the connection's.
    exchange.keeps_alive = false;
    begin_stream(exchange);
    return true;
  }

  void upgrade(HttpResponse response) {
    Peer socket = std::move(socket_);
    if (response.channel) {
      serve_channel(context_, std::move(socket), *upgrade_, std::move(response.channel));
    } else {
      serve_events(context_, std::move(socket), *upgrade_, std::move(response.events));
    }
    finish();
  }

  void begin_stream(Exchange& exchange) {
    phase_ = Phase::kStreaming;
    events_ = std::move(exchange.response->events);
    append_head(*exchange.response, exchange, std::nullopt);
    exchanges_.clear();
    send(std::exchange(output_, {}));
    watch();
    events_->on_ready([this] { pump(); });
  }

  void send(std::string text) {
    body_ = std::move(text);
    writing_ = true;
    const auto now = Clock::now();
    write_deadline_ = now + context_.bounds.write_time;
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
    writing_ = true;
    write_deadline_ = Clock::now() + context_.bounds.write_time;
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

  ConnectionContext& context_;
  Peer socket_;
  const Origin origin_;
  beast::flat_buffer buffer_;
  std::size_t read_bytes_ = kInputBytes;
  // The request that comes in.
  std::optional<http::request_parser<http::vector_body<std::uint8_t>>> parser_;
  std::shared_ptr<HttpRequest> request_;
  RouteMatch match_;
  /// Those that are not answered yet, in their order.
  std::deque<std::shared_ptr<Exchange>> exchanges_;
  std::size_t bytes_under_way_ = 0;
  std::optional<ParsedRequest> upgrade_;
  std::string output_;
  std::string body_;
  std::shared_ptr<BodyFile> file_;
  std::shared_ptr<LiveEvents> events_;
  std::array<char, 256> ignored_{};
  Clock::time_point read_deadline_;
  Clock::time_point write_deadline_;
  Clock::time_point alive_;
  Phase phase_ = Phase::kServing;
  bool first_bytes_ = true;
  bool header_is_read_ = false;
  bool reading_ = false;
  bool input_ended_ = false;
  /// The last request waits until those before it are answered; it is under way, and no other is.
  bool waits_alone_ = false;
  bool runs_alone_ = false;
  /// No other request is served after the last one; all of that one was read.
  bool is_last_ = false;
  bool is_whole_ = true;
  bool proceeding_ = false;
  bool flush_is_due_ = false;
  bool writing_ = false;
  bool finished_ = false;
};

}  // namespace

void serve_http(ConnectionContext& context, Peer socket, Origin origin) {
  std::make_shared<HttpConnection>(context, std::move(socket), origin)->start();
}

}  // namespace theater::server
