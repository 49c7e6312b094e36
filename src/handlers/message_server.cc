#include "handlers/message_server.h"

#include <algorithm>
#include <array>

#include "base/limits.h"
#include "theater/handlers.h"

namespace theater {
namespace handlers {

using actor::ActorAddress;
using actor::Message;
using actor::MessageKind;
using actor::Refusal;
using actor::Reservation;
using actor::Signal;
using actor::SignalKind;
using actor::TurnResult;
using actor::Undelivered;
using router::answer;
using router::answer_with_error;

namespace {

/// In the order of kFunctions below.
enum Function : std::uint32_t {
  kSend,
  kRequest,
  kOpenChannel,
  kSendOnChannel,
  kCloseChannel,
  kListOutstandingRequests,
  kRespondToRequest,
  kCancelRequest,
};

HostStatus malformed(const HostCall& call) { return call.trap("malformed parameters"); }

/// The canonical bytes of a string that is an id's text.
using IdParams = std::array<std::uint8_t, kUuidTextLength + 1>;

IdParams id_params(const std::array<std::uint8_t, 16>& id) {
  char text[kUuidTextLength];
  format_uuid(id, text);
  IdParams params;
  params[0] = kUuidTextLength;
  std::copy_n(text, kUuidTextLength, params.begin() + 1);
  return params;
}

Bytes error_result(std::string_view text) {
  Bytes result;
  ValueWriter(result).error(text);
  return result;
}

}  // namespace

MessageServer::MessageServer(actor::ActorCell& cell, router::RouterCore& router, MessageServerPermissions permissions)
    : cell_(cell), services_(cell.services()), router_(router), permissions_(std::move(permissions)) {
  cell_.set_hooks(this);
  router_.directory().add(cell_.id(), cell_.address());
}

HostStatus MessageServer::call(HostCall& call) {
  switch (static_cast<Function>(call.function())) {
    case kSend: return send(call);
    case kRequest: return request(call);
    case kOpenChannel: return open_channel(call);
    case kSendOnChannel: return send_on_channel(call);
    case kCloseChannel: return close_channel(call);
    case kListOutstandingRequests: return list_outstanding(call);
    case kRespondToRequest: return respond(call);
    case kCancelRequest: return cancel(call);
  }
  return call.trap("no such function");
}

// Targets -------------------------------------------------------------------------------------------------------------

const MessageServer::Target& MessageServer::find(std::string_view text) {
  const bool same = !text.empty() && text == std::string_view(last_text_.data(), last_text_size_);
  if (same && last_.address && last_.address.gate->is(last_.address.generation) &&
      last_names_version_ == router_.directory().names_version()) {
    return last_;
  }
  last_names_version_ = router_.directory().names_version();
  Target target;
  if (const auto id = parse_id<ActorId>(text)) {
    target.id = *id;
  } else if (const auto named = router_.directory().find_name(text)) {
    target.id = *named;
  }
  if (!target.id.is_nil()) target.address = router_.directory().find(target.id);
  last_text_size_ = 0;
  if (text.size() <= last_text_.size()) {
    std::ranges::copy(text, last_text_.begin());
    last_text_size_ = text.size();
  }
  last_ = target;
  return last_;
}

bool MessageServer::permitted(Right right, std::string_view text, const ActorId& id) const {
  if (right == Right::kSendLater && id == cell_.id()) return true;
  const bool allowed = right == Right::kRequest       ? permissions_.can_request
                       : right == Right::kOpenChannel ? permissions_.can_open_channels
                                                      : permissions_.can_send;
  if (!allowed) return false;
  if (!permissions_.allowed_targets) return true;
  const auto listed = [&](std::string_view what) {
    return std::ranges::find(*permissions_.allowed_targets, what) != permissions_.allowed_targets->end();
  };
  if (listed(text)) return true;
  if (id.is_nil()) return false;
  if (listed(to_string(id))) return true;
  const auto name = router_.directory().name_of(id);
  return name && listed(*name);
}

std::string MessageServer::not_permitted(Right right, std::string_view text) {
  services_.accounting.refused(Refusal::kNotPermitted);
  const auto [name, allowed] = right == Right::kRequest ? std::pair("can_request", permissions_.can_request)
                               : right == Right::kOpenChannel
                                   ? std::pair("can_open_channels", permissions_.can_open_channels)
                                   : std::pair("can_send", permissions_.can_send);
  const std::string field = allowed ? "allowed_targets" : name;
  std::string why = allowed ? "it is not in allowed_targets" : field + " is false";
  // Otherwise it is the bound of the program that made the handler.
  if (const HandlerPermission* permission = cell_.spec().permissions.find("message-server")) {
    if (const auto found = permission->fields.find(field); found != permission->fields.end())
      why += " (" + to_string(found->second.from.front(), permission->capability) + ")";
  }
  std::string told = "not permitted: " + printable(as_bytes(text), 100) + ": " + why;
  cell_.note(actor::kRefusedNote, as_bytes(told));
  return told;
}

std::optional<std::string> MessageServer::why_not(Right right, std::string_view target) {
  if (permitted(right, target, find(target).id)) return std::nullopt;
  return not_permitted(right, target);
}

std::expected<MessageServer::Target, MessageServer::Refused> MessageServer::reserve(Right right, std::string_view text,
                                                                                    MessageKind kind,
                                                                                    std::uint64_t bytes) {
  const Target& target = find(text);
  if (!permitted(right, text, target.id)) {
    return std::unexpected(Refused{Refusal::kNotPermitted, not_permitted(right, text)});
  }
  std::optional<Refusal> refusal;
  if (!target.address) {
    refusal = Refusal::kNoSuchActor;
  } else {
    refusal = router::refusal_of(target.address.gate->reserve(target.address.generation, kind, bytes));
  }
  if (!refusal) {
    services_.accounting.sent();
    return target;
  }
  services_.accounting.refused(*refusal);
  return std::unexpected(Refused{*refusal, router::explain(*refusal, text, target.address, bytes)});
}

Message* MessageServer::make_message(const Target& target, MessageKind kind, std::uint64_t cause_sequence,
                                     std::uint64_t bytes) const {
  Message* message = services_.messages.take();
  message->kind = kind;
  message->slot = static_cast<std::uint16_t>(kind);
  message->target = target.address;
  message->target_id = target.id;
  message->sender = cell_.id();
  message->cause_sequence = cause_sequence;
  message->reserved_bytes = static_cast<std::uint32_t>(bytes);
  return message;
}

// Send and request ----------------------------------------------------------------------------------------------------

template <class Content>
std::expected<const Message*, MessageServer::Refused> MessageServer::put(Right right, std::string_view target,
                                                                         const Content& content,
                                                                         std::uint64_t cause_sequence) {
  const auto place = reserve(right, target, MessageKind::kSend, content.size());
  if (!place) return std::unexpected(place.error());
  Message* message = make_message(*place, MessageKind::kSend, cause_sequence, content.size());
  message->set_params({}, content);
  services_.send(*message);
  return message;
}

std::expected<const Message*, MessageServer::Refused> MessageServer::send_to(Right right, std::string_view target,
                                                                             const Payload& content,
                                                                             std::uint64_t cause_sequence) {
  return put(right, target, content, cause_sequence);
}

HostStatus MessageServer::send(HostCall& call) {
  ValueReader params = call.params();
  // Not params.string(): the engine has checked that it is UTF-8.
  const std::string_view text = as_text(params.bytes());
  const ByteView content = params.bytes();
  if (!params.done()) return malformed(call);
  const auto sent = put(Right::kSend, text, content, cell_.current_sequence());
  if (!sent) return call.done_with_error(sent.error().text);
  cell_.share_params_body((*sent)->payload());
  call.result().ok();
  return call.done();
}

HostStatus MessageServer::refuse_cycle(HostCall& call, const std::vector<ActorId>& cycle, const Target& target,
                                       std::uint64_t bytes) const {
  // The place was reserved and counted as sent: it ends as a message that was not permitted.
  target.address.gate->release(bytes);
  std::string text = "deadlock: this request would close a cycle of actors that wait for each other: ";
  for (const ActorId& id : cycle) {
    const auto name = router_.directory().name_of(id);
    text += (name ? *name + " (" + to_string(id) + ")" : to_string(id)) + " → ";
  }
  const auto name = router_.directory().name_of(cell_.id());
  text += name.value_or(to_string(cell_.id()));
  return call.done_with_error(text);
}

std::expected<Message*, HostStatus> MessageServer::prepare_waiting(HostCall& call, Right right, MessageKind kind,
                                                                   std::string_view text, ByteView content,
                                                                   const std::array<std::uint8_t, 16>& id) {
  const auto target = reserve(right, text, kind, content.size());
  if (!target) return std::unexpected(call.done_with_error(target.error().text));
  if (const auto cycle = services_.waits.wait(cell_.address(), target->address)) {
    services_.accounting.withdrawn(Refusal::kCycle);
    return std::unexpected(refuse_cycle(call, *cycle, *target, content.size()));
  }
  Message* message = make_message(*target, kind, cell_.current_sequence(), content.size());
  message->id = id;
  message->expires_ns = cell_.monotonic_ns() + cell_.spec().manifest.limits.request_timeout_ms * kNsPerMs;
  message->reply_to = {.caller = cell_.address(), .call_number = cell_.call_number(), .external = nullptr};
  message->set_params(id_params(id), content);
  return message;
}

HostStatus MessageServer::send_and_wait(HostCall& call, Message* message, const std::string& when_due) {
  cell_.share_params_body(message->payload());
  const std::uint64_t expires_ns = message->expires_ns;
  awaited_ = {.from = message->target_id, .kind = message->kind, .id = message->id, .expires_ns = expires_ns};
  services_.send(*message);
  return call.suspend_until(expires_ns, error_result(when_due));
}

HostStatus MessageServer::request(HostCall& call) {
  ValueReader params = call.params();
  const std::string_view text = as_text(params.bytes());
  const ByteView content = params.bytes();
  if (!params.done()) return malformed(call);
  const auto message = prepare_waiting(call, Right::kRequest, MessageKind::kRequest, text, content,
                                       services_.random->make_id<RequestId>().bytes());
  if (!message) return message.error();
  return send_and_wait(call, *message,
                       "timeout: no answer from " + printable(as_bytes(text), 100) + " within " +
                           std::to_string(cell_.spec().manifest.limits.request_timeout_ms) + " ms");
}

void MessageServer::request_ended(Message& message, const TurnResult& result) {
  const auto entry = outstanding_.find(RequestId(message.id));
  const bool owed = entry != outstanding_.end();
  if (result.status != TE_CALL_RETURNED) {
    if (!owed) return;
    answer_with_error(services_, entry->second.reply_to,
                      result.status == TE_CALL_GUEST_ERROR ? ErrorCode::kGuestError : ErrorCode::kTrapped,
                      "the request failed in " + cell_.name() + ": " + std::string(result.error));
    outstanding_.erase(entry);
    return;
  }
  ValueReader reader(result.result);
  const bool has_answer = reader.tag();
  if (!has_answer) return;
  const ByteView content = reader.bytes();
  if (!reader.done()) return;
  if (!owed) {
    cell_.note("message-server.second-answer", as_bytes(to_string(RequestId(message.id))));
    cell_.log("answered request " + to_string(RequestId(message.id)) +
              " twice or after cancelling it; the first one counts");
    return;
  }
  if (content.size() > cell_.spec().manifest.limits.message_max_bytes) {
    const std::string error =
        "the answer has " + std::to_string(content.size()) +
        " bytes, over limits.message_max_bytes = " + std::to_string(cell_.spec().manifest.limits.message_max_bytes);
    cell_.log(error);
    answer_with_error(services_, entry->second.reply_to, ErrorCode::kTooLarge,
                      cell_.name() + " could not answer: " + error);
    outstanding_.erase(entry);
    return;
  }
  answer(services_, entry->second.reply_to, Payload::copy(content));
  outstanding_.erase(entry);
}

HostStatus MessageServer::list_outstanding(HostCall& call) {
  forget_expired();
  std::vector<std::string> ids;
  ids.reserve(outstanding_.size());
  for (const auto& [id, request] : outstanding_) ids.push_back(to_string(id));
  // The map's order is nothing that a recorded result should depend on.
  std::ranges::sort(ids);
  ValueWriter result = call.result();
  result.unsigned_integer(ids.size());
  for (const std::string& id : ids) result.string(id);
  return call.done();
}

HostStatus MessageServer::respond(HostCall& call) {
  ValueReader params = call.params();
  const std::string_view text = as_text(params.bytes());
  const ByteView content = params.bytes();
  if (!params.done()) return malformed(call);
  const auto id = parse_id<RequestId>(text);
  const auto entry = id ? outstanding_.find(*id) : outstanding_.end();
  if (entry == outstanding_.end()) {
    return call.done_with_error("no outstanding request " + printable(as_bytes(text), 100) +
                                ": it is unknown, or was answered or cancelled already");
  }
  if (entry->second.expires_ns <= cell_.monotonic_ns()) {
    outstanding_.erase(entry);
    return call.done_with_error("timeout: the sender of request " + std::string(text) + " no longer waits");
  }
  if (content.size() > cell_.spec().manifest.limits.message_max_bytes) {
    return call.done_with_error(
        "message too large: " + std::to_string(content.size()) +
        " bytes, over limits.message_max_bytes = " + std::to_string(cell_.spec().manifest.limits.message_max_bytes));
  }
  const Payload payload = Payload::copy(content);
  answer(services_, entry->second.reply_to, payload);
  outstanding_.erase(entry);
  call.result().ok();
  return call.done();
}

HostStatus MessageServer::cancel(HostCall& call) {
  ValueReader params = call.params();
  const std::string_view text = as_text(params.bytes());
  if (!params.done()) return malformed(call);
  const auto id = parse_id<RequestId>(text);
  const auto entry = id ? outstanding_.find(*id) : outstanding_.end();
  if (entry == outstanding_.end()) {
    return call.done_with_error("no outstanding request " + printable(as_bytes(text), 100) +
                                ": it is unknown, or was answered or cancelled already");
  }
  answer_with_error(services_, entry->second.reply_to, ErrorCode::kRefused,
                    "cancelled: " + cell_.name() + " will not answer the request");
  outstanding_.erase(entry);
  call.result().ok();
  return call.done();
}

void MessageServer::forget_expired() {
  const std::uint64_t now_ns = cell_.monotonic_ns();
  std::erase_if(outstanding_, [&](const auto& entry) { return entry.second.expires_ns <= now_ns; });
}

// Channels ------------------------------------------------------------------------------------------------------------

HostStatus MessageServer::open_channel(HostCall& call) {
  ValueReader params = call.params();
  const std::string_view text = as_text(params.bytes());
  const ByteView content = params.bytes();
  if (!params.done()) return malformed(call);
  const std::uint32_t channels_max = cell_.spec().manifest.limits.channels_max;
  if (channels_.size() >= channels_max) {
    return call.done_with_error("too many channels: this actor has its limit of " + std::to_string(channels_max) +
                                " open (limits.channels_max)");
  }
  const auto id = services_.random->make_id<ChannelId>();
  const auto message = prepare_waiting(call, Right::kOpenChannel, MessageKind::kChannelOpen, text, content, id.bytes());
  if (!message) return message.error();
  channels_[id] = {.peer = (*message)->target,
                   .peer_id = (*message)->target_id,
                   .external = nullptr,
                   .open = false,
                   .opened_here = true};
  return send_and_wait(
      call, *message,
      "timeout: " + printable(as_bytes(text), 100) + " neither accepted nor refused the channel in time");
}

void MessageServer::channel_open_ended(Message& message, const TurnResult& result) {
  const ChannelId id(message.id);
  const auto refuse = [&](ErrorCode code, std::string text) {
    channels_.erase(id);
    if (message.reply_to.external) {
      router::tell_answer(services_, message.reply_to.external, fail(code, std::move(text)));
      return;
    }
    auto* signal = new Signal;
    signal->kind = SignalKind::kChannelRefused;
    signal->target = message.reply_to.caller;
    signal->call_number = message.reply_to.call_number;
    signal->channel = id;
    signal->error = std::move(text);
    services_.send(message.reply_to.caller.gate->shard(), *signal);
  };
  if (result.status != TE_CALL_RETURNED) {
    return refuse(ErrorCode::kGuestError,
                  "channel refused: handle-channel-open of " + cell_.name() + " failed: " + std::string(result.error));
  }
  ValueReader reader(result.result);
  const bool accepted = reader.boolean();
  const bool has_message = reader.tag();
  const ByteView content = has_message ? reader.bytes() : ByteView();
  if (!accepted) {
    const std::string reason = has_message ? ": " + printable(content, limits::kErrorTextBytes) : "";
    return refuse(ErrorCode::kRefused, "channel refused by " + cell_.name() + reason);
  }
  const std::uint32_t channels_max = cell_.spec().manifest.limits.channels_max;
  if (channels_.size() >= channels_max) {
    return refuse(ErrorCode::kResourceExhausted, "channel refused: " + cell_.name() + " has its limit of " +
                                                     std::to_string(channels_max) + " channels open");
  }
  Channel& channel = channels_[id];
  channel = {
      .peer = message.reply_to.caller, .peer_id = message.sender, .external = message.reply_to.external, .open = true};
  if (channel.external) {
    router::tell_answer(services_, channel.external, Payload());
  } else {
    auto* signal = new Signal;
    signal->kind = SignalKind::kChannelAccepted;
    signal->target = channel.peer;
    signal->call_number = message.reply_to.call_number;
    signal->channel = id;
    signal->peer = cell_.address();
    services_.send(channel.peer.gate->shard(), *signal);
  }
  // The event that carries this message is the one before: the turn's return.
  if (has_message) deliver_on_channel(id, channel, content, cell_.current_sequence() - 1);
}

void MessageServer::deliver_on_channel(const ChannelId& id, Channel& channel, ByteView content,
                                       std::uint64_t cause_sequence) {
  if (channel.external) {
    services_.accounting.sent();
    services_.accounting.delivered();
    router::tell_message(services_, channel.external, id, Payload::copy(content));
    return;
  }
  const auto reservation =
      channel.peer.gate->reserve(channel.peer.generation, MessageKind::kChannelMessage, content.size());
  if (const auto refusal = router::refusal_of(reservation)) {
    services_.accounting.refused(*refusal);
    cell_.log("the first message on channel " + to_string(id) +
              " was not delivered: " + std::string(actor::to_string(*refusal)));
    return;
  }
  services_.accounting.sent();
  Message* message = make_message({.address = channel.peer, .id = channel.peer_id}, MessageKind::kChannelMessage,
                                  cause_sequence, content.size());
  message->id = id.bytes();
  message->set_params(id_params(id.bytes()), content);
  services_.send(*message);
}

HostStatus MessageServer::send_on_channel(HostCall& call) {
  ValueReader params = call.params();
  const std::string_view text = as_text(params.bytes());
  const ByteView content = params.bytes();
  if (!params.done()) return malformed(call);
  const auto id = parse_id<ChannelId>(text);
  const auto entry = id ? channels_.find(*id) : channels_.end();
  if (entry == channels_.end() || !entry->second.open) {
    services_.accounting.refused(Refusal::kChannelClosed);
    return call.done_with_error("channel closed: " + printable(as_bytes(text), 100) +
                                " is not an open channel of this actor");
  }
  Channel& channel = entry->second;
  // Names move: the one that it was opened to may be another's by now.
  if (channel.opened_here && !permitted(Right::kOpenChannel, to_string(channel.peer_id), channel.peer_id)) {
    return call.done_with_error(not_permitted(Right::kOpenChannel, to_string(channel.peer_id)));
  }
  if (channel.external) {
    if (content.size() > cell_.spec().manifest.limits.message_max_bytes) {
      services_.accounting.refused(Refusal::kTooLarge);
      return call.done_with_error("message too large: " + std::to_string(content.size()) + " bytes");
    }
    deliver_on_channel(*id, channel, content, 0);
    call.result().ok();
    return call.done();
  }
  const auto reservation =
      channel.peer.gate->reserve(channel.peer.generation, MessageKind::kChannelMessage, content.size());
  if (const auto refusal = router::refusal_of(reservation)) {
    services_.accounting.refused(*refusal);
    return call.done_with_error(router::explain(*refusal, to_string(channel.peer_id), channel.peer, content.size()));
  }
  services_.accounting.sent();
  Message* message = make_message({.address = channel.peer, .id = channel.peer_id}, MessageKind::kChannelMessage,
                                  cell_.current_sequence(), content.size());
  message->id = id->bytes();
  message->set_params(id_params(id->bytes()), content);
  cell_.share_params_body(message->payload());
  services_.send(*message);
  call.result().ok();
  return call.done();
}

void MessageServer::send_close(const ChannelId& id, const Channel& channel) {
  if (channel.external) {
    router::tell_closed(services_, channel.external, id);
    return;
  }
  const auto reservation = channel.peer.gate->reserve_always(channel.peer.generation, MessageKind::kChannelClose, 0);
  if (reservation == Reservation::kNotAccepted) {
    auto* signal = new Signal;
    signal->kind = SignalKind::kChannelGone;
    signal->target = channel.peer;
    signal->channel = id;
    services_.send(channel.peer.gate->shard(), *signal);
  }
  if (reservation != Reservation::kGranted) return;
  services_.accounting.sent();
  Message* message = make_message({.address = channel.peer, .id = channel.peer_id}, MessageKind::kChannelClose,
                                  cell_.current_sequence(), 0);
  message->id = id.bytes();
  message->set_plain_params(id_params(id.bytes()));
  services_.send(*message);
}

HostStatus MessageServer::close_channel(HostCall& call) {
  ValueReader params = call.params();
  const std::string_view text = as_text(params.bytes());
  if (!params.done()) return malformed(call);
  const auto id = parse_id<ChannelId>(text);
  const auto entry = id ? channels_.find(*id) : channels_.end();
  if (entry == channels_.end() || !entry->second.open) {
    return call.done_with_error("channel closed: " + printable(as_bytes(text), 100) +
                                " is not an open channel of this actor");
  }
  send_close(*id, entry->second);
  channels_.erase(entry);
  // Both sides hear of the end, this one as well, unless its mailbox is full: who opens and closes in a loop would
  // otherwise fill it beyond its bound within one turn.
  const Target self = {.address = cell_.address(), .id = cell_.id()};
  const auto reservation = self.address.gate->reserve(self.address.generation, MessageKind::kChannelClose, 0);
  if (const auto refusal = router::refusal_of(reservation)) {
    services_.accounting.refused(*refusal);
  } else {
    services_.accounting.sent();
    Message* message = make_message(self, MessageKind::kChannelClose, cell_.current_sequence(), 0);
    message->id = id->bytes();
    message->closed_by_receiver = true;
    message->set_plain_params(id_params(id->bytes()));
    services_.send(*message);
  }
  call.result().ok();
  return call.done();
}

void MessageServer::channel_answered(Signal& signal) {
  const auto entry = channels_.find(signal.channel);
  const bool awaited = cell_.waits_for_call(signal.call_number) && entry != channels_.end();
  if (signal.kind == SignalKind::kChannelRefused) {
    if (entry != channels_.end()) channels_.erase(entry);
    if (awaited) cell_.complete(signal.call_number, error_result(signal.error.value_or("channel refused")));
    return;
  }
  if (!awaited) {
    // Accepted too late: nobody here waits for it any more.
    if (entry != channels_.end()) channels_.erase(entry);
    send_close(signal.channel,
               {.peer = signal.peer, .peer_id = signal.peer.gate->actor_id(), .external = nullptr, .open = true});
    return;
  }
  entry->second.open = true;
  entry->second.peer = signal.peer;
  Bytes result;
  ValueWriter writer(result);
  writer.ok();
  writer.string(to_string(signal.channel));
  cell_.complete(signal.call_number, std::move(result));
}

// Turns and signals ---------------------------------------------------------------------------------------------------

std::optional<Undelivered> MessageServer::turn_starting(Message& message) {
  switch (message.kind) {
    case MessageKind::kRequest:
      if (message.expires_ns <= cell_.monotonic_ns()) return Undelivered::kExpired;
      if (outstanding_.size() >= cell_.spec().manifest.limits.outstanding_requests_max) forget_expired();
      if (outstanding_.size() >= cell_.spec().manifest.limits.outstanding_requests_max) return Undelivered::kOverloaded;
      outstanding_[RequestId(message.id)] = {.reply_to = message.reply_to, .expires_ns = message.expires_ns};
      return std::nullopt;
    case MessageKind::kChannelMessage: {
      const auto entry = channels_.find(ChannelId(message.id));
      if (entry == channels_.end() || !entry->second.open) return Undelivered::kChannelClosed;
      return std::nullopt;
    }
    case MessageKind::kChannelClose:
      if (message.closed_by_receiver || channels_.erase(ChannelId(message.id)) > 0) return std::nullopt;
      return Undelivered::kChannelClosed;
    default: return std::nullopt;
  }
}

void MessageServer::turn_ended(Message& message, const TurnResult& result) {
  if (message.kind == MessageKind::kRequest) request_ended(message, result);
  if (message.kind == MessageKind::kChannelOpen) channel_open_ended(message, result);
}

void MessageServer::signal(Signal& signal) {
  if (signal.kind == SignalKind::kChannelGone) {
    channels_.erase(signal.channel);
    return;
  }
  if (signal.kind != SignalKind::kResponse) return channel_answered(signal);
  if (!cell_.waits_for_call(signal.call_number)) return;
  // The opening of a channel that never reached its target's turn is answered like a request.
  std::erase_if(channels_, [&](const auto& entry) { return !entry.second.open; });
  if (signal.error) {
    cell_.complete(signal.call_number, error_result(*signal.error));
    return;
  }
  Bytes head;
  ValueWriter writer(head);
  writer.ok();
  writer.unsigned_integer(signal.answer.size());
  cell_.complete(signal.call_number, std::move(head), std::move(signal.answer));
}

void MessageServer::actor_ended() {
  router_.directory().remove(cell_.id());
  for (const auto& [id, request] : outstanding_) {
    answer_with_error(services_, request.reply_to, ErrorCode::kStopped,
                      "stopped: " + cell_.name() + " ended before it answered");
  }
  outstanding_.clear();
  for (const auto& [id, channel] : channels_) send_close(id, channel);
  channels_.clear();
  cell_.set_hooks(nullptr);
}

}  // namespace handlers

namespace {

const std::vector<HandlerInterface>& message_server_imports() {
  static const std::vector<HandlerInterface> interfaces = {{.name = "theater:simple/message-server-host",
                                                            .functions = {{.name = "send"},
                                                                          {.name = "request", .suspends = true},
                                                                          {.name = "open-channel", .suspends = true},
                                                                          {.name = "send-on-channel"},
                                                                          {.name = "close-channel"},
                                                                          {.name = "list-outstanding-requests"},
                                                                          {.name = "respond-to-request"},
                                                                          {.name = "cancel-request"}}}};
  return interfaces;
}

/// By MessageKind, after init.
constexpr std::array<std::string_view, 5> kMessageServerExports = {
    "theater:simple/message-server-client.handle-send",
    "theater:simple/message-server-client.handle-request",
    "theater:simple/message-server-client.handle-channel-open",
    "theater:simple/message-server-client.handle-channel-message",
    "theater:simple/message-server-client.handle-channel-close",
};

/// What both allow.
MessageServerPermissions intersect(MessageServerPermissions a, const MessageServerPermissions& b) {
  a.can_send = a.can_send && b.can_send;
  a.can_request = a.can_request && b.can_request;
  a.can_open_channels = a.can_open_channels && b.can_open_channels;
  if (!a.allowed_targets) {
    a.allowed_targets = b.allowed_targets;
  } else if (b.allowed_targets) {
    std::erase_if(*a.allowed_targets, [&](const std::string& target) {
      return std::ranges::find(*b.allowed_targets, target) == b.allowed_targets->end();
    });
  }
  return a;
}

}  // namespace

MessageServerHandler::MessageServerHandler(std::optional<MessageServerPermissions> permissions, MessageRouter& router)
    : permissions_(std::move(permissions)), router_(router) {}

std::span<const HandlerInterface> MessageServerHandler::imports() const { return message_server_imports(); }

std::span<const std::string_view> MessageServerHandler::exports() const { return kMessageServerExports; }

Result<std::unique_ptr<HandlerInstance>> MessageServerHandler::create(const HandlerSetup& setup) const {
  MessageServerPermissions permissions = message_permissions(setup.permissions);
  if (permissions_) permissions = intersect(std::move(permissions), *permissions_);
  return std::make_unique<handlers::MessageServer>(actor::ActorCell::from(setup.actor), router_.core(),
                                                   std::move(permissions));
}

}  // namespace theater
