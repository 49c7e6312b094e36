#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actor/guest.h"
#include "actor/message.h"
#include "actor/shard_services.h"
#include "chain/event_sink.h"
#include "theater/event.h"
#include "theater/handler.h"
#include "theater/manifest.h"

namespace theater::actor {

/// What all actors made from one component and manifest share; never changes. Any thread.
struct ActorSpec {
  Manifest manifest;
  /// By import: which of the actor's handlers, and which of its functions.
  struct ImportBinding {
    std::uint16_t handler = 0;
    std::uint16_t function = 0;
    /// Its result may be an error's text.
    bool tells_errors = false;
    /// The actor's permissions do not allow it; so it is until set_permissions() was told them.
    bool is_refused = true;
  };
  std::vector<ImportBinding> imports;
  /// By slot (MessageKind, then the handlers' own exports): the component's export index, kNotExported if it has none.
  std::vector<std::uint32_t> exports;
  static constexpr std::uint32_t kNotExported = UINT32_MAX;
  /// The handlers of the manifest, in its order, then those that need no grant.
  std::vector<const Handler*> handlers;
  EffectivePermissions permissions;
  /// By handler of the manifest: its block with what the permissions leave of it.
  std::vector<HandlerConfig> configs;
  /// By handler: its first slot in `exports`.
  std::vector<std::uint16_t> first_slots;
  /// The slot of what turns a former component's state into one of this component; 0: none is exported.
  std::uint16_t migrate_slot = 0;
  FunctionTable functions;
  Digest component_digest{};
  std::uint64_t turn_deadline_ticks = UINT64_MAX;
  /// Makes an instance of the component for this cell, on the cell's shard. kResourceExhausted when there is no room.
  std::function<Result<std::unique_ptr<Guest>>(ActorCell& cell)> make_guest;

  std::uint32_t export_of(std::uint16_t slot) const { return slot < exports.size() ? exports[slot] : kNotExported; }
  /// Once manifest, handlers and imports are there.
  void set_permissions(EffectivePermissions effective);
  /// What the manifest says to the handler in this place; nothing to one that needs no grant.
  const HandlerConfig& config_of(std::size_t handler) const;
  /// What the gate of an actor takes, in bits.
  std::uint64_t accepted() const;
};

/// How a turn ended, for whoever waits for its outcome.
struct TurnResult {
  te_call_status status = TE_CALL_RETURNED;
  /// Canonical bytes of the values after the state; only when it returned.
  ValueView result;
  /// In words; only when it did not return.
  std::string_view error;
};

/// Whose answer a suspended call waits for.
struct AwaitedAnswer {
  ActorId from;
  /// kRequest or kChannelOpen, and its id.
  MessageKind kind = MessageKind::kRequest;
  std::array<std::uint8_t, 16> id{};
  /// When it is given up, monotonic.
  std::uint64_t expires_ns = 0;
};

/// What the messaging handler adds to turns. On the actor's shard.
class MessageHooks {
 public:
  virtual ~MessageHooks() = default;
  /// Just before the message's turn; a reason drops it instead.
  virtual std::optional<Undelivered> turn_starting(Message& message) = 0;
  virtual void turn_ended(Message& message, const TurnResult& result) = 0;
  /// An answer or a channel's opening has arrived.
  virtual void signal(Signal& signal) = 0;
  /// While the actor's turn is suspended in a call of this handler; of no meaning otherwise.
  virtual const AwaitedAnswer& awaited() const = 0;
  /// Requests that the actor has received and not answered.
  virtual std::size_t outstanding_requests() const = 0;
};

/// What an actor ran before it was updated.
struct FormerComponent {
  std::shared_ptr<const ActorSpec> spec;
  /// Its events come before this sequence, and after those of the one before it.
  std::uint64_t end_sequence = 0;
};

enum class ActorPhase : std::uint8_t { kStarting, kRunning, kEnded };

/// An actor: its mailbox, state, guest and chain, and the turns that join them. It stays on its shard for good and is
/// used by that shard's thread only; others reach it by its address.
class ActorCell final : public sched::Runnable, public ActorContext {
 public:
  struct Start {
    ActorId id;
    std::optional<ActorId> parent;
    std::optional<Bytes> state;
    StartReason reason = StartReason::kSpawned;
    /// The end of the chain that it goes on with.
    ChainHead chain;
    /// init has returned before, in the chain that it goes on with: an error that it returns now does not end the
    /// actor.
    bool is_initialized = false;
    /// Of a forked actor: the event that it goes on from, in words. Noted right after its start.
    std::string origin = {};
  };

  ActorCell(ShardServices& services, std::shared_ptr<const ActorSpec> spec, Start start);
  ~ActorCell();

  /// An instance of the component with this spec. When there is no room for it, idle actors of the shard give up
  /// theirs.
  Result<std::unique_ptr<Guest>> make_guest(const ActorSpec& spec);
  /// Makes the handlers' sides, opens the gate, records the start and queues init.
  Result<void> start(std::unique_ptr<Guest> guest);
  /// Ends the actor, at once and from outside of its turns: a suspended call is given up, waiting messages become dead
  /// letters.
  void end(StopReason reason, std::string_view message);
  /// Ends the actor when its suspended turn is over, at `deadline_ns` (monotonic) at the latest; at once when none is
  /// under way. No further turn begins.
  void end_after_turn(StopReason reason, std::string_view message, std::uint64_t deadline_ns);
  /// No turn begins until go_on(); messages wait. One that is suspended goes on to its end. Recorded, unless nothing
  /// changes.
  void pause();
  void go_on();
  bool is_paused() const { return paused_; }
  using Updated = std::function<void(Result<void>)>;
  /// Goes on with another component once the running turn is over, before the next message: its migrate is called with
  /// the state, then its init. If its instance cannot be made, or one of the two fails or does not end in time, the
  /// former instance goes on with the state that it had, and nothing but the chain tells of it. `spec` is made for this
  /// actor's manifest: its handlers begin with those of the present spec. `done` is called once, when what it tells may
  /// be known: nothing, or why the former one goes on.
  void update(std::shared_ptr<const ActorSpec> spec, Updated done);
  /// Gives up the instance, with all that the component kept in it; it is made again before the next turn. False when
  /// the actor is not idle, or has none.
  bool evict();
  bool has_instance() const { return guest_ != nullptr; }
  /// How long it must be idle to be evicted; 0: it never is.
  std::uint64_t evict_after_ns() const;
  /// Whose events came before those of the present component, the oldest first; the last
  /// limits::kFormerComponentsKept.
  const std::vector<FormerComponent>& former_components() const;

  /// Queues a call of the exported function in this slot, even when the mailbox is full: for what must not be lost and
  /// is bounded otherwise. False when the component does not export it.
  bool call_later(std::uint16_t slot, ByteView params, const std::optional<Cause>& cause);

  // What a Guest's host calls come to.
  te_host_status host_call(std::uint32_t import_index, te_value params, te_host_reply* reply);

  // ActorContext
  const ActorId& id() const override { return id_; }
  const std::string& name() const override { return spec_->manifest.name; }
  std::uint64_t wall_ns() const override { return services_.shard.clock().wall_ns(); }
  std::uint64_t monotonic_ns() const override { return services_.shard.clock().monotonic_ns(); }
  void log(std::string_view line) override;
  void note(std::string_view type, ByteView data) override;
  void stop(std::optional<Bytes> result) override;

  /// The cell behind a context: every context is one. For the handlers of this project.
  static ActorCell& from(ActorContext& context) { return static_cast<ActorCell&>(context); }

  const ActorAddress& address() const { return address_; }
  ShardServices& services() const { return services_; }
  const ActorSpec& spec() const { return *spec_; }
  const std::shared_ptr<const ActorSpec>& shared_spec() const { return spec_; }
  ActorPhase phase() const { return phase_; }
  const ChainHead& chain_head() const { return chain_; }
  std::optional<ByteView> state() const { return has_state_ ? std::optional<ByteView>(state_) : std::nullopt; }
  const std::optional<ActorId>& parent() const { return parent_; }
  std::uint64_t memory_bytes() const { return guest_ == nullptr ? 0 : guest_->memory_bytes(); }
  bool is_suspended() const { return suspended_; }
  /// Of a suspended turn: which import it waits in, and since when (monotonic).
  std::uint32_t pending_import() const { return pending_import_; }
  std::uint64_t pending_since_ns() const { return pending_since_ns_; }
  /// Null without the messaging handler.
  const MessageHooks* hooks() const { return hooks_; }
  /// Turns that have ended, and the fuel that they used, since this instance was made.
  std::uint64_t turns() const { return turns_; }
  std::uint64_t fuel_used() const { return fuel_used_; }
  std::uint64_t fuel_last_turn() const { return fuel_last_turn_; }
  /// Its chain is written to a disk.
  bool is_durable() const { return is_durable_; }

  // How it ended; only in phase kEnded.
  StopReason end_reason() const { return end_reason_; }
  const std::string& end_message() const { return end_message_; }
  const std::optional<Bytes>& end_result() const { return stop_result_; }
  /// With StopReason::kFailed.
  FailureReason failure() const { return failure_; }
  /// init had returned before.
  bool was_running() const { return was_running_; }

  // For the messaging handler.
  void set_hooks(MessageHooks* hooks) { hooks_ = hooks; }
  MessageHooks* hooks() { return hooks_; }
  /// What waits in the outbox leaves, at once or when what caused it is safe. For effects that no turn has: a turn's
  /// leave at its end.
  void let_effects_go();
  /// Sequence of the event that the running host call will be; between turns, of the event recorded last.
  std::uint64_t current_sequence() const {
    return in_activation_ ? services_.builder.next_sequence() : chain_.next_sequence - 1;
  }
  std::uint64_t call_number() const { return call_number_; }
  /// The running host call's last byte list is this payload: recorded by it instead of a copy. Borrowed until the host
  /// call ends.
  void share_params_body(const Payload& payload) { shared_body_ = &payload; }
  /// The answer to the suspended host call with this number, as head and body; nothing happens if that one is over.
  void complete(std::uint64_t call_number, Bytes head, Payload body = {});
  bool waits_for_call(std::uint64_t call_number) const {
    return suspended_ && !completed_ && call_number_ == call_number;
  }
  /// The suspended call gets `result` at `deadline_ns` (monotonic).
  void set_call_deadline(std::uint64_t deadline_ns, Bytes result);
  Completion completion_token() const;
  Poster poster_for(const ActorSpec& spec, std::size_t handler) const;

  /// On its shard: a message has arrived.
  void enqueue(Message* message);
  void signal(Signal& signal);

  // sched::Runnable
  void run() override;
  void prefetch() const override;

 private:
  friend class IdleActors;
  static constexpr std::uint32_t kNotIdle = UINT32_MAX;

  class CallDeadline final : public sched::Timer {
   public:
    explicit CallDeadline(ActorCell& cell) : cell_(cell) {}
    void expired() override;
    Bytes result;

   private:
    ActorCell& cell_;
  };

  class EndDeadline final : public sched::Timer {
   public:
    explicit EndDeadline(ActorCell& cell) : cell_(cell) {}
    void expired() override;
    StopReason reason{};
    std::string message;

   private:
    ActorCell& cell_;
  };

  /// An update under way; fires when it took too long.
  class Update final : public sched::Timer {
   public:
    Update(ActorCell& cell, std::shared_ptr<const ActorSpec> spec, Updated done)
        : spec(std::move(spec)), done(std::move(done)), cell_(cell) {}
    void expired() override;
    /// The new component has the actor's place, and may still lose it.
    bool is_trying() const { return next != Step::kTakeOver; }

    /// What comes once no turn runs.
    enum class Step : std::uint8_t { kTakeOver, kMigrate, kInit, kCommit };
    Step next = Step::kTakeOver;
    std::shared_ptr<const ActorSpec> spec;
    Updated done;
    /// Why the last turn failed; none while none did.
    std::optional<std::string> failure;
    /// What goes on if the new one fails.
    std::shared_ptr<const ActorSpec> former_spec;
    std::unique_ptr<Guest> former_guest;
    std::optional<Bytes> former_state;
    /// Sequence of the new component's start.
    std::uint64_t start_sequence = 0;

   private:
    ActorCell& cell_;
  };
  /// What only an actor has that was updated.
  struct Past {
    /// The handlers' sides were made with it, and may refer to its manifest.
    std::shared_ptr<const ActorSpec> made_with;
    std::vector<FormerComponent> components;
  };

  // An update; actor_update.cc.
  bool is_trying_update() const { return update_ != nullptr && update_->is_trying(); }
  void advance_update();
  /// False when that could not be done; the update is over then.
  bool take_over();
  void commit_update();
  void revert_update();
  /// Its suspended turn is given up.
  void abort_update();
  void refuse_update(Error error);
  /// The actor has ended.
  void lose_update();
  std::unique_ptr<Update> take_update();
  void tell_updated(Updated done, Result<void> result);
  Result<void> make_handlers(const ActorSpec& spec);
  void drop_handlers(std::size_t count);
  void remember_component(std::shared_ptr<const ActorSpec> spec, std::uint64_t end_sequence);
  /// A turn that no message in the mailbox starts.
  void call_now(Message* message);

  /// The instance that was given up.
  bool make_again();
  void stay_idle();
  Message* make_call(MessageKind kind, std::uint16_t slot, ByteView params);
  Message* make_init();
  void end_activation();
  /// What was asked for while the turn ran.
  void end_if_asked();

  /// New turns would be recorded nowhere: all that waits is refused.
  void refuse_turns();
  /// The state as it is now is to be kept with the chain.
  bool is_snapshot_due();
  void keep_state();
  void tell_start();
  void tell_end();
  /// The time that its events get, since the Unix epoch.
  std::uint64_t begin_link();
  void make_room_in_link();
  void seal_link();
  bool ready() const { return suspended_ ? completed_ : (!mailbox_.empty() && !paused_) || update_ != nullptr; }
  void start_turn(Message* message);
  void resume_turn();
  void turn_advanced(const te_outcome& outcome);
  /// A host call that the actor's permissions do not allow.
  HostStatus refuse(std::uint32_t import_index, const HostCall& call);
  /// Counts what a host call has recorded; false when it is too much for one turn.
  bool count_event_bytes(std::uint64_t bytes);
  void turn_returned(const te_outcome& outcome);
  /// The guest's error, or a result that is refused.
  void turn_failed(FailureReason reason, std::string_view how, const std::string& error);
  void turn_trapped(const te_outcome& outcome);
  void finish_turn(const TurnResult& result);
  void drop_oldest_over_limit();
  void record_started();
  void record_stopped();
  void mark_ended(StopReason reason, std::string message);
  void mark_failed(FailureReason reason, std::string message);
  /// Like every effect, the news of the start leaves after the events are sealed.
  void announce_start();
  void finish_end();

  // Touched by every message, together.
  ShardServices& services_;
  std::shared_ptr<const ActorSpec> spec_;
  std::unique_ptr<Guest> guest_;
  Mailbox mailbox_;
  ActorAddress address_;
  MessageHooks* hooks_ = nullptr;
  /// Where the last turn's engine and guest found their data; see te_outcome.
  std::array<const void*, 4> touched_{};
  ChainHead chain_;
  Bytes state_;
  bool has_state_ = false;
  bool suspended_ = false;
  bool completed_ = false;
  bool stop_requested_ = false;
  bool paused_ = false;
  bool in_activation_ = false;
  bool was_running_ = false;
  bool start_to_announce_ = false;
  bool is_making_guest_ = false;
  /// Its chain is written to a disk.
  bool is_durable_ = false;
  /// Its effects wait until what caused them is safe there.
  bool waits_for_disk_ = false;
  ActorPhase phase_ = ActorPhase::kStarting;
  StopReason end_reason_{};
  /// Counts host calls that suspend, so that a late answer is told from the one waited for.
  std::uint64_t call_number_ = 0;
  /// What this turn's host calls have recorded.
  std::uint64_t turn_event_bytes_ = 0;
  std::uint64_t turns_ = 0;
  std::uint64_t fuel_used_ = 0;
  std::uint64_t fuel_last_turn_ = 0;
  const Payload* shared_body_ = nullptr;
  /// The message whose turn runs or is suspended.
  Message* current_ = nullptr;
  ActorId id_;
  std::vector<std::unique_ptr<HandlerInstance>> handlers_;

  // Rarely touched.
  StartReason start_reason_{};
  bool is_initialized_ = false;
  /// The end was told; nothing but the run queue may hold it.
  bool end_told_ = false;
  /// The present state can be read again from the chain alone.
  bool is_state_kept_ = false;
  std::uint32_t pending_import_ = 0;
  std::uint64_t pending_since_ns_ = 0;
  std::uint64_t rest_number_ = 0;
  std::uint64_t turns_since_snapshot_ = 0;
  std::uint64_t bytes_since_snapshot_ = 0;
  std::string origin_;
  std::optional<ActorId> parent_;
  std::string end_message_;
  std::optional<Bytes> stop_result_;
  Bytes completion_head_;
  Payload completion_body_;
  std::unique_ptr<CallDeadline> deadline_;
  FailureReason failure_ = FailureReason::kHostError;
  /// Set while the actor ends after its turn.
  std::unique_ptr<EndDeadline> ending_;
  std::unique_ptr<Update> update_;
  std::unique_ptr<Past> past_;
  /// When its last activation ended (monotonic), and its place in the shard's list; only where it may be evicted.
  std::uint64_t active_ns_ = 0;
  std::uint32_t idle_place_ = kNotIdle;
};

}  // namespace theater::actor
