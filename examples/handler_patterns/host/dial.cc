#include "dial.h"

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <vector>

namespace patterns {

using namespace theater;

namespace {

/// Place in DialHandler::exports().
constexpr std::size_t kHandlePhase = 0;

/// In the order of the interface's functions.
enum Function : std::uint32_t { kConnect, kPhaseOf, kWrite, kClose };

}  // namespace

/// All connections of all actors. Any thread; what it calls with its lock held never waits.
class Switchboard {
 public:
  explicit Switchboard(std::shared_ptr<Transport> transport) : transport_(std::move(transport)) {}

  Result<std::uint64_t> connect(const ActorId& owner, const Poster& poster, std::string address) {
    const std::lock_guard lock(mutex_);
    const auto mine = [&](const auto& entry) { return entry.second.owner == owner; };
    if (std::ranges::count_if(lines_, mine) >= static_cast<std::ptrdiff_t>(DialHandler::kConnectionsMax)) {
      return fail(ErrorCode::kResourceExhausted,
                  "an actor has at most " + std::to_string(DialHandler::kConnectionsMax) + " connections; close one");
    }
    const std::uint64_t number = ++last_number_;
    lines_.try_emplace(number, Line{.owner = owner, .poster = poster, .connection = {}});
    transport_->connect(number, std::move(address));
    return number;
  }

  Result<Phase> phase_of(const ActorId& owner, std::uint64_t number) const {
    const std::lock_guard lock(mutex_);
    const auto line = lines_.find(number);
    // A closed connection is forgotten once its end was told.
    if (line == lines_.end() || line->second.owner != owner) return Phase::kClosed;
    return line->second.connection.phase();
  }

  Result<void> write(const ActorId& owner, std::uint64_t number, ByteView data) {
    const std::lock_guard lock(mutex_);
    const auto line = lines_.find(number);
    if (line == lines_.end() || line->second.owner != owner || !line->second.connection.may_write()) {
      return fail(ErrorCode::kClosed, "connection " + std::to_string(number) + " is not open");
    }
    transport_->write(number, data);
    return {};
  }

  Result<void> close(const ActorId& owner, std::uint64_t number) {
    const std::lock_guard lock(mutex_);
    const auto line = lines_.find(number);
    if (line == lines_.end() || line->second.owner != owner || !line->second.connection.apply(Happening::kCloseAsked)) {
      return fail(ErrorCode::kClosed, "connection " + std::to_string(number) + " is closed, or closing already");
    }
    transport_->close(number);
    return {};
  }

  void happened(std::uint64_t number, Happening what, std::string_view why) {
    const std::lock_guard lock(mutex_);
    const auto line = lines_.find(number);
    if (line == lines_.end() || !line->second.connection.apply(what)) return;
    const Phase phase = line->second.connection.phase();
    Bytes params;
    ValueWriter writer(params);
    writer.unsigned_integer(number);
    writer.unsigned_integer(static_cast<std::uint64_t>(phase));
    writer.string(why);
    // With a full mailbox the notice is lost and nothing else: phase-of says what it would have said.
    (void)line->second.poster.post(kHandlePhase, params);
    if (phase == Phase::kClosed) lines_.erase(line);
  }

  void hang_up(const ActorId& owner) {
    const std::lock_guard lock(mutex_);
    std::erase_if(lines_, [&](const auto& entry) {
      if (entry.second.owner != owner) return false;
      transport_->close(entry.first);
      return true;
    });
  }

  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return lines_.size();
  }

 private:
  struct Line {
    ActorId owner;
    Poster poster;
    Connection connection;
  };

  mutable std::mutex mutex_;
  const std::shared_ptr<Transport> transport_;
  std::map<std::uint64_t, Line> lines_;
  std::uint64_t last_number_ = 0;
};

namespace {

/// One actor's side.
class Dial final : public HandlerInstance {
 public:
  Dial(std::shared_ptr<Switchboard> board, const ActorId& owner, Poster poster)
      : board_(std::move(board)), owner_(owner), poster_(std::move(poster)) {}

  HostStatus call(HostCall& call) override {
    switch (static_cast<Function>(call.function())) {
      case kConnect: return connect(call);
      case kPhaseOf: return phase_of(call);
      case kWrite: return write(call);
      case kClose: return close(call);
    }
    return call.trap("no such function");
  }

  /// Whichever way the actor ended: a trap, a stop, its own wish.
  void actor_ended() override { board_->hang_up(owner_); }

 private:
  HostStatus connect(const HostCall& call) {
    ValueReader params = call.params();
    std::string address(params.string());
    if (!params.done()) return call.trap("malformed parameters");
    const auto number = board_->connect(owner_, poster_, std::move(address));
    if (!number) return call.done_with_error(number.error().message());
    call.result().ok();
    call.result().unsigned_integer(*number);
    return call.done();
  }
  HostStatus phase_of(const HostCall& call) {
    ValueReader params = call.params();
    const std::uint64_t number = params.unsigned_integer();
    if (!params.done()) return call.trap("malformed parameters");
    const auto phase = board_->phase_of(owner_, number);
    if (!phase) return call.done_with_error(phase.error().message());
    call.result().ok();
    call.result().unsigned_integer(static_cast<std::uint64_t>(*phase));
    return call.done();
  }
  HostStatus write(const HostCall& call) {
    ValueReader params = call.params();
    const std::uint64_t number = params.unsigned_integer();
    const ByteView data = params.bytes();
    if (!params.done()) return call.trap("malformed parameters");
    return answer(call, board_->write(owner_, number, data));
  }
  HostStatus close(const HostCall& call) {
    ValueReader params = call.params();
    const std::uint64_t number = params.unsigned_integer();
    if (!params.done()) return call.trap("malformed parameters");
    return answer(call, board_->close(owner_, number));
  }
  static HostStatus answer(const HostCall& call, const Result<void>& result) {
    if (!result) return call.done_with_error(result.error().message());
    call.result().ok();
    return call.done();
  }

  const std::shared_ptr<Switchboard> board_;
  const ActorId owner_;
  const Poster poster_;
};

}  // namespace

DialHandler::DialHandler(std::shared_ptr<Transport> transport)
    : board_(std::make_shared<Switchboard>(std::move(transport))) {}
DialHandler::~DialHandler() = default;

void DialHandler::happened(std::uint64_t connection, Happening what, std::string_view why) {
  board_->happened(connection, what, why);
}
std::size_t DialHandler::connections() const { return board_->size(); }

std::span<const HandlerInterface> DialHandler::imports() const {
  static const std::vector<HandlerInterface> interfaces = {
      {.name = "example:patterns/dial",
       .functions = {{.name = "connect"}, {.name = "phase-of"}, {.name = "write"}, {.name = "close"}}}};
  return interfaces;
}

std::span<const std::string_view> DialHandler::exports() const {
  static constexpr std::array<std::string_view, 1> kExports = {"example:patterns/dial-client.handle-phase"};
  return kExports;
}

Result<std::unique_ptr<HandlerInstance>> DialHandler::create(const HandlerSetup& setup) const {
  return std::make_unique<Dial>(board_, setup.actor.id(), setup.poster);
}

}  // namespace patterns
