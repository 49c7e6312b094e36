#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "actor/actor_cell.h"
#include "actor/shard_services.h"
#include "base/limits.h"
#include "chain/chain_file.h"
#include "chain/memory_log.h"
#include "engine/instance.h"
#include "runtime/ended_order.h"
#include "store/segment_log.h"
#include "theater/runtime.h"

namespace theater::runtime {

class RuntimeCore;

/// Those who listen to events. Any thread.
class Subscriptions {
 public:
  std::shared_ptr<void> add(std::optional<ActorId> actor, Runtime::EventCallback heard);
  /// A cheap look for the common case.
  bool any() const { return count_.load(std::memory_order_relaxed) > 0; }
  bool wanted(const ActorId& actor) const;
  void tell(const Event& event) const;

 private:
  struct Subscription {
    std::optional<ActorId> actor;
    Runtime::EventCallback heard;
  };
  struct Handle;

  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<const Subscription>> subscriptions_;
  std::atomic<std::size_t> count_{0};
};

/// One shard's actors and their chains. The shard's thread only, but for what says otherwise.
class ShardRuntime final : public actor::ActorObserver {
 public:
  /// `directory`: where chains are written; null: they stay in memory.
  ShardRuntime(RuntimeCore& core, sched::Shard& shard, const RuntimeOptions& options, store::DataDirectory* directory,
               store::CheckpointKeeper* checkpoints, actor::GateTable& gates, actor::WaitGraph& waits);
  ~ShardRuntime() override;

  using Started = std::function<void(Result<ActorId>)>;
  /// Makes the actor and its instance; `started` is called when init has returned or the actor could not start.
  void spawn(std::shared_ptr<const actor::ActorSpec> spec, actor::ActorCell::Start start, Started started);
  actor::ActorCell* find(const ActorId& id);
  /// A new instance of an actor that ended here, after which its chain goes on.
  void start_again(std::shared_ptr<const actor::ActorSpec> spec, actor::ActorCell::Start start);
  /// `done` is called once the new component has taken over, or why the present one goes on. Refused unless the actor
  /// still runs what `present` says.
  void update(const ActorId& id, const actor::ActorSpec* present, std::shared_ptr<const actor::ActorSpec> spec,
              actor::ActorCell::Updated done);
  /// An update was refused before anything of it was tried.
  void note_refused_update(const ActorId& id, const Digest& component, const Error& error);
  void stop(const ActorId& id, StopReason reason, bool by_force, std::string_view message);
  /// Queues the parent's turn that hears of its child's end, when it exports one.
  void tell_parent(const ActorId& parent, const ActorInfo& child);
  /// RuntimeCore::wait_is_over(number) is called after this time.
  void wait(std::uint64_t delay_ms, std::uint64_t number);
  /// An actor that was to come back does not.
  void finish(const ActorId& id);
  /// An actor that has ended cannot be started again.
  void forget(const ActorId& id) { left_.erase(id); }
  /// What is kept of the chain of an actor that lives here, or lived, and what it was made from. Of more than about
  /// `events_max` events the first.
  struct KeptChain {
    ChainSnapshot snapshot;
    std::shared_ptr<const actor::ActorSpec> spec;
  };
  Result<KeptChain> chain(const ActorId& id, std::uint64_t from_sequence, std::uint64_t events_max = UINT64_MAX);
  ActorInfo info(const actor::ActorCell& cell) const;
  /// What actors here wait for, at most as many as a report lists.
  std::vector<ActorWait> waits() const;
  /// None when it has ended.
  std::optional<AwaitedActor> awaited(const ActorId& id);
  /// No cell is left, not even one that has ended and waits for its last turn in the run queue.
  bool all_released() const { return residents_.empty() && leaving_.empty(); }

  void actor_started(actor::ActorCell& cell) override;
  void actor_ended(actor::ActorCell& cell) override;
  void actor_released(actor::ActorCell& cell) override;
  void actor_logged(const actor::ActorCell& cell, std::string_view line) override;
  void actor_updated(const actor::ActorCell& cell) override;
  void link_sealed(const actor::ActorCell& cell, const SealedLink& link) override;

  /// Any thread: what was appended until now can be read from the data directory when this returns. Nothing without
  /// one.
  Result<void> write_chains();
  /// Writes all that is left and closes the chains' files. The shard must stand still.
  void close_log();

  actor::ShardServices& services() { return services_; }
  sched::Shard& shard() { return services_.shard; }
  /// Any thread.
  std::uint64_t events_recorded() const { return events_.load(std::memory_order_relaxed); }

 private:
  struct Resident {
    std::unique_ptr<actor::ActorCell> cell;
    Started started;
    /// Set while someone listens: decodes the links that follow.
    std::unique_ptr<ChainReader> reader;
    std::unique_ptr<ChainFileWriter> file;
  };
  /// What an actor that may be started again goes on with.
  struct Left {
    ChainHead head;
    /// Open while it is certain that it comes back.
    std::unique_ptr<ChainFileWriter> file;
  };
  class Wait final : public sched::Timer {
   public:
    Wait(ShardRuntime& owner, std::uint64_t number) : owner_(owner), number_(number) {}
    void expired() override;

   private:
    ShardRuntime& owner_;
    const std::uint64_t number_;
  };
  /// What is left of an actor that has ended.
  struct Ended {
    ChainHead head;
    std::shared_ptr<const actor::ActorSpec> spec;
    std::vector<actor::FormerComponent> former;
  };

  Result<std::unique_ptr<ChainFileWriter>> open_chain_file(const actor::ActorSpec& spec, const ActorId& id,
                                                           const ChainHead& head) const;
  void close_chain_file(const ActorId& id, ChainFileWriter& file) const;
  void could_not_start_again(const ActorId& id, Error error);
  void tell_events(const actor::ActorCell& cell, Resident& resident, const SealedLink& link);
  void remember(const actor::ActorCell& cell);
  void log_progressed();

  /// Tells the shard that its log got on.
  class LogProgress final : public sched::Delivery {
   public:
    explicit LogProgress(ShardRuntime& runtime) : runtime_(runtime) {}
    /// Any thread.
    void post();
    void deliver() override;

   private:
    ShardRuntime& runtime_;
    std::atomic<bool> is_posted_{false};
  };

  RuntimeCore& core_;
  const RuntimeOptions& options_;
  /// One of the two, or none when nothing is recorded.
  std::unique_ptr<MemoryLog> memory_;
  std::unique_ptr<store::SegmentLog> segments_;
  NullSink no_log_;
  actor::ShardServices services_;
  std::unordered_map<ActorId, Resident> residents_;
  /// Cells that have ended and still stand in the run queue.
  std::unordered_map<const actor::ActorCell*, std::unique_ptr<actor::ActorCell>> leaving_;
  std::unordered_map<ActorId, Left> left_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Wait>> waits_;
  std::unordered_map<ActorId, Ended> ended_;
  EndedOrder ended_order_{limits::kEndedActorsKept};
  bool has_files_ = false;
  bool failure_told_ = false;
  LogProgress log_progress_{*this};
  std::atomic<std::uint64_t> events_{0};
};

}  // namespace theater::runtime
