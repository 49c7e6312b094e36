#include "sched/timers.h"

#include <algorithm>
#include <unordered_map>

#include "base/clock.h"
#include "base/limits.h"
#include "handlers/builtin_schema.h"
#include "handlers/message_server.h"
#include "theater/handlers.h"

namespace theater {
namespace handlers {
namespace {

/// In the order of the interface.
enum Function : std::uint32_t { kSendAfter, kSendEvery, kCancel };

constexpr auto kSendLater = MessageServer::Right::kSendLater;

struct TimerBounds {
  std::uint64_t timers = limits::kTimers;
  std::uint64_t bytes = limits::kTimerBytes;
  std::uint64_t min_period_ms = limits::kTimerPeriodMinMs;
};

/// What an actor wants sent later. On the actor's shard, whose timers bring the time.
class Timers final : public HandlerInstance {
 public:
  Timers(actor::ActorCell& cell, const TimerBounds& bounds) : cell_(cell), bounds_(bounds) {}

  HostStatus call(HostCall& call) override {
    ValueReader params = call.params();
    const std::uint64_t number = params.unsigned_integer();
    if (call.function() == kCancel) {
      if (!params.done()) return call.trap("malformed parameters");
      call.result().boolean(cancel(number));
      return call.done();
    }
    // Not params.string(): the engine has checked that it is UTF-8.
    const std::string_view to = as_text(params.bytes());
    const ByteView content = params.bytes();
    if (!params.done()) return call.trap("malformed parameters");
    return set(call, number, to, content);
  }

  void actor_ended() override {
    for (const auto& [id, timer] : set_) shard_timers().disarm(*timer);
    set_.clear();
    bytes_ = 0;
  }

 private:
  class Later final : public sched::Timer {
   public:
    Later(Timers& owner, std::uint64_t id, std::string_view to, ByteView content, std::uint64_t due_ns,
          std::uint64_t period_ns)
        : id(id), to(to), content(Payload::copy(content)), due_ns(due_ns), period_ns(period_ns), owner_(owner) {}
    void expired() override { owner_.due(*this); }

    const std::uint64_t id;
    const std::string to;
    const Payload content;
    std::uint64_t due_ns;
    /// 0: once.
    const std::uint64_t period_ns;

   private:
    Timers& owner_;
  };

  sched::Timers& shard_timers() const { return cell_.services().shard.timers(); }

  std::optional<std::string> why_not(std::uint64_t ms, bool repeats, std::string_view to, std::uint64_t bytes) const {
    MessageServer* messages = MessageServer::of(cell_);
    if (messages == nullptr) {
      return "not permitted: timers send messages, so the manifest needs [[handler]] type = \"message-server\" as well";
    }
    if (auto refused = messages->why_not(kSendLater, to)) return refused;
    if (repeats && ms < bounds_.min_period_ms) {
      return "period too short: " + std::to_string(ms) +
             " ms is below the manifest's min_period_ms = " + std::to_string(bounds_.min_period_ms);
    }
    if (ms > limits::kTimerDelayMsMax) {
      return "too late: " + std::to_string(ms) + " ms is more than " + std::to_string(limits::kTimerDelayMsMax);
    }
    if (to.size() > limits::kActorNameBytes) return "no such actor: " + printable(as_bytes(to), 100);
    if (set_.size() >= bounds_.timers) {
      return "too many timers: this actor has its limit of " + std::to_string(bounds_.timers) +
             " set (max_timers); cancel one";
    }
    if (bytes > bounds_.bytes - bytes_) {
      return "too many bytes: messages of " + std::to_string(bytes_) +
             " bytes wait for their time, and max_bytes = " + std::to_string(bounds_.bytes);
    }
    return std::nullopt;
  }

  HostStatus set(const HostCall& call, std::uint64_t ms, std::string_view to, ByteView content) {
    const bool repeats = call.function() == kSendEvery;
    if (const auto refused = why_not(ms, repeats, to, content.size())) return call.done_with_error(*refused);
    // The event that sets it: no other timer of this chain has that number, not even after a restart.
    const std::uint64_t id = cell_.current_sequence();
    // Two that are set for the same time come in the order in which they were set.
    last_set_ns_ = std::max(cell_.monotonic_ns(), last_set_ns_ + 1);
    const std::uint64_t due_ns = last_set_ns_ + ms * kNsPerMs;
    auto timer = std::make_unique<Later>(*this, id, to, content, due_ns, repeats ? ms * kNsPerMs : 0);
    shard_timers().arm(*timer, due_ns);
    bytes_ += content.size();
    cell_.share_params_body(timer->content);
    set_[id] = std::move(timer);
    call.result().ok();
    call.result().unsigned_integer(id);
    return call.done();
  }

  bool cancel(std::uint64_t id) {
    const auto found = set_.find(id);
    if (found == set_.end()) return false;
    shard_timers().disarm(*found->second);
    bytes_ -= found->second->content.size();
    set_.erase(found);
    return true;
  }

  void due(Later& timer) {
    // After a disk that failed the actor takes no more turns, and does nothing else either.
    const SinkCondition* sink = cell_.services().sink_condition;
    if (cell_.is_durable() && sink != nullptr && sink->has_failed()) {
      cancel(timer.id);
      return;
    }
    MessageServer* messages = MessageServer::of(cell_);
    const auto sent = messages->send_to(kSendLater, timer.to, timer.content, timer.id);
    bool goes_on = timer.period_ns > 0;
    if (!sent) {
      const std::string why = "timer " + std::to_string(timer.id) + ": " + sent.error().text;
      cell_.note("timers.refused", as_bytes(why));
      // A mailbox may have room again; who is gone, or not to be addressed, stays so.
      goes_on = goes_on && sent.error().refusal == actor::Refusal::kMailboxFull;
    }
    if (goes_on) {
      const std::uint64_t periods = (cell_.monotonic_ns() - timer.due_ns) / timer.period_ns + 1;
      timer.due_ns += periods * timer.period_ns;
      shard_timers().arm(timer, timer.due_ns);
    } else {
      cancel(timer.id);
    }
    cell_.let_effects_go();
  }

  actor::ActorCell& cell_;
  const TimerBounds bounds_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Later>> set_;
  /// Of the messages in set_.
  std::uint64_t bytes_ = 0;
  std::uint64_t last_set_ns_ = 0;
};

}  // namespace
}  // namespace handlers

std::span<const HandlerInterface> TimersHandler::imports() const {
  static const std::vector<HandlerInterface> interfaces = {
      {.name = "theater:ext/timers",
       .functions = {{.name = "send-after"}, {.name = "send-every"}, {.name = "cancel"}}}};
  return interfaces;
}

HandlerSchema TimersHandler::schema() const { return handlers::builtin_schema(type()); }

Result<std::unique_ptr<HandlerInstance>> TimersHandler::create(const HandlerSetup& setup) const {
  handlers::TimerBounds bounds;
  bounds.timers = setup.config.unsigned_integer("max_timers").value_or(bounds.timers);
  bounds.bytes = setup.config.unsigned_integer("max_bytes").value_or(bounds.bytes);
  bounds.min_period_ms = setup.config.unsigned_integer("min_period_ms").value_or(bounds.min_period_ms);
  return std::make_unique<handlers::Timers>(actor::ActorCell::from(setup.actor), bounds);
}

}  // namespace theater
