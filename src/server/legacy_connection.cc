#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <deque>

#include "server/connection.h"
#include "server/legacy_commands.h"
#include "server/legacy_frames.h"

namespace theater::server {
namespace {

using boost::system::error_code;

constexpr std::size_t kReadBytes = 64u << 10;
/// What may wait for a client that does not read; one message always fits.
constexpr std::size_t kWaitingBytes = 64u << 20;

/// One connection of the legacy management protocol: takes a command, has it done, takes the next. The serving thread
/// only.
class LegacyConnection final : public Connection, public std::enable_shared_from_this<LegacyConnection> {
 public:
  LegacyConnection(ConnectionContext& context, Peer socket, Bytes received)
      : context_(context), socket_(std::move(socket)), received_(std::move(received)) {}

  void start() {
    context_.add(shared_from_this());
    commands_ = std::make_shared<LegacyCommands>(context_.management, context_.work,
                                                 [this](const Json& message) { tell(message); });
    next();
  }

  void tick(Clock::time_point now) override {
    if (writing_ && now > deadline_) cut();
  }
  void drain() override {
    draining_ = true;
    if (!busy_ && !writing_) drop();
  }
  void drop() override {
    socket_.drop();
    if (finished_) return;
    finished_ = true;
    commands_->end();
    asio::post(context_.io, [self = shared_from_this()] { self->context_.remove(self); });
  }

 private:
  void cut() {
    ++context_.counters.cut;
    drop();
  }

  /// Does the next command that is whole, or reads on.
  void next() {
    while (!finished_ && !busy_) {
      if (draining_) {
        if (!writing_) drop();
        return;
      }
      auto taken = frames_.take(received_, offset_, Clock::now());
      if (!taken) {
        tell({{"Error", {{"error", {{"SerializationError", taken.error().to_string()}}}}}});
        // Where the next frame begins is not known any more.
        if (frames_.broken()) draining_ = true;
        continue;
      }
      if (!taken->more) return read();
      if (!taken->message) continue;
      busy_ = true;
      ++context_.counters.requests;
      commands_->handle(*taken->message, [self = shared_from_this()] {
        // Not at once: a row of quick commands is a loop, not a recursion.
        asio::post(self->context_.io, [self] {
          self->busy_ = false;
          self->next();
        });
      });
    }
  }

  void read() {
    received_.erase(received_.begin(), received_.begin() + static_cast<std::ptrdiff_t>(offset_));
    offset_ = 0;
    const std::size_t size = received_.size();
    received_.resize(size + kReadBytes);
    socket_.async_read_some(asio::buffer(received_.data() + size, kReadBytes),
                            [self = shared_from_this(), size](error_code error, std::size_t more) {
                              self->received_.resize(size + (error ? 0 : more));
                              if (error || self->finished_) return self->drop();
                              self->next();
                            });
  }

  void tell(const Json& message) {
    if (finished_) return;
    std::string frames = legacy_frames(to_text(message), next_message_++);
    if (!waiting_.empty() && waiting_bytes_ + frames.size() > kWaitingBytes) return cut();
    waiting_bytes_ += frames.size();
    waiting_.push_back(std::move(frames));
    write();
  }

  void write() {
    if (writing_ || finished_) return;
    if (waiting_.empty()) {
      if (draining_ && !busy_) drop();
      return;
    }
    writing_ = true;
    deadline_ = Clock::now() + context_.bounds.write_time;
    asio::async_write(socket_, asio::buffer(waiting_.front()),
                      [self = shared_from_this()](error_code error, std::size_t) {
                        self->writing_ = false;
                        if (error || self->finished_) return self->drop();
                        self->waiting_bytes_ -= self->waiting_.front().size();
                        self->waiting_.pop_front();
                        self->write();
                      });
  }

  ConnectionContext& context_;
  Peer socket_;
  Bytes received_;
  std::size_t offset_ = 0;
  LegacyFrames frames_;
  std::shared_ptr<LegacyCommands> commands_;
  std::deque<std::string> waiting_;
  std::size_t waiting_bytes_ = 0;
  std::uint64_t next_message_ = 0;
  Clock::time_point deadline_;
  bool busy_ = false;
  bool writing_ = false;
  bool draining_ = false;
  bool finished_ = false;
};

}  // namespace

void serve_legacy(ConnectionContext& context, Peer socket, ByteView received) {
  std::make_shared<LegacyConnection>(context, std::move(socket), to_bytes(received))->start();
}

}  // namespace theater::server
