#include "actor/actor_cell.h"

#include <algorithm>
#include <cstring>

#include "actor/turn_failure.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "chain/link_codec.h"
#include "chain/runtime_notes.h"
#include "sched/task.h"

namespace theater::actor {
const HandlerConfig& ActorSpec::config_of(std::size_t handler) const {
  static const HandlerConfig nothing;
  return handler < configs.size() ? configs[handler] : nothing;
}

void ActorSpec::set_permissions(EffectivePermissions effective) {
  permissions = std::move(effective);
  configs.clear();
  for (const HandlerConfig& block : manifest.handlers)
    configs.push_back(effective_config(block, *permissions.find(block.type)));
  for (ImportBinding& import : imports) {
    const Handler& handler = *handlers[import.handler];
    import.is_refused = handler.needs_grant() && permissions.denial(handler.type());
  }
}

std::uint64_t ActorSpec::accepted() const {
  // init is called by the actor itself only, also where an update brings it.
  std::uint64_t bits = accepted_bit(MessageKind::kInit) | accepted_bit(MessageKind::kPosted);
  for (std::uint16_t slot = 0; slot < exports.size(); ++slot) {
    if (exports[slot] == kNotExported) continue;
    bits |= slot < kFirstPostedSlot ? accepted_bit(static_cast<MessageKind>(slot)) : posted_bit(slot);
  }
  return bits;
}

ActorCell::ActorCell(ShardServices& services, std::shared_ptr<const ActorSpec> spec, Start start)
    : services_(services), spec_(std::move(spec)), id_(start.id), parent_(start.parent) {
  if (start.state) {
    state_ = std::move(*start.state);
    has_state_ = true;
  }
  start_reason_ = start.reason;
  is_initialized_ = start.is_initialized;
  const Durability durability = spec_->manifest.chain.durability;
  is_durable_ = services.sink_condition != nullptr && durability != Durability::kNone;
  waits_for_disk_ = is_durable_ && durability == Durability::kSync;
  chain_ = start.chain;
  chain_.memory_only = !is_durable_;
  origin_ = std::move(start.origin);
}

ActorCell::~ActorCell() {
  THEATER_CHECK(!is_queued());
  services_.forget(*this);
  if (deadline_) services_.shard.timers().disarm(*deadline_);
  if (ending_) services_.shard.timers().disarm(*ending_);
  if (update_) services_.shard.timers().disarm(*update_);
  services_.idle_actors.remove(*this);
}

Result<std::unique_ptr<Guest>> ActorCell::make_guest(const ActorSpec& spec) {
  is_making_guest_ = true;
  auto guest = spec.make_guest(*this);
  const bool is_full = !guest && guest.error().code() == ErrorCode::kResourceExhausted;
  if (is_full && services_.idle_actors.evict_oldest(limits::kEvictedAtOnce) > 0) guest = spec.make_guest(*this);
  is_making_guest_ = false;
  return guest;
}

Result<void> ActorCell::start(std::unique_ptr<Guest> guest) {
  guest_ = std::move(guest);
  const ActorLimits& limits = spec_->manifest.limits;
  address_ = services_.gates.open(services_, *this, id_,
                                  {.messages = limits.mailbox_messages,
                                   .bytes = limits.mailbox_bytes,
                                   .message_bytes = limits.message_max_bytes,
                                   .drop_oldest = limits.mailbox_overflow == MailboxOverflow::kDropOldest,
                                   .accepts = spec_->accepted()});
  // First, since a handler may record something as soon as it is made.
  begin_link();
  record_started();
  if (!origin_.empty()) services_.builder.note("runtime.forked", as_bytes(origin_));
  seal_link();
  if (auto made = make_handlers(*spec_); !made) {
    services_.gates.close(address_);
    begin_link();
    mark_ended(StopReason::kFailed, made.error().to_string());
    record_stopped();
    seal_link();
    return made;
  }
  if (spec_->export_of(static_cast<std::uint16_t>(MessageKind::kInit)) == ActorSpec::kNotExported) {
    phase_ = ActorPhase::kRunning;
    was_running_ = true;
    start_to_announce_ = true;
    announce_start();
    let_effects_go();
    stay_idle();
    return {};
  }
  enqueue(make_init());
  return {};
}

/// All of the spec's that are not there yet. After an error those that were there are as before.
Result<void> ActorCell::make_handlers(const ActorSpec& spec) {
  const std::size_t before = handlers_.size();
  const ActorSpec& kept = past_ ? *past_->made_with : *spec_;
  handlers_.reserve(spec.handlers.size());
  for (std::size_t i = before; i < spec.handlers.size(); ++i) {
    auto made = spec.handlers[i]->create({.actor = *this,
                                          .config = kept.config_of(i),
                                          .manifest = kept.manifest,
                                          .permissions = kept.permissions,
                                          .poster = poster_for(spec, i)});
    if (!made) {
      drop_handlers(before);
      return fail(std::move(made.error()));
    }
    handlers_.push_back(std::move(*made));
  }
  return {};
}

/// All beyond the first `count`.
void ActorCell::drop_handlers(std::size_t count) {
  for (std::size_t i = count; i < handlers_.size(); ++i) handlers_[i]->actor_ended();
  handlers_.resize(count);
}

/// A call that does not count as a message; its place is reserved, whatever the mailbox's bounds.
Message* ActorCell::make_call(MessageKind kind, std::uint16_t slot, ByteView params) {
  Message* message = services_.messages.take();
  message->kind = kind;
  message->slot = slot;
  message->counts_as_message = false;
  message->target = address_;
  message->target_id = id_;
  message->sender = ActorId();
  message->cause_sequence = 0;
  message->reserved_bytes = static_cast<std::uint32_t>(params.size());
  message->set_plain_params(params);
  address_.gate->reserve_always(address_.generation, kind, params.size());
  return message;
}

Message* ActorCell::make_init() {
  Bytes params;
  ValueWriter(params).string(to_string(id_));
  return make_call(MessageKind::kInit, static_cast<std::uint16_t>(MessageKind::kInit), params);
}

void ActorCell::record_started() {
  StartedRecord record;
  record.reason = start_reason_;
  record.name = spec_->manifest.name;
  record.component = spec_->component_digest;
  record.manifest = spec_->manifest.text_digest;
  record.parent = parent_;
  record.functions = &spec_->functions;
  const Payload state = has_state_ ? Payload::copy(state_) : Payload();
  if (has_state_) record.state = StateRecord::kept(state);
  is_state_kept_ = true;
  // A name or a function table beyond the format's bounds: the manifest's and the component's loaders refuse both
  // before.
  THEATER_CHECK(services_.builder.started(record).has_value());
}

// Links ---------------------------------------------------------------------------------------------------------------

std::uint64_t ActorCell::begin_link() {
  const std::uint64_t now_ns = wall_ns();
  services_.builder.begin(id_, chain_, now_ns);
  return now_ns;
}

void ActorCell::seal_link() {
  LinkBuilder& builder = services_.builder;
  if (builder.is_empty()) {
    builder.abandon();
    return;
  }
  const SealedLink link = builder.seal(chain_);
  services_.sink.append(link, chain_);
  bytes_since_snapshot_ += link.bytes.size();
  services_.observer.link_sealed(*this, link);
}

void ActorCell::make_room_in_link() {
  if (!services_.builder.full()) return;
  seal_link();
  begin_link();
}

// Turns ---------------------------------------------------------------------------------------------------------------

void ActorCell::enqueue(Message* message) {
  mailbox_.push(message);
  if (address_.gate->drops_oldest()) drop_oldest_over_limit();
  if (!suspended_) services_.shard.schedule(*this);
}

void ActorCell::drop_oldest_over_limit() {
  // The end of a channel is never dropped, it goes to the back instead; so does init. Each message is looked at once at
  // most.
  std::uint32_t looks = address_.gate->messages();
  while (looks-- > 0 && address_.gate->over_limits() && mailbox_.holds_several()) {
    Message* oldest = mailbox_.front();
    if (oldest->kind == MessageKind::kInit) return;
    mailbox_.pop();
    if (oldest->kind == MessageKind::kChannelClose) {
      mailbox_.push(oldest);
    } else {
      services_.drop(oldest, Undelivered::kDroppedOldest);
    }
  }
}

void ActorCell::prefetch() const {
  // With many actors a turn waits for memory more than it computes, at several places one after the other: fetched
  // together, ahead of time, they take as long as one. What lies behind a pointer is fetched by as many lines as its
  // object's hot part has.
  sched::prefetch_lines(mailbox_.front(), (sizeof(Message) + sched::kCacheLineBytes - 1) / sched::kCacheLineBytes);
  sched::prefetch_lines(guest_.get(), 4);
  sched::prefetch_lines(hooks_, 3);
  sched::prefetch_lines(address_.gate, 1);
  sched::prefetch_lines(state_.data(), 1);
  const auto [instance, store, text, bytes] = touched_;
  sched::prefetch_lines(instance, 6);
  sched::prefetch_lines(store, 4);
  sched::prefetch_lines(text, 1);
  sched::prefetch_lines(bytes, 1);
}

void ActorCell::run() {
  if (phase_ == ActorPhase::kEnded) {
    // It ended while it stood in the run queue; this was the last reference.
    if (end_told_) services_.observer.actor_released(*this);
    return;
  }
  if (!ready()) return;
  if (services_.sink_condition != nullptr && !services_.sink_condition->is_good()) [[unlikely]] {
    if (services_.sink_condition->has_failed()) {
      if (is_durable_) return refuse_turns();
    } else {
      return services_.rest(*this, rest_number_);
    }
  }
  in_activation_ = true;
  const std::uint64_t began_ns = begin_link();
  services_.activation_begins(*address_.gate, began_ns);
  if (suspended_) resume_turn();
  // The end of the turn that it waited for may be the actor's.
  if (update_ && phase_ != ActorPhase::kEnded) advance_update();
  for (unsigned turns = 0; turns < limits::kBatchMessages; ++turns) {
    if (suspended_ || paused_ || phase_ == ActorPhase::kEnded || mailbox_.empty()) break;
    if (guest_ == nullptr && !make_again()) break;
    if (turns > 0) {
      const std::uint64_t now_ns = wall_ns();
      // Others wait. A clock that was set back ends the activation as well.
      if (now_ns - began_ns > limits::kEpochMs * kNsPerMs) break;
      services_.builder.set_time(now_ns);
    }
    make_room_in_link();
    start_turn(mailbox_.pop());
  }
  end_activation();
}

void ActorCell::end_activation() {
  in_activation_ = false;
  services_.activation_ended();
  if (phase_ == ActorPhase::kEnded) {
    record_stopped();
    finish_end();
    return;
  }
  seal_link();
  announce_start();
  let_effects_go();
  if (ready()) services_.shard.schedule(*this);
  stay_idle();
}

std::uint64_t ActorCell::evict_after_ns() const { return spec_->manifest.instance.evict_after_ms * kNsPerMs; }

/// From now on the time counts after which its instance goes.
void ActorCell::stay_idle() {
  if (evict_after_ns() == 0) return;
  active_ns_ = monotonic_ns();
  if (guest_ != nullptr) services_.idle_actors.add(*this);
}

bool ActorCell::evict() {
  const bool is_idle = phase_ == ActorPhase::kRunning && !in_activation_ && !suspended_ && !update_ && mailbox_.empty();
  if (guest_ == nullptr || !is_idle || evict_after_ns() == 0) return false;
  services_.idle_actors.remove(*this);
  guest_.reset();
  touched_ = {};
  state_.shrink_to_fit();
  return true;
}

bool ActorCell::make_again() {
  auto guest = make_guest(*spec_);
  if (!guest) {
    mark_failed(FailureReason::kHostError, "its instance could not be made again: " + guest.error().to_string());
    return false;
  }
  guest_ = std::move(*guest);
  make_room_in_link();
  services_.builder.note(chain::kInstanceRenewedNote, {});
  return true;
}

void ActorCell::let_effects_go() {
  if (waits_for_disk_) {
    services_.flush_outbox_when_safe(chain_.last_position);
  } else {
    services_.flush_outbox();
  }
}

void ActorCell::refuse_turns() {
  if (update_ && !is_trying_update()) refuse_update(Error(ErrorCode::kUnavailable, std::string(kNotRecorded)));
  while (!mailbox_.empty()) {
    Message* message = mailbox_.pop();
    const bool is_init = message->kind == MessageKind::kInit;
    services_.drop(message, Undelivered::kNotRecorded);
    if (!is_init) continue;
    services_.flush_outbox();
    return end(StopReason::kFailed, kNotRecorded);
  }
  services_.flush_outbox();
}

void ActorCell::start_turn(Message* message) {
  const bool hooked = message->kind != MessageKind::kInit && message->kind != MessageKind::kPosted;
  if (hooked && hooks_ != nullptr) {
    if (const auto reason = hooks_->turn_starting(*message)) {
      services_.drop(message, *reason);
      return;
    }
  }
  address_.gate->release(message->reserved_bytes);
  if (message->counts_as_message) services_.accounting.delivered();
  current_ = message;
  turn_event_bytes_ = 0;
  const std::uint32_t export_index = spec_->export_of(message->slot);
  const ValueView params = message->params();
  const Payload& payload = message->payload();
  const ValueRecord record = payload.is_large() ? ValueRecord(params.head, payload) : ValueRecord(params);
  services_.builder.call(export_index, message->cause(), record);
  const te_call_args args = {
      .export_index = export_index,
      .has_state = has_state_,
      .state = to_engine(state_),
      .params = {.head = to_engine(params.head), .body = to_engine(params.body)},
      .fuel = spec_->manifest.limits.fuel_per_turn,
      .deadline_ticks = spec_->turn_deadline_ticks,
  };
  const te_outcome& outcome = guest_->call(args);
  std::ranges::copy(outcome.touched, touched_.begin());
  turn_advanced(outcome);
}

void ActorCell::resume_turn() {
  suspended_ = false;
  completed_ = false;
  if (deadline_) services_.shard.timers().disarm(*deadline_);
  const ValueView result = {.head = completion_head_, .body = completion_body_.view()};
  turn_event_bytes_ += result.size();
  services_.builder.host_call_end(completion_body_.is_large() ? ValueRecord(result.head, completion_body_)
                                                              : ValueRecord(result));
  // What the guest reads must stay where it is until it has read it, though it may suspend again.
  Bytes head = std::move(completion_head_);
  Payload body = std::move(completion_body_);
  completion_head_ = {};
  completion_body_ = {};
  turn_advanced(guest_->resume({.head = to_engine(head), .body = to_engine(body.view())}));
}

void ActorCell::turn_advanced(const te_outcome& outcome) {
  make_room_in_link();
  if (outcome.status != TE_CALL_SUSPENDED) {
    ++turns_;
    fuel_last_turn_ = outcome.fuel_used;
    fuel_used_ += outcome.fuel_used;
    services_.accounting.turn(outcome.fuel_used);
  }
  switch (outcome.status) {
    case TE_CALL_RETURNED: turn_returned(outcome); return;
    case TE_CALL_SUSPENDED: suspended_ = true; return;
    case TE_CALL_GUEST_ERROR: {
      services_.builder.failed(FailureReason::kGuestError, as_text(from_engine(outcome.result.head)), {},
                               outcome.fuel_used);
      return turn_failed(FailureReason::kGuestError,
                         " returned an error: ", printable(from_engine(outcome.result.head), limits::kErrorTextBytes));
    }
    case TE_CALL_TRAPPED: turn_trapped(outcome); return;
  }
}

void ActorCell::turn_failed(FailureReason reason, std::string_view how, const std::string& error) {
  const bool is_init = current_->kind == MessageKind::kInit;
  const std::string message = (is_init ? "init" : "handler") + std::string(how) + error;
  if (is_trying_update()) {
    update_->failure = spec_->functions.exports[spec_->export_of(current_->slot)] + std::string(how) + error;
    return finish_turn({.status = TE_CALL_GUEST_ERROR, .result = {}, .error = error});
  }
  // One that is resumed has the state of its last turn already: that is not lost to it.
  const bool failed_to_start = is_init && !is_initialized_;
  if (!failed_to_start) log(message);
  finish_turn({.status = TE_CALL_GUEST_ERROR, .result = {}, .error = error});
  if (failed_to_start) mark_failed(reason, message);
}

void ActorCell::turn_returned(const te_outcome& outcome) {
  const ByteView state = from_engine(outcome.state);
  const ValueView result = {.head = from_engine(outcome.result.head), .body = from_engine(outcome.result.body)};
  if (const auto refused = why_state_is_refused(state.size())) {
    services_.builder.failed(FailureReason::kHostError, *refused, {}, outcome.fuel_used);
    return turn_failed(FailureReason::kHostError, " failed: ", *refused);
  }
  const bool unchanged =
      outcome.has_state == has_state_ &&
      (!has_state_ || (state.size() == state_.size() &&
                       (state.empty() || std::memcmp(state.data(), state_.data(), state.size()) == 0)));
  StateRecord record = StateRecord::unchanged();
  if (!unchanged) {
    has_state_ = outcome.has_state;
    state_.assign(state.begin(), state.end());
    record = has_state_ ? StateRecord::changed(state_) : StateRecord::none();
    is_state_kept_ = state_.size() <= chain::kInlineStateBytes;
  }
  services_.builder.returned(result, record, outcome.fuel_used);
  if (is_durable_ && is_snapshot_due()) keep_state();
  finish_turn({.status = TE_CALL_RETURNED, .result = result, .error = {}});
}

bool ActorCell::is_snapshot_due() {
  const ChainPolicy& policy = spec_->manifest.chain;
  ++turns_since_snapshot_;
  if (is_state_kept_) return false;
  return spec_->manifest.resume || (policy.snapshot_turns > 0 && turns_since_snapshot_ >= policy.snapshot_turns) ||
         (policy.snapshot_bytes > 0 && bytes_since_snapshot_ >= policy.snapshot_bytes);
}

void ActorCell::keep_state() {
  services_.builder.keep_state(Payload::copy(state_));
  is_state_kept_ = true;
  turns_since_snapshot_ = 0;
  bytes_since_snapshot_ = 0;
}

void ActorCell::turn_trapped(const te_outcome& outcome) {
  const std::string error = explain_trap(outcome, spec_->manifest.limits);
  services_.builder.failed(failure_of(outcome.trap), error, as_text(from_engine(outcome.backtrace)), outcome.fuel_used);
  std::string message = "trapped in " + spec_->functions.exports[spec_->export_of(current_->slot)] + ": " + error;
  const bool is_trial = is_trying_update();
  if (is_trial) update_->failure = message;
  const ByteView backtrace = from_engine(outcome.backtrace);
  if (!backtrace.empty()) message += "\n" + std::string(as_text(backtrace));
  finish_turn({.status = TE_CALL_TRAPPED, .result = {}, .error = error});
  if (!is_trial) mark_failed(failure_of(outcome.trap), std::move(message));
}

void ActorCell::finish_turn(const TurnResult& result) {
  Message* message = current_;
  current_ = nullptr;
  if (message->kind == MessageKind::kInit) {
    if (phase_ != ActorPhase::kStarting) {
      // Of a new component: it ran before.
    } else if (result.status == TE_CALL_RETURNED || (is_initialized_ && result.status == TE_CALL_GUEST_ERROR)) {
      phase_ = ActorPhase::kRunning;
      was_running_ = true;
      start_to_announce_ = true;
    }
  } else if (message->kind != MessageKind::kPosted && hooks_ != nullptr) {
    hooks_->turn_ended(*message, result);
  }
  services_.recycle(message);
  if (phase_ != ActorPhase::kEnded && !is_trying_update()) end_if_asked();
}

void ActorCell::end_if_asked() {
  if (stop_requested_) {
    mark_ended(StopReason::kShutdown, "shutdown");
  } else if (ending_) {
    mark_ended(ending_->reason, std::move(ending_->message));
  }
}

// Host calls ----------------------------------------------------------------------------------------------------------

namespace {

/// A handler that throws ends the guest, and its host call is recorded like any other.
HostStatus call_handler(HandlerInstance& handler, HostCall& call) {
  try {
    return handler.call(call);
  } catch (const std::exception&) {
    return call.trap("a handler failed");
  }
}

}  // namespace

HostStatus ActorCell::refuse(std::uint32_t import_index, const HostCall& call) {
  const ActorSpec::ImportBinding& binding = spec_->imports[import_index];
  const std::string text = "not permitted: " + spec_->functions.imports[import_index] + ": " +
                           spec_->permissions.denial(spec_->handlers[binding.handler]->type()).value_or("");
  note(kRefusedNote, as_bytes(text));
  return binding.tells_errors ? call.done_with_error(text) : call.trap(text);
}

bool ActorCell::count_event_bytes(std::uint64_t bytes) {
  /// What an event takes beside the values in it.
  constexpr std::uint64_t kEventBytes = 32;
  turn_event_bytes_ += bytes + kEventBytes;
  return turn_event_bytes_ <= spec_->manifest.limits.event_bytes_per_turn;
}

te_host_status ActorCell::host_call(std::uint32_t import_index, te_value params, te_host_reply* reply) {
  if (handlers_.empty() || is_making_guest_) {
    // A start function, e.g. of a C++ global object: there is no turn yet that the call could belong to.
    static constexpr std::string_view kTooEarly = "host functions cannot be called while the instance is being made";
    reply->value = {.head = to_engine(as_bytes(kTooEarly)), .body = {}};
    return TE_HOST_TRAP;
  }
  make_room_in_link();
  const ActorSpec::ImportBinding binding = spec_->imports[import_index];
  const ValueView view = {.head = from_engine(params.head), .body = from_engine(params.body)};
  Bytes& result = services_.host_result;
  result.clear();
  shared_body_ = nullptr;
  ++call_number_;
  HostCall call(*this, binding.function, view, result);
  HostStatus status;
  if (!count_event_bytes(view.size())) [[unlikely]] {
    status = call.trap("too many events: the host calls of this turn have more than limits.event_bytes_per_turn = " +
                       std::to_string(spec_->manifest.limits.event_bytes_per_turn) + " bytes recorded");
  } else if (binding.is_refused) [[unlikely]] {
    status = refuse(import_index, call);
  } else {
    status = call_handler(*handlers_[binding.handler], call);
  }
  // It stands for the body only where the engine passes that by itself.
  const bool is_shared =
      shared_body_ != nullptr && shared_body_->is_large() && shared_body_->size() == view.body.size();
  const ValueRecord record = is_shared ? ValueRecord(view.head, *shared_body_) : ValueRecord(view);
  shared_body_ = nullptr;
  reply->value = {.head = to_engine(result), .body = {}};
  turn_event_bytes_ += result.size();
  switch (status) {
    case HostStatus::kDone: services_.builder.host_call(import_index, record, ByteView(result)); return TE_HOST_DONE;
    case HostStatus::kPending:
      services_.builder.host_call_begin(import_index, record);
      pending_import_ = import_index;
      pending_since_ns_ = monotonic_ns();
      return TE_HOST_PENDING;
    // One that ends the guest has no result: it is begun, and the failure that follows is its end.
    case HostStatus::kTrap: services_.builder.host_call_begin(import_index, record); return TE_HOST_TRAP;
  }
  return TE_HOST_TRAP;
}

void ActorCell::complete(std::uint64_t call_number, Bytes head, Payload body) {
  if (!waits_for_call(call_number)) return;
  completion_head_ = std::move(head);
  completion_body_ = std::move(body);
  completed_ = true;
  services_.waits.stop_waiting(address_);
  services_.shard.schedule(*this);
}

void ActorCell::set_call_deadline(std::uint64_t deadline_ns, Bytes result) {
  if (!deadline_) deadline_ = std::make_unique<CallDeadline>(*this);
  deadline_->result = std::move(result);
  services_.shard.timers().arm(*deadline_, deadline_ns);
}

void ActorCell::CallDeadline::expired() { cell_.complete(cell_.call_number_, std::move(result)); }

void ActorCell::signal(Signal& signal) {
  switch (signal.kind) {
    case SignalKind::kComplete: complete(signal.call_number, std::move(signal.result)); return;
    case SignalKind::kStop: end(signal.stop_reason, signal.error.value_or("")); return;
    default:
      if (hooks_ != nullptr) hooks_->signal(signal);
      let_effects_go();
  }
}

Completion ActorCell::completion_token() const {
  Completion completion;
  completion.gate_ = address_.gate;
  completion.generation_ = address_.generation;
  completion.call_number_ = call_number_;
  return completion;
}

Poster ActorCell::poster_for(const ActorSpec& spec, std::size_t handler) const {
  Poster poster;
  poster.gate_ = address_.gate;
  poster.generation_ = address_.generation;
  poster.first_slot_ = spec.first_slots[handler];
  return poster;
}

// The end -------------------------------------------------------------------------------------------------------------

void ActorCell::mark_ended(StopReason reason, std::string message) {
  phase_ = ActorPhase::kEnded;
  end_reason_ = reason;
  end_message_ = std::move(message);
}

void ActorCell::mark_failed(FailureReason reason, std::string message) {
  failure_ = reason;
  mark_ended(StopReason::kFailed, std::move(message));
}

void ActorCell::record_stopped() {
  make_room_in_link();
  services_.builder.stopped(end_reason_, end_message_);
  if (is_durable_ && !is_state_kept_) keep_state();
}

void ActorCell::end(StopReason reason, std::string_view message) {
  THEATER_CHECK(!in_activation_);
  if (phase_ == ActorPhase::kEnded) return;
  begin_link();
  mark_ended(reason, std::string(message));
  if (suspended_) {
    services_.builder.failed(FailureReason::kStopped, "stopped while it waited for a host call", {}, 0);
  }
  record_stopped();
  finish_end();
}

void ActorCell::end_after_turn(StopReason reason, std::string_view message, std::uint64_t deadline_ns) {
  if (phase_ == ActorPhase::kEnded || ending_) return;
  if (!suspended_) return end(reason, message);
  ending_ = std::make_unique<EndDeadline>(*this);
  ending_->reason = reason;
  ending_->message = message;
  services_.shard.timers().arm(*ending_, deadline_ns);
}

void ActorCell::EndDeadline::expired() {
  cell_.end(reason, message.empty() ? "its turn did not end in time" : message + "; its turn did not end in time");
}

void ActorCell::pause() {
  if (paused_ || phase_ != ActorPhase::kRunning) return;
  note("runtime.paused", {});
  paused_ = true;
}

void ActorCell::go_on() {
  if (!paused_) return;
  note("runtime.continued", {});
  paused_ = false;
  if (ready()) services_.shard.schedule(*this);
}

bool ActorCell::call_later(std::uint16_t slot, ByteView params, const std::optional<Cause>& cause) {
  if (phase_ == ActorPhase::kEnded || spec_->export_of(slot) == ActorSpec::kNotExported) return false;
  Message* message = make_call(MessageKind::kPosted, slot, params);
  message->sender = cause ? cause->actor : ActorId();
  message->cause_sequence = cause ? cause->sequence : 0;
  enqueue(message);
  return true;
}

void ActorCell::announce_start() {
  if (!start_to_announce_) return;
  start_to_announce_ = false;
  if (waits_for_disk_) {
    services_.send(services_.shard, *new sched::Task([this] { tell_start(); }));
    return;
  }
  // Who waits for the start may count on it that what init sent comes before what is sent from now on.
  services_.flush_outbox();
  services_.shard.flush();
  services_.observer.actor_started(*this);
}

void ActorCell::tell_start() {
  services_.shard.flush();
  if (!services_.is_giving_up()) return services_.observer.actor_started(*this);
  was_running_ = false;
  end(StopReason::kFailed, kNotRecorded);
}

void ActorCell::finish_end() {
  seal_link();
  announce_start();
  if (deadline_) services_.shard.timers().disarm(*deadline_);
  if (ending_) services_.shard.timers().disarm(*ending_);
  services_.idle_actors.remove(*this);
  services_.gates.close(address_);
  if (current_ != nullptr) {
    // A suspended turn. The guest goes first: it must not see what follows.
    guest_.reset();
    finish_turn({.status = TE_CALL_TRAPPED, .result = {}, .error = "the actor was stopped"});
  }
  if (update_) lose_update();
  for (const auto& handler : handlers_) handler->actor_ended();
  while (!mailbox_.empty()) services_.drop(mailbox_.pop(), Undelivered::kStopped);
  suspended_ = false;
  completed_ = false;
  guest_.reset();
  if (waits_for_disk_) {
    services_.send(services_.shard, *new sched::Task([this] { tell_end(); }));
    services_.flush_outbox_when_safe(chain_.last_position);
    return;
  }
  services_.flush_outbox();
  tell_end();
}

void ActorCell::tell_end() {
  services_.observer.actor_ended(*this);
  end_told_ = true;
  if (!is_queued()) services_.observer.actor_released(*this);
}

// What handlers ask for -----------------------------------------------------------------------------------------------

void ActorCell::log(std::string_view line) { services_.observer.actor_logged(*this, line); }

void ActorCell::note(std::string_view type, ByteView data) {
  if (in_activation_) {
    make_room_in_link();
    services_.builder.note(type, data);
    return;
  }
  if (phase_ == ActorPhase::kEnded) return;
  begin_link();
  services_.builder.note(type, data);
  seal_link();
}

void ActorCell::stop(std::optional<Bytes> result) {
  stop_requested_ = true;
  stop_result_ = std::move(result);
}

}  // namespace theater::actor
