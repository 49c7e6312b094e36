#include "server/websocket_connection.h"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <deque>

#include "base/limits.h"

namespace theater::server {
namespace {

namespace websocket = beast::websocket;
using boost::system::error_code;

/// What a subscriber may say, which nobody reads.
constexpr std::size_t kIgnoredMessageBytes = 4096;
/// A message that its actor's mailbox has no room for is tried again after this time; meanwhile nothing is read.
constexpr std::chrono::milliseconds kRetryTime{2};
/// How long a client may take to agree to the end.
constexpr std::chrono::seconds kCloseTime{5};
constexpr std::chrono::milliseconds kCloseTimeWhenStopping{500};

/// Sends what `next` gives and ends when told. The serving thread only.
class WebSocketConnection : public Connection, public std::enable_shared_from_this<WebSocketConnection> {
 public:
  WebSocketConnection(ConnectionContext& context, Peer socket) : context_(context), socket_(std::move(socket)) {
    websocket::stream_base::timeout timeout{};
    timeout.handshake_timeout = context.bounds.header_time;
    timeout.idle_timeout = context.bounds.idle_time;
    timeout.keep_alive_pings = true;
    socket_.set_option(timeout);
    // A message is one frame, however large: it lies in memory anyway.
    socket_.auto_fragment(false);
  }

  void start(const ParsedRequest& request) {
    context_.add(shared_from_this());
    socket_.async_accept(request, [self = shared_from_this()](error_code error) {
      if (error) return self->finish();
      self->accepted_ = true;
      self->read();
      self->on_accepted();
      if (self->context_.draining) self->drain();
    });
  }

  void tick(Clock::time_point now) override {
    if (writing_ && !closing_ && now > deadline_) {
      ++context_.counters.cut;
      drop();
    }
    if (closing_ && now > deadline_) drop();
  }
  void drain() override {
    if (accepted_) close(websocket::close_code::going_away, "the server stops");
    if (closing_) deadline_ = std::min(deadline_, Clock::now() + kCloseTimeWhenStopping);
  }
  void drop() override {
    beast::get_lowest_layer(socket_).drop();
    finish();
  }

 protected:
  virtual void on_accepted() = 0;
  virtual void on_message(ByteView message) = 0;
  /// What to send next; none when there is nothing now.
  virtual std::optional<std::string> next() = 0;
  /// Nothing more comes: why.
  virtual std::optional<websocket::close_reason> end() = 0;
  /// Gives back what feeds this connection.
  virtual void release() = 0;

  void pump() {
    if (writing_ || closing_ || finished_) return;
    auto message = next();
    if (!message) {
      if (const auto reason = end()) close(static_cast<websocket::close_code>(reason->code), reason->reason.c_str());
      return;
    }
    outgoing_ = std::move(*message);
    writing_ = true;
    deadline_ = Clock::now() + context_.bounds.write_time;
    socket_.async_write(asio::buffer(outgoing_), [self = shared_from_this()](error_code error, std::size_t) {
      self->writing_ = false;
      if (error) return self->finish();
      self->pump();
    });
  }

  void read() {
    if (finished_ || closing_) return;
    socket_.async_read(buffer_, [self = shared_from_this()](error_code error, std::size_t) {
      if (error) return self->finish();
      const auto data = self->buffer_.data();
      const ByteView message(static_cast<const std::uint8_t*>(data.data()), data.size());
      self->on_message(message);
    });
  }
  /// The message was dealt with.
  void read_on() {
    buffer_.clear();
    read();
  }

  void close(websocket::close_code code, std::string_view why) {
    if (closing_ || finished_) return;
    closing_ = true;
    deadline_ = Clock::now() + kCloseTime;
    if (context_.draining) deadline_ = Clock::now() + kCloseTimeWhenStopping;
    release();
    const websocket::close_reason reason(code, beast::string_view(why.data(), std::min<std::size_t>(why.size(), 120)));
    socket_.async_close(reason, [self = shared_from_this()](error_code) { self->finish(); });
  }

  bool finished() const { return finished_; }
  ConnectionContext& context_;
  websocket::stream<Peer, false> socket_;

 private:
  void finish() {
    if (finished_) return;
    finished_ = true;
    release();
    const auto self = shared_from_this();
    asio::post(context_.io, [self] { self->context_.remove(self); });
  }

  beast::flat_buffer buffer_;
  std::string outgoing_;
  Clock::time_point deadline_;
  bool accepted_ = false;
  bool writing_ = false;
  bool closing_ = false;
  bool finished_ = false;
};

class EventsConnection final : public WebSocketConnection {
 public:
  EventsConnection(ConnectionContext& context, Peer socket, std::shared_ptr<LiveEvents> events)
      : WebSocketConnection(context, std::move(socket)), events_(std::move(events)) {
    socket_.read_message_max(kIgnoredMessageBytes);
    socket_.text(true);
  }

 private:
  void on_accepted() override {
    events_->on_ready([this] { pump(); });
    pump();
  }
  void on_message(ByteView) override { read_on(); }
  std::optional<std::string> next() override { return events_ ? events_->next_message() : std::nullopt; }
  std::optional<websocket::close_reason> end() override {
    if (!events_ || !events_->cut()) return std::nullopt;
    ++context_.counters.cut;
    return websocket::close_reason(websocket::close_code::policy_error, "too slow: subscribe again from the last one");
  }
  void release() override { events_.reset(); }

  std::shared_ptr<LiveEvents> events_;
};

class ChannelConnection final : public WebSocketConnection {
 public:
  ChannelConnection(ConnectionContext& context, Peer socket, std::shared_ptr<ChannelFeed> channel)
      : WebSocketConnection(context, std::move(socket)), retry_(context.io), channel_(std::move(channel)) {
    socket_.read_message_max(std::min<std::size_t>(context.bounds.body_bytes, limits::kMessageMaxBytesMax));
    socket_.binary(true);
  }

 private:
  void on_accepted() override {
    channel_->on_ready([this] { pump(); });
    pump();
  }

  void on_message(ByteView message) override {
    if (!channel_) return read_on();
    const auto sent = channel_->send(message);
    if (sent) return read_on();
    if (sent.error().code() == ErrorCode::kMailboxFull) {
      // The message stays where it was read, and the client's next ones in its own socket.
      retry_.expires_after(kRetryTime);
      retry_.async_wait([self = shared_from_this(), this, message](error_code error) {
        if (!error && !finished()) on_message(message);
      });
      return;
    }
    if (sent.error().code() == ErrorCode::kClosed || sent.error().code() == ErrorCode::kStopped) {
      // What the actor sent before it closed comes first.
      pump();
      return read_on();
    }
    const std::string why = sent.error().to_string();
    close(sent.error().code() == ErrorCode::kTooLarge ? websocket::close_code::too_big
                                                      : websocket::close_code::policy_error,
          why);
  }

  std::optional<std::string> next() override {
    if (!channel_) return std::nullopt;
    const auto message = channel_->next();
    return message ? std::optional(std::string(as_text(*message))) : std::nullopt;
  }
  std::optional<websocket::close_reason> end() override {
    if (!channel_) return std::nullopt;
    if (channel_->cut()) {
      ++context_.counters.cut;
      return websocket::close_reason(websocket::close_code::policy_error, "too slow: messages came faster than taken");
    }
    if (channel_->closed()) return websocket::close_reason(websocket::close_code::normal, "closed by the actor");
    return std::nullopt;
  }
  void release() override {
    retry_.cancel();
    channel_.reset();
  }

  asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, asio::io_context::executor_type> retry_;
  std::shared_ptr<ChannelFeed> channel_;
};

}  // namespace

void serve_events(ConnectionContext& context, Peer socket, const ParsedRequest& request,
                  std::shared_ptr<LiveEvents> events) {
  std::make_shared<EventsConnection>(context, std::move(socket), std::move(events))->start(request);
}

void serve_channel(ConnectionContext& context, Peer socket, const ParsedRequest& request,
                   std::shared_ptr<ChannelFeed> channel) {
  std::make_shared<ChannelConnection>(context, std::move(socket), std::move(channel))->start(request);
}

}  // namespace theater::server
