// How an actor goes on with another component. While the new one is tried it has the actor's place, and its turns are
// recorded like any others; the former instance stands by, with the state that it had.
#include "actor/actor_cell.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "chain/runtime_notes.h"
#include "sched/task.h"

namespace theater::actor {

void ActorCell::update(std::shared_ptr<const ActorSpec> spec, Updated done) {
  if (phase_ == ActorPhase::kEnded || ending_)
    return done(fail(ErrorCode::kStopped, "the actor has ended, or is ending"));
  if (phase_ == ActorPhase::kStarting) {
    return done(fail(ErrorCode::kNotRunning, "the actor is starting: its init has not returned yet; try again"));
  }
  if (update_) return done(fail(ErrorCode::kUnavailable, "another update of the actor is under way; try again"));
  update_ = std::make_unique<Update>(*this, std::move(spec), std::move(done));
  services_.shard.timers().arm(*update_, monotonic_ns() + limits::kUpdateTimeoutMs * kNsPerMs);
  services_.shard.schedule(*this);
}

const std::vector<FormerComponent>& ActorCell::former_components() const {
  static const std::vector<FormerComponent> none;
  return past_ ? past_->components : none;
}

void ActorCell::advance_update() {
  while (update_ && !suspended_) {
    if (update_->failure) return revert_update();
    switch (update_->next) {
      case Update::Step::kTakeOver:
        if (!take_over()) return;
        update_->next = Update::Step::kMigrate;
        break;
      case Update::Step::kMigrate: {
        update_->next = Update::Step::kInit;
        if (spec_->export_of(spec_->migrate_slot) == ActorSpec::kNotExported || spec_->migrate_slot == 0) break;
        Bytes params;
        ValueWriter(params).string(to_hex(update_->former_spec->component_digest));
        call_now(make_call(MessageKind::kPosted, spec_->migrate_slot, params));
        break;
      }
      case Update::Step::kInit:
        update_->next = Update::Step::kCommit;
        if (spec_->export_of(static_cast<std::uint16_t>(MessageKind::kInit)) == ActorSpec::kNotExported) break;
        call_now(make_init());
        break;
      case Update::Step::kCommit: return commit_update();
    }
  }
}

void ActorCell::call_now(Message* message) {
  services_.builder.set_time(wall_ns());
  make_room_in_link();
  start_turn(message);
}

bool ActorCell::take_over() {
  Update& update = *update_;
  // Nothing is recorded before it is sure that there is something to try.
  auto guest = make_guest(*update.spec);
  if (!guest) {
    refuse_update(std::move(guest.error()).with_context("while making an instance of the new component"));
    return false;
  }
  if (!past_) past_ = std::make_unique<Past>(Past{.made_with = spec_, .components = {}});
  if (auto made = make_handlers(*update.spec); !made) {
    refuse_update(std::move(made.error()));
    return false;
  }
  update.former_spec = std::exchange(spec_, update.spec);
  update.former_guest = std::exchange(guest_, std::move(*guest));
  if (has_state_) update.former_state = state_;
  touched_ = {};
  seal_link();
  begin_link();
  update.start_sequence = services_.builder.next_sequence();
  start_reason_ = StartReason::kUpdated;
  record_started();
  return true;
}

void ActorCell::commit_update() {
  const std::unique_ptr<Update> update = take_update();
  const std::string digests = to_hex(update->former_spec->component_digest) + " " + to_hex(spec_->component_digest);
  make_room_in_link();
  services_.builder.note(chain::kUpdatedNote, as_bytes(digests));
  remember_component(update->former_spec, update->start_sequence);
  address_.gate->accept(spec_->accepted());
  is_initialized_ = true;
  services_.observer.actor_updated(*this);
  tell_updated(std::move(update->done), {});
  end_if_asked();
}

void ActorCell::revert_update() {
  const std::unique_ptr<Update> update = take_update();
  drop_handlers(update->former_spec->handlers.size());
  std::shared_ptr<const ActorSpec> tried = std::exchange(spec_, update->former_spec);
  guest_ = std::move(update->former_guest);
  touched_ = {};
  has_state_ = update->former_state.has_value();
  state_ = has_state_ ? std::move(*update->former_state) : Bytes();
  stop_requested_ = false;
  stop_result_.reset();
  seal_link();
  begin_link();
  const std::uint64_t back_sequence = services_.builder.next_sequence();
  record_started();
  services_.builder.note(chain::kUpdateFailedNote, as_bytes(to_hex(tried->component_digest) + " " + *update->failure));
  remember_component(update->former_spec, update->start_sequence);
  remember_component(std::move(tried), back_sequence);
  const std::string what = "the actor goes on with the component that it had, since the new one failed: ";
  tell_updated(std::move(update->done), fail(ErrorCode::kGuestError, what + *update->failure));
  end_if_asked();
}

void ActorCell::abort_update() {
  in_activation_ = true;
  services_.activation_begins(*address_.gate, begin_link());
  const std::string what = "the update did not end within " + std::to_string(limits::kUpdateTimeoutMs / 1000) + " s";
  services_.builder.failed(FailureReason::kStopped, what, {}, 0);
  if (deadline_) services_.shard.timers().disarm(*deadline_);
  services_.waits.stop_waiting(address_);
  suspended_ = false;
  completed_ = false;
  completion_head_ = {};
  completion_body_ = {};
  // It goes first: it must not see what follows.
  guest_.reset();
  finish_turn({.status = TE_CALL_TRAPPED, .result = {}, .error = what});
  update_->failure = what;
  revert_update();
  end_activation();
}

/// Between turns, or while the former component's turn is suspended.
void ActorCell::refuse_update(Error error) {
  const std::unique_ptr<Update> update = take_update();
  const std::string why = to_hex(update->spec->component_digest) + " " + error.to_string();
  note(chain::kUpdateRefusedNote, as_bytes(why));
  tell_updated(std::move(update->done), fail(std::move(error)));
  if (!in_activation_) let_effects_go();
}

void ActorCell::lose_update() {
  const std::unique_ptr<Update> update = take_update();
  tell_updated(std::move(update->done), fail(ErrorCode::kStopped, "the actor has ended: " + end_message_));
}

std::unique_ptr<ActorCell::Update> ActorCell::take_update() {
  services_.shard.timers().disarm(*update_);
  return std::exchange(update_, nullptr);
}

/// News like any other effect: it leaves when what it tells of is sealed, and safe.
void ActorCell::tell_updated(Updated done, Result<void> result) {
  services_.send(services_.shard, *new sched::Task([&services = services_, done = std::move(done), result] {
                   // Who hears of it may count on it that what init sent comes before what is sent from now on.
                   services.shard.flush();
                   if (!services.is_giving_up()) return done(result);
                   done(fail(ErrorCode::kUnavailable, std::string(kNotRecorded)));
                 }));
}

void ActorCell::remember_component(std::shared_ptr<const ActorSpec> spec, std::uint64_t end_sequence) {
  std::vector<FormerComponent>& components = past_->components;
  if (components.size() == limits::kFormerComponentsKept) components.erase(components.begin());
  components.push_back({.spec = std::move(spec), .end_sequence = end_sequence});
}

void ActorCell::Update::expired() {
  if (is_trying()) return cell_.abort_update();
  cell_.refuse_update(Error(ErrorCode::kTimeout, "the actor's running turn did not end within " +
                                                     std::to_string(limits::kUpdateTimeoutMs / 1000) + " s"));
}

}  // namespace theater::actor
