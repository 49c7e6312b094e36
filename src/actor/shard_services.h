#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "actor/accounting.h"
#include "actor/idle_actors.h"
#include "actor/message.h"
#include "base/random.h"
#include "chain/event_sink.h"
#include "chain/link_builder.h"
#include "sched/shard.h"

namespace theater {
class MemoryLog;
}
namespace theater::store {
class DataDirectory;
}

namespace theater::actor {

/// What those are told who wait for an actor whose sink has failed.
inline constexpr std::string_view kNotRecorded =
    "not recorded: the actor's events can no longer be kept; see to the disk and start again";

/// The type of the note that tells of a host call refused for want of a permission; its text is what the guest was
/// told.
inline constexpr std::string_view kRefusedNote = "permission.refused";

/// Hears what becomes of actors. On the actor's shard.
class ActorObserver {
 public:
  virtual ~ActorObserver() = default;
  /// init has returned: the actor takes messages.
  virtual void actor_started(ActorCell& cell) = 0;
  /// The actor has ended. Not within this call is it destroyed, but with actor_released().
  virtual void actor_ended(ActorCell& cell) = 0;
  /// Nothing refers to the ended actor's cell any more: its owner destroys it.
  virtual void actor_released(ActorCell& cell) = 0;
  /// A line that the actor logged.
  virtual void actor_logged(const ActorCell& cell, std::string_view line) = 0;
  /// Another component has taken over: the cell has its spec.
  virtual void actor_updated(const ActorCell& /*cell*/) {}
  /// A link was sealed and handed to the sink.
  virtual void link_sealed(const ActorCell& cell, const SealedLink& link) = 0;
};

/// Answers for messages that start no turn, on the shard where that turns out.
class UndeliveredHandler {
 public:
  virtual ~UndeliveredHandler() = default;
  /// Tells whoever waits for an answer to this message.
  virtual void undelivered(class ShardServices& shard, Message& message, Undelivered reason) = 0;
};

/// What an actor asks about its children.
struct ChildOrder {
  enum class What : std::uint8_t { kSpawn, kResume, kList, kStop, kRestart, kState, kEvents };
  What what = What::kList;
  ActorId parent;
  /// Of which child: all but kSpawn, kResume and kList.
  ActorId child;
  /// kSpawn, kResume: the text of the child's manifest or a path to it, and its first state.
  std::string manifest;
  std::optional<Bytes> state;
  /// Called once on any thread, or never when the runtime ends: canonical bytes of what the interface calls `ok`, or of
  /// the list.
  std::function<void(Result<Bytes>)> done;
};

/// Whoever makes and ends actors for actors. An order is an effect like a message: it leaves through the outbox, and
/// its answer completes the call that waits for it.
class Nursery {
 public:
  virtual ~Nursery() = default;
  /// Any thread; returns at once.
  virtual void take(ChildOrder order) = 0;
};

/// What all actors of one shard share. The shard's thread only, but for `accounting`, which others may read.
class ShardServices {
 public:
  ShardServices(sched::Shard& shard, EventSink& sink, Recording recording, std::unique_ptr<RandomSource> random,
                GateTable& gates, WaitGraph& waits, ActorObserver& observer)
      : shard(shard),
        sink(sink),
        builder(recording),
        random(std::move(random)),
        gates(gates),
        waits(waits),
        observer(observer),
        idle_actors(shard) {}

  sched::Shard& shard;
  EventSink& sink;
  /// Where this shard's chains can be read again; null when they are not kept in memory.
  const MemoryLog* memory_log = nullptr;
  /// Where older events of its chains can be read, and content by digest; null when chains stay in memory.
  const store::DataDirectory* directory = nullptr;
  /// How the sink does; null when chains stay in memory.
  const SinkCondition* sink_condition = nullptr;
  LinkBuilder builder;
  std::unique_ptr<RandomSource> random;
  GateTable& gates;
  WaitGraph& waits;
  ActorObserver& observer;
  IdleActors idle_actors;
  MessagePool messages;
  Accounting accounting;
  /// Set by the router.
  UndeliveredHandler* undelivered_handler = nullptr;
  /// Set by the runtime; null where nobody makes actors for actors.
  Nursery* nursery = nullptr;
  /// Where the running guest's host calls write their results: one guest runs at a time on a shard.
  Bytes host_result;

  /// An effect of the activation under way: it leaves when the events that caused it are sealed.
  void send(sched::Shard& target, sched::Delivery& delivery) { outbox_.push_back({&target, &delivery}); }
  void send(Message& message) { send(message.target.gate->shard(), message); }
  void flush_outbox();
  /// The same for effects that nobody may see before the link at this position is safe: they wait until it is.
  void flush_outbox_when_safe(std::uint64_t position);
  /// To be called when the sink has acknowledged more, has room again or has failed. What waits for a sink that failed
  /// is given up: messages become dead letters, answers become errors.
  void sink_progressed();
  /// An effect that is being delivered was given up: it must not say that what caused it happened.
  bool is_giving_up() const { return giving_up_; }

  /// This runnable starts nothing while the sink is full; it is scheduled again when there is room. `rest_number` is
  /// kept for it, 0 at first: it rests once at a time.
  void rest(sched::Runnable& runnable, std::uint64_t& rest_number) {
    if (std::exchange(rest_number, rest_number_) != rest_number_) resting_.push_back(&runnable);
  }
  /// It is about to be destroyed.
  void forget(const sched::Runnable& runnable) { std::erase(resting_, &runnable); }

  /// An actor takes its turns, from this time on (since the Unix epoch).
  void activation_begins(const MailboxGate& gate, std::uint64_t now_ns) {
    active_since_ns_.store(now_ns, std::memory_order_relaxed);
    active_.store(&gate, std::memory_order_release);
  }
  void activation_ended() { active_.store(nullptr, std::memory_order_release); }
  /// Any thread: whose turns run now, and since when; null when none does. An activation that began while this was
  /// asked may be named with the time of the one before.
  std::pair<const MailboxGate*, std::uint64_t> active() const {
    const MailboxGate* gate = active_.load(std::memory_order_acquire);
    return {gate, active_since_ns_.load(std::memory_order_relaxed)};
  }

  /// The message starts no turn: counted, kept as dead letter, its place given back, its sender answered.
  void drop(Message* message, Undelivered reason);
  /// The message has been dealt with.
  void recycle(Message* message) { messages.give_back(message); }

 private:
  struct Effect {
    sched::Shard* target;
    sched::Delivery* delivery;
  };
  struct HeldEffect {
    std::uint64_t position = 0;
    Effect effect;
  };

  void deliver(const Effect& effect);
  void give_up(const Effect& effect);

  std::atomic<const MailboxGate*> active_{nullptr};
  std::atomic<std::uint64_t> active_since_ns_{0};
  std::vector<Effect> outbox_;
  bool flushing_ = false;
  /// While flushing: the effects from here on were caused by the delivery under way.
  std::size_t first_new_ = 0;
  bool giving_up_ = false;
  /// In the order in which they leave.
  std::deque<HeldEffect> held_;
  std::vector<sched::Runnable*> resting_;
  /// Counts how often the resting were scheduled again.
  std::uint64_t rest_number_ = 1;
};

}  // namespace theater::actor
