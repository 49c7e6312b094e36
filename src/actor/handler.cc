#include "theater/handler.h"

#include <algorithm>

#include "actor/actor_cell.h"

namespace theater {

using actor::ActorAddress;
using actor::ActorCell;
using actor::MailboxGate;
using actor::MessageKind;
using actor::Reservation;

void Completion::complete(Bytes result) const {
  auto* gate = static_cast<MailboxGate*>(gate_);
  if (!gate->is(generation_)) return;
  auto* signal = new actor::Signal;
  signal->kind = actor::SignalKind::kComplete;
  signal->target = {.gate = gate, .generation = generation_};
  signal->call_number = call_number_;
  signal->result = std::move(result);
  gate->shard().post(*signal);
}

Result<void> Poster::post(std::size_t export_place, ByteView params) const {
  const ActorAddress target = {.gate = static_cast<MailboxGate*>(gate_), .generation = generation_};
  const auto slot = static_cast<std::uint16_t>(first_slot_ + export_place);
  if (!target.gate->takes_posted(slot) && target.gate->is(target.generation)) {
    return fail(ErrorCode::kNotFound, "the component does not export the function");
  }
  switch (target.gate->reserve(target.generation, MessageKind::kPosted, params.size())) {
    case Reservation::kGranted: break;
    case Reservation::kFull: return fail(ErrorCode::kMailboxFull, "the actor's mailbox is full");
    case Reservation::kTooLarge:
      return fail(ErrorCode::kTooLarge,
                  "the parameters have " + std::to_string(params.size()) + " bytes, over limits.message_max_bytes");
    case Reservation::kGone:
    case Reservation::kNotAccepted: return fail(ErrorCode::kStopped, "the actor has stopped");
  }
  auto* message = new actor::Message;
  message->kind = MessageKind::kPosted;
  message->slot = slot;
  message->counts_as_message = false;
  message->target = target;
  message->target_id = target.gate->actor_id();
  message->reserved_bytes = static_cast<std::uint32_t>(params.size());
  message->set_plain_params(params);
  target.gate->shard().post(*message);
  return {};
}

HostStatus HostCall::trap(std::string_view message) const {
  // The engine takes the message from where results are written.
  result_ = to_bytes(message);
  return HostStatus::kTrap;
}

HostStatus HostCall::suspend_until(std::uint64_t deadline_ns, Bytes result_when_due) const {
  ActorCell::from(actor_).set_call_deadline(deadline_ns, std::move(result_when_due));
  return HostStatus::kPending;
}

Completion HostCall::completion() const { return ActorCell::from(actor_).completion_token(); }

Result<void> HandlerRegistry::add(std::shared_ptr<const Handler> handler) {
  if (find(handler->type()) != nullptr) {
    return fail(ErrorCode::kAlreadyExists,
                "a handler of type \"" + std::string(handler->type()) + "\" is registered already");
  }
  for (const HandlerInterface& interface : handler->imports()) {
    if (const Handler* other = find_by_interface(interface.name)) {
      return fail(ErrorCode::kAlreadyExists, "the interface " + std::string(interface.name) +
                                                 " has a handler already: " + std::string(other->type()));
    }
  }
  handlers_.push_back(std::move(handler));
  return {};
}

const Handler* HandlerRegistry::find(std::string_view type) const {
  const auto found = std::ranges::find_if(handlers_, [&](const auto& handler) { return handler->type() == type; });
  return found == handlers_.end() ? nullptr : found->get();
}

const Handler* HandlerRegistry::find_by_interface(std::string_view interface) const {
  const std::string name = canonical_interface(interface);
  for (const auto& handler : handlers_) {
    for (const HandlerInterface& implemented : handler->imports()) {
      if (implemented.name == name) return handler.get();
    }
  }
  return nullptr;
}

std::vector<HandlerSchema> HandlerRegistry::schemas() const {
  std::vector<HandlerSchema> schemas;
  for (const auto& handler : handlers_) {
    if (handler->needs_grant()) schemas.push_back(handler->schema());
  }
  return schemas;
}

std::string canonical_interface(std::string_view interface) {
  const std::string_view name = interface.substr(0, interface.find('@'));
  constexpr std::string_view kOldPackage = "ntwk:theater/";
  if (name.starts_with(kOldPackage)) return "theater:simple/" + std::string(name.substr(kOldPackage.size()));
  return std::string(name);
}

}  // namespace theater
