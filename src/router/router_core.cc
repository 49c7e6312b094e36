#include "router/router_core.h"

#include <atomic>

#include "base/limits.h"
#include "sched/task.h"

namespace theater::router {

using actor::ActorAddress;
using actor::ExternalEnd;
using actor::Message;
using actor::MessageKind;
using actor::Refusal;
using actor::Reservation;
using actor::Signal;
using actor::SignalKind;
using actor::Undelivered;

namespace {

/// A request from outside: its answer, or the error when its time is over. On the target's shard, once it was posted
/// there.
class ExternalRequest final : public ExternalEnd,
                              public sched::Timer,
                              public std::enable_shared_from_this<ExternalRequest> {
 public:
  ExternalRequest(sched::Shard& shard, std::uint64_t timeout_ms, MessageRouter::Answer answer)
      : shard_(shard), timeout_ms_(timeout_ms), answer_(std::move(answer)) {}

  /// Starts the deadline.
  void arm() {
    if (!answer_) return;
    while_armed_ = shared_from_this();
    shard_.timers().arm(*this, shard_.clock().monotonic_ns() + timeout_ms_ * kNsPerMs);
  }
  void expired() override {
    answer_once(fail(ErrorCode::kTimeout, "no answer within " + std::to_string(timeout_ms_) + " ms"));
    while_armed_.reset();
  }

  void answered(Result<Payload> answer) override {
    if (armed()) shard_.timers().disarm(*this);
    if (answer) {
      answer_once(to_bytes(answer->view()));
    } else {
      answer_once(fail(std::move(answer.error())));
    }
    while_armed_.reset();
  }
  void channel_message(const ChannelId&, const Payload&) override {}
  void channel_closed(const ChannelId&) override {}

 private:
  void answer_once(Result<Bytes> result) {
    if (!answer_) return;
    const MessageRouter::Answer answer = std::move(answer_);
    answer_ = nullptr;
    answer(std::move(result));
  }

  sched::Shard& shard_;
  const std::uint64_t timeout_ms_;
  MessageRouter::Answer answer_;
  std::shared_ptr<ExternalRequest> while_armed_;
};

/// Puts what opens something into its shard together with its deadline.
template <class End>
class Arrival final : public sched::Delivery {
 public:
  Arrival(Message* message, std::shared_ptr<End> end) : message_(message), end_(std::move(end)) {}
  void deliver() override {
    const std::unique_ptr<Arrival> self(this);
    end_->arm();
    message_->deliver();
  }

 private:
  Message* message_;
  std::shared_ptr<End> end_;
};

Message* make_message(const ActorAddress& address, const ActorId& target, MessageKind kind, ByteView prefix,
                      ByteView body) {
  auto* message = new Message;
  message->kind = kind;
  message->slot = static_cast<std::uint16_t>(kind);
  message->target = address;
  message->target_id = target;
  message->reserved_bytes = static_cast<std::uint32_t>(body.size());
  message->set_params(prefix, body);
  return message;
}

template <class Id>
Bytes id_prefix(const Id& id) {
  Bytes prefix;
  ValueWriter(prefix).string(to_string(id));
  return prefix;
}

}  // namespace

/// The outer end of a channel. On the actor's shard, but for silence().
class ExternalChannelEnd final : public ExternalEnd,
                                 public sched::Timer,
                                 public std::enable_shared_from_this<ExternalChannelEnd> {
 public:
  ExternalChannelEnd(RouterCore& router, const ActorAddress& actor, const ActorId& actor_id, const ChannelId& channel,
                     std::shared_ptr<ChannelListener> listener)
      : router_(router), actor_(actor), actor_id_(actor_id), channel_(channel), listener_(std::move(listener)) {}

  /// Starts the deadline of the opening.
  void arm() {
    sched::Shard& shard = actor_.gate->shard();
    while_armed_ = shared_from_this();
    shard.timers().arm(*this, shard.clock().monotonic_ns() + limits::kRequestTimeoutMs * kNsPerMs);
  }
  void expired() override {
    const auto self = std::exchange(while_armed_, nullptr);
    given_up_ = true;
    router_.forget_channel(channel_);
    if (!silent_) {
      listener_->refused(Error(ErrorCode::kTimeout, to_string(actor_id_) +
                                                        " neither accepted nor refused the channel within " +
                                                        std::to_string(limits::kRequestTimeoutMs) + " ms"));
    }
  }
  /// Any thread: the client closed the channel and wants to hear no more.
  void silence() { silent_ = true; }

  void answered(Result<Payload> answer) override {
    const auto self = std::exchange(while_armed_, nullptr);
    if (armed()) actor_.gate->shard().timers().disarm(*this);
    if (answer && given_up_) {
      // Accepted too late: the actor is told that nobody is there.
      router_.close_to(channel_, actor_, actor_id_);
    } else if (answer && !silent_) {
      listener_->opened(channel_);
    } else if (!answer) {
      router_.forget_channel(channel_);
      if (!silent_ && !given_up_) listener_->refused(answer.error());
    }
  }
  void channel_message(const ChannelId& channel, const Payload& message) override {
    if (!silent_ && !given_up_) listener_->message(channel, message.view());
  }
  void channel_closed(const ChannelId& channel) override {
    router_.forget_channel(channel);
    if (!silent_ && !given_up_) listener_->closed(channel);
  }

 private:
  RouterCore& router_;
  const ActorAddress actor_;
  const ActorId actor_id_;
  const ChannelId channel_;
  const std::shared_ptr<ChannelListener> listener_;
  std::atomic<bool> silent_{false};
  bool given_up_ = false;
  std::shared_ptr<ExternalChannelEnd> while_armed_;
};

ErrorCode code_of(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNoSuchActor: return ErrorCode::kNotFound;
    case Refusal::kMailboxFull: return ErrorCode::kMailboxFull;
    case Refusal::kTooLarge: return ErrorCode::kTooLarge;
    case Refusal::kNotPermitted: return ErrorCode::kNotPermitted;
    case Refusal::kStopped: return ErrorCode::kStopped;
    case Refusal::kNotAccepted: return ErrorCode::kNotPermitted;
    case Refusal::kChannelClosed: return ErrorCode::kClosed;
    case Refusal::kCycle: return ErrorCode::kCycle;
  }
  return ErrorCode::kInternal;
}

std::string explain(Refusal refusal, std::string_view target, const ActorAddress& address, std::uint64_t bytes) {
  const std::string name = printable(as_bytes(target), 100);
  switch (refusal) {
    case Refusal::kNoSuchActor: return "no such actor: " + name;
    case Refusal::kMailboxFull:
      return "mailbox full: " + name + " holds its limit of " + std::to_string(address.gate->message_limit()) +
             " messages or " + std::to_string(address.gate->byte_limit()) + " bytes; try again later";
    case Refusal::kTooLarge:
      return "message too large: " + std::to_string(bytes) + " bytes, " + name + " takes at most " +
             std::to_string(address.gate->message_byte_limit());
    case Refusal::kNotPermitted:
      return "not permitted: the manifest's message_server permissions do not allow this for " + name;
    case Refusal::kStopped: return "stopped: " + name;
    case Refusal::kNotAccepted: return "not accepted: " + name + " exports no function for this kind of message";
    case Refusal::kChannelClosed: return "channel closed: " + name;
    case Refusal::kCycle: return "deadlock: a cycle of waiting actors through " + name;
  }
  return "refused";
}

std::optional<Refusal> refusal_of(Reservation reservation) {
  switch (reservation) {
    case Reservation::kGranted: return std::nullopt;
    case Reservation::kGone: return Refusal::kStopped;
    case Reservation::kFull: return Refusal::kMailboxFull;
    case Reservation::kTooLarge: return Refusal::kTooLarge;
    case Reservation::kNotAccepted: return Refusal::kNotAccepted;
  }
  return Refusal::kStopped;
}

namespace {

/// What goes outside leaves after all that was sent before it has reached its shards' inboxes: who hears an answer and
/// then writes to another actor comes after what the answering actor wrote to that one.
template <class Tell>
void tell_outside(actor::ShardServices& shard, Tell tell) {
  shard.send(shard.shard, *new sched::Task([&shard, tell = std::move(tell)]() mutable {
               shard.shard.flush();
               tell(shard.is_giving_up());
             }));
}

}  // namespace

void tell_answer(actor::ShardServices& shard, std::shared_ptr<ExternalEnd> end, Result<Payload> answer) {
  tell_outside(shard, [end = std::move(end), answer = std::move(answer)](bool given_up) mutable {
    if (given_up) answer = fail(ErrorCode::kUnavailable, std::string(actor::kNotRecorded));
    end->answered(std::move(answer));
  });
}

void tell_message(actor::ShardServices& shard, std::shared_ptr<ExternalEnd> end, const ChannelId& channel,
                  Payload message) {
  tell_outside(shard, [end = std::move(end), channel, message = std::move(message)](bool given_up) {
    if (!given_up) end->channel_message(channel, message);
  });
}

void tell_closed(actor::ShardServices& shard, std::shared_ptr<ExternalEnd> end, const ChannelId& channel) {
  tell_outside(shard, [end = std::move(end), channel](bool) { end->channel_closed(channel); });
}

void answer(actor::ShardServices& shard, const actor::ReplyTo& reply_to, Payload content) {
  if (reply_to.external) {
    tell_answer(shard, reply_to.external, std::move(content));
    return;
  }
  auto* signal = new Signal;
  signal->kind = SignalKind::kResponse;
  signal->target = reply_to.caller;
  signal->call_number = reply_to.call_number;
  signal->answer = std::move(content);
  shard.send(reply_to.caller.gate->shard(), *signal);
}

void answer_with_error(actor::ShardServices& shard, const actor::ReplyTo& reply_to, ErrorCode code, std::string error) {
  if (reply_to.external) {
    tell_answer(shard, reply_to.external, fail(code, std::move(error)));
    return;
  }
  auto* signal = new Signal;
  signal->kind = SignalKind::kResponse;
  signal->target = reply_to.caller;
  signal->call_number = reply_to.call_number;
  signal->error = std::move(error);
  shard.send(reply_to.caller.gate->shard(), *signal);
}

void RouterCore::forget(const ActorId& id) {
  directory_.remove_names(id);
  groups_.leave_all(id);
}

void RouterCore::attach(actor::ShardServices& shard) {
  shard.undelivered_handler = this;
  const std::lock_guard lock(mutex_);
  shards_.push_back(&shard);
}

void RouterCore::detach_all() {
  const std::lock_guard lock(mutex_);
  for (const actor::ShardServices* shard : shards_) {
    past_totals_ += shard->accounting.totals();
    const auto letters = shard->accounting.dead_letters();
    past_letters_.insert(past_letters_.end(), letters.begin(), letters.end());
  }
  shards_.clear();
}

void RouterCore::undelivered(actor::ShardServices& shard, Message& message, Undelivered reason) {
  if (message.kind != MessageKind::kRequest && message.kind != MessageKind::kChannelOpen) return;
  ErrorCode code = ErrorCode::kUnavailable;
  std::string text;
  switch (reason) {
    case Undelivered::kStopped:
      code = ErrorCode::kStopped;
      text = "stopped: " + to_string(message.target_id) + " ended before it took the message";
      break;
    case Undelivered::kDroppedOldest:
      text = "dropped: the mailbox of " + to_string(message.target_id) + " overflowed";
      break;
    case Undelivered::kOverloaded:
      text = "overloaded: " + to_string(message.target_id) + " owes too many answers already";
      break;
    case Undelivered::kNotRecorded: text = actor::kNotRecorded; break;
    case Undelivered::kExpired:
      code = ErrorCode::kTimeout;
      text = "timeout: " + to_string(message.target_id) + " did not take the message in time";
      break;
    case Undelivered::kChannelClosed: text = "not delivered: " + std::string(actor::to_string(reason)); break;
  }
  if (message.reply_to.external || message.reply_to.caller)
    answer_with_error(shard, message.reply_to, code, std::move(text));
}

// From outside --------------------------------------------------------------------------------------------------------

template <class Id>
Id RouterCore::make_id() {
  const std::lock_guard lock(mutex_);
  return random_.make_id<Id>();
}

Result<void> RouterCore::refuse_from_outside(Refusal refusal, std::string_view target, const ActorAddress& address,
                                             std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  accounting_.refused(refusal);
  return fail(code_of(refusal), explain(refusal, target, address, bytes));
}

Result<ActorAddress> RouterCore::reserve_from_outside(const ActorId& target, MessageKind kind, std::uint64_t bytes) {
  const ActorAddress address = directory_.find(target);
  const auto refusal =
      address ? refusal_of(address.gate->reserve(address.generation, kind, bytes)) : Refusal::kNoSuchActor;
  if (refusal) return fail(refuse_from_outside(*refusal, to_string(target), address, bytes).error());
  const std::lock_guard lock(mutex_);
  accounting_.sent();
  return address;
}

Result<void> RouterCore::send(const ActorId& target, ByteView message) {
  auto address = reserve_from_outside(target, MessageKind::kSend, message.size());
  if (!address) return fail(std::move(address.error()));
  address->gate->shard().post(*make_message(*address, target, MessageKind::kSend, {}, message));
  return {};
}

void RouterCore::request(const ActorId& target, ByteView message, std::uint64_t timeout_ms,
                         MessageRouter::Answer answer) {
  auto address = reserve_from_outside(target, MessageKind::kRequest, message.size());
  if (!address) {
    answer(fail(std::move(address.error())));
    return;
  }
  sched::Shard& shard = address->gate->shard();
  if (timeout_ms == 0) timeout_ms = limits::kRequestTimeoutMs;
  timeout_ms = std::min(timeout_ms, limits::kRequestTimeoutMsMax);
  const auto id = make_id<RequestId>();
  Message* request = make_message(*address, target, MessageKind::kRequest, id_prefix(id), message);
  request->id = id.bytes();
  request->expires_ns = shard.clock().monotonic_ns() + timeout_ms * kNsPerMs;
  const auto end = std::make_shared<ExternalRequest>(shard, timeout_ms, std::move(answer));
  request->reply_to.external = end;
  shard.post(*new Arrival<ExternalRequest>(request, end));
}

Result<ChannelId> RouterCore::open_channel(const ActorId& target, ByteView first_message,
                                           std::shared_ptr<ChannelListener> listener) {
  auto address = reserve_from_outside(target, MessageKind::kChannelOpen, first_message.size());
  if (!address) return fail(std::move(address.error()));
  const auto id = make_id<ChannelId>();
  auto end = std::make_shared<ExternalChannelEnd>(*this, *address, target, id, std::move(listener));
  {
    const std::lock_guard lock(mutex_);
    channels_[id] = {.actor = *address, .actor_id = target, .end = end};
  }
  Message* open = make_message(*address, target, MessageKind::kChannelOpen, id_prefix(id), first_message);
  open->id = id.bytes();
  open->reply_to.external = end;
  address->gate->shard().post(*new Arrival<ExternalChannelEnd>(open, std::move(end)));
  return id;
}

Result<void> RouterCore::send_on_channel(const ChannelId& channel, ByteView message) {
  ExternalChannel to;
  {
    const std::lock_guard lock(mutex_);
    const auto found = channels_.find(channel);
    if (found != channels_.end()) to = found->second;
  }
  if (!to.actor) return refuse_from_outside(Refusal::kChannelClosed, to_string(channel), {}, message.size());
  const auto reservation = to.actor.gate->reserve(to.actor.generation, MessageKind::kChannelMessage, message.size());
  if (const auto refusal = refusal_of(reservation)) {
    return refuse_from_outside(*refusal, to_string(to.actor_id), to.actor, message.size());
  }
  {
    const std::lock_guard lock(mutex_);
    accounting_.sent();
  }
  Message* sent = make_message(to.actor, to.actor_id, MessageKind::kChannelMessage, id_prefix(channel), message);
  sent->id = channel.bytes();
  to.actor.gate->shard().post(*sent);
  return {};
}

Result<void> RouterCore::close_channel(const ChannelId& channel) {
  ExternalChannel to;
  {
    const std::lock_guard lock(mutex_);
    const auto found = channels_.find(channel);
    if (found == channels_.end()) return fail(ErrorCode::kClosed, "channel closed: " + to_string(channel));
    to = found->second;
    channels_.erase(found);
  }
  to.end->silence();
  close_to(channel, to.actor, to.actor_id);
  return {};
}

void RouterCore::close_to(const ChannelId& channel, const ActorAddress& actor, const ActorId& actor_id) {
  const auto reservation = actor.gate->reserve_always(actor.generation, MessageKind::kChannelClose, 0);
  if (reservation == Reservation::kNotAccepted) {
    auto* signal = new Signal;
    signal->kind = SignalKind::kChannelGone;
    signal->target = actor;
    signal->channel = channel;
    actor.gate->shard().post(*signal);
  }
  if (reservation != Reservation::kGranted) return;
  {
    const std::lock_guard lock(mutex_);
    accounting_.sent();
  }
  auto* close = new Message;
  close->kind = MessageKind::kChannelClose;
  close->slot = static_cast<std::uint16_t>(MessageKind::kChannelClose);
  close->target = actor;
  close->target_id = actor_id;
  close->id = channel.bytes();
  close->set_plain_params(id_prefix(channel));
  actor.gate->shard().post(*close);
}

void RouterCore::forget_channel(const ChannelId& channel) {
  const std::lock_guard lock(mutex_);
  channels_.erase(channel);
}

actor::Totals RouterCore::totals() const {
  const std::lock_guard lock(mutex_);
  actor::Totals totals = past_totals_;
  totals += accounting_.totals();
  for (const actor::ShardServices* shard : shards_) totals += shard->accounting.totals();
  return totals;
}

std::vector<actor::DeadLetter> RouterCore::dead_letters() const {
  const std::lock_guard lock(mutex_);
  std::vector<actor::DeadLetter> letters = past_letters_;
  for (const actor::ShardServices* shard : shards_) {
    const auto more = shard->accounting.dead_letters();
    letters.insert(letters.end(), more.begin(), more.end());
  }
  return letters;
}

}  // namespace theater::router
