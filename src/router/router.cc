#include "theater/router.h"

#include <algorithm>

#include "router/router_core.h"

namespace theater {
namespace {

std::string_view name_of(actor::MessageKind kind) {
  switch (kind) {
    case actor::MessageKind::kInit: return "init";
    case actor::MessageKind::kSend: return "send";
    case actor::MessageKind::kRequest: return "request";
    case actor::MessageKind::kChannelOpen: return "channel-open";
    case actor::MessageKind::kChannelMessage: return "channel-message";
    case actor::MessageKind::kChannelClose: return "channel-close";
    case actor::MessageKind::kPosted: return "posted";
  }
  return "unknown";
}

}  // namespace

MessageRouter::MessageRouter() : core_(std::make_unique<router::RouterCore>()) {}
MessageRouter::~MessageRouter() = default;

Result<ActorId> MessageRouter::find(std::string_view id_or_name) const {
  if (const auto id = parse_id<ActorId>(id_or_name)) {
    if (core_->directory().find(*id)) return *id;
  } else if (const auto named = core_->directory().find_name(id_or_name)) {
    return *named;
  }
  return fail(ErrorCode::kNotFound, "no such actor: " + printable(as_bytes(id_or_name), 100));
}

std::size_t MessageRouter::size() const { return core_->directory().size(); }

Result<void> MessageRouter::send(const ActorId& target, ByteView message) { return core_->send(target, message); }

void MessageRouter::request(const ActorId& target, ByteView message, std::uint64_t timeout_ms, Answer answer) {
  core_->request(target, message, timeout_ms, std::move(answer));
}

Result<ChannelId> MessageRouter::open_channel(const ActorId& target, ByteView first_message,
                                              std::shared_ptr<ChannelListener> listener) {
  return core_->open_channel(target, first_message, std::move(listener));
}

Result<void> MessageRouter::send_on_channel(const ChannelId& channel, ByteView message) {
  return core_->send_on_channel(channel, message);
}

Result<void> MessageRouter::close_channel(const ChannelId& channel) { return core_->close_channel(channel); }

MessageTotals MessageRouter::totals() const {
  const actor::Totals inner = core_->totals();
  MessageTotals totals{.sent = inner.sent,
                       .delivered = inner.delivered,
                       .refused = inner.refused(),
                       .dead_letters = inner.dead_letters(),
                       .refused_by_reason = {},
                       .dead_letters_by_reason = {}};
  for (std::size_t i = 0; i < actor::kRefusals; ++i) {
    totals.refused_by_reason.emplace_back(to_string(static_cast<actor::Refusal>(i)), inner.refused_by[i]);
  }
  for (std::size_t i = 0; i < actor::kUndelivereds; ++i) {
    totals.dead_letters_by_reason.emplace_back(to_string(static_cast<actor::Undelivered>(i)), inner.dead_letters_by[i]);
  }
  return totals;
}

std::vector<DeadLetter> MessageRouter::dead_letters() const {
  std::vector<DeadLetter> letters;
  for (const actor::DeadLetter& letter : core_->dead_letters()) {
    letters.push_back({.time_ns = letter.time_ns,
                       .kind = std::string(name_of(letter.kind)),
                       .reason = std::string(to_string(letter.reason)),
                       .sender = letter.sender,
                       .receiver = letter.receiver,
                       .bytes = letter.bytes});
  }
  std::ranges::sort(letters, {}, &DeadLetter::time_ns);
  return letters;
}

}  // namespace theater
