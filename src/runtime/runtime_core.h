#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "actor/gate.h"
#include "base/boxed.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/random.h"
#include "engine/code_cache.h"
#include "engine/engine.h"
#include "engine/linked_component.h"
#include "runtime/ended_order.h"
#include "runtime/family.h"
#include "runtime/shard_runtime.h"
#include "runtime/workshop.h"
#include "sched/shard_set.h"
#include "store/data_directory.h"
#include "theater/runtime.h"

namespace theater::runtime {

/// Calls a task again and again, on a thread of its own.
class Ticker {
 public:
  Ticker(std::chrono::milliseconds pace, std::function<void()> task);
  /// Waits for a task that runs.
  ~Ticker();
  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable wakeup_;
  bool stopping_ = false;
  std::thread thread_;
};

/// The parts of a runtime and the table of its actors. Any thread unless it says otherwise.
class RuntimeCore final : public actor::Nursery, private FamilyActions {
 public:
  RuntimeCore(RuntimeOptions options, HandlerRegistry handlers, MessageRouter& router);
  ~RuntimeCore() override;

  Result<void> start();
  void shut_down();

  Result<Blueprint> prepare(Manifest manifest, ByteView component);
  Result<Bytes> read_component(const Manifest& manifest) const;
  void spawn(const Blueprint& blueprint, SpawnOptions options, ShardRuntime::Started done);
  /// Nothing starts any more afterwards.
  void end_all();
  std::vector<ResumedActor> resume();

  /// Runs `task` on the actor's shard and waits for it. kNotFound when the actor was never here or is forgotten.
  template <class Task>
  auto on_shard_of(const ActorId& id, Task task) const -> Result<std::invoke_result_t<Task, ShardRuntime&>>;

  Result<void> stop(const ActorId& id, bool by_force);
  Result<void> restart(const ActorId& id);
  Result<void> set_paused(const ActorId& id, bool paused);
  Result<UpdateReport> update(const ActorId& id, ByteView component, const UpdateOptions& options);
  std::vector<ActorId> children(const ActorId& id) const;
  Result<ActorInfo> wait(const ActorId& id, std::chrono::milliseconds timeout);
  bool wait_all(std::chrono::milliseconds timeout);
  Result<ActorInfo> info(const ActorId& id) const;
  std::vector<ActorInfo> list() const;
  std::size_t living() const;
  WaitReport waits(std::chrono::milliseconds patience) const;

  // From shards.
  void actor_started(const ActorId& id);
  /// It is made from this from now on.
  void actor_updated(const ActorId& id, std::shared_ptr<const actor::ActorSpec> spec);
  /// True if it comes back; otherwise actor_finished() must follow.
  bool actor_ended(const ActorInfo& info);
  /// It does not come back by itself.
  void actor_finished(const ActorId& id);
  void wait_is_over(std::uint64_t number);

  // From actors.
  void take(actor::ChildOrder order) override;

  /// It could not even begin.
  void actor_gone(const ActorId& id);

  /// What is kept of an actor's chain, in memory and in the data directory, from the link that holds `from_sequence`
  /// on; also of one that is not of this runtime but in the directory. Of more than about `events_max` events the
  /// first.
  struct KeptChain {
    ChainSnapshot snapshot;
    /// Of the manifest that the actor ran with last; empty when it is not kept.
    std::string manifest;
  };
  Result<KeptChain> chain(const ActorId& id, std::uint64_t from_sequence, std::uint64_t events_max = UINT64_MAX) const;
  /// The end of the chain that is in memory.
  Result<ShardRuntime::KeptChain> chain_in_memory(const ActorId& id, std::uint64_t from_sequence,
                                                  std::uint64_t events_max = UINT64_MAX) const;
  /// The actor's chain in the data directory, with all that was recorded until now; none without one, or when its chain
  /// stays in memory.
  Result<std::unique_ptr<ChainSource>> stored_chain(const ActorId& id) const;

  /// Links of the chain's removed beginning that what is kept needs (store::RemovedEvents).
  std::vector<Bytes> remnants(const ActorId& id) const;
  /// The function table in force at this sequence of a chain in the data directory; empty when it is not known any
  /// more, or a started event is there.
  Result<FunctionTable> functions_at(const ChainSource& chain, std::uint64_t sequence) const;
  /// Puts before the end of a chain what the data directory has of it (store::prepend), with the functions in force.
  Result<void> join_history(ChainSnapshot& snapshot, const ChainSource& source, std::uint64_t from_sequence,
                            std::uint64_t events_max = UINT64_MAX) const;

  /// Tells what is kept from this event on, and from then on what comes. The actor's shard waits while it is told.
  Result<std::shared_ptr<void>> subscribe_from(const ActorId& id, std::uint64_t from_sequence,
                                               const Runtime::EventCallback& heard);

  Subscriptions& subscriptions() { return subscriptions_; }
  MessageRouter& router() { return router_; }
  const HandlerRegistry& handlers() const { return handlers_; }
  const RuntimeOptions& options() const { return options_; }
  std::uint32_t shard_count() const { return shards_ ? shards_->size() : 0; }
  std::uint64_t events_recorded() const;
  std::uint64_t turns() const;
  std::uint64_t fuel_used() const;
  const engine::Engine& engine() const { return *engine_; }
  void log(std::string_view line) const {
    if (options_.log) options_.log(line);
  }
  void warn(std::string_view line) const {
    if (options_.warn) options_.warn(line);
  }

 private:
  struct Entry {
    std::uint32_t shard = 0;
    std::uint64_t number = 0;
    std::string name;
    ActorStatus status = ActorStatus::kStarting;
    std::optional<ActorId> parent;
    bool has_name = false;
    std::uint64_t restarts = 0;
    /// What its memory and tables may grow to.
    std::uint64_t memory_bytes = 0;
    /// How its last instance ended.
    Boxed<ActorInfo> last_end;
    /// Set once it has ended for good.
    Boxed<ActorInfo> ended;
    /// What it is made from again; null when it no longer can.
    std::shared_ptr<const actor::ActorSpec> spec;
    std::optional<Bytes> first_state;
    /// Called when it has started again, or has ended for good; when it has ended for good.
    std::vector<std::function<void(Result<void>)>> when_started;
    std::vector<std::function<void()>> when_ended;
  };

  /// An actor about to be made.
  struct Beginning {
    std::shared_ptr<const actor::ActorSpec> spec;
    actor::ActorCell::Start start;
    std::optional<ActorId> near;
    bool register_name = false;
    ShardRuntime::Started done;
    /// When it is refused if there is no room by then; 0: nobody has waited yet.
    std::uint64_t deadline_ns = 0;
  };
  /// Takes `beginning` when it succeeds.
  Result<void> begin(Beginning& beginning);
  /// What an actor's memory and tables may grow to.
  static std::uint64_t memory_bytes_of(const ActorLimits& limits);
  /// Why no further actor with these limits may live now; the lock is held.
  Result<void> check_room(const ActorLimits& limits);
  /// True if it waits for room now; the lock is held.
  bool wait_for_room(Beginning& beginning);
  /// Begins what has waited for room, and refuses what has waited too long.
  void admit_waiting();
  void refuse_waiting();
  void count_in(Entry& entry);
  void count_out(Entry& entry);
  /// Asks every shard, and leaves out those that have not answered in time.
  template <class Value>
  std::vector<std::optional<Value>> ask_shards(const std::function<Value(ShardRuntime&)>& question,
                                               std::chrono::milliseconds patience) const;
  ActorInfo brief(const ActorId& id, const Entry& entry) const;

  // FamilyActions; the lock is held.
  void stop(const ActorId& id, StopReason reason, bool by_force, const std::string& message) override;
  void start_again(const ActorId& id) override;
  void wait(const ActorId& id, std::uint64_t delay_ms, std::uint64_t number) override;
  void finished(const ActorId& id) override;
  void forgotten(const ActorId& id) override;
  void tell_parent(const ActorId& parent, const ActorId& child) override;
  void report(const std::string& line) override { log(line); }

  /// `done` is called once it has started again, or why not. Any thread.
  void restart(const ActorId& id, std::function<void(Result<void>)> done);
  void spawn_child(actor::ChildOrder order);
  Result<Bytes> events_of_child(ShardRuntime& shard, const ActorId& child) const;
  Result<Blueprint> prepare_child(const Manifest& parent, std::string_view manifest, std::optional<Bytes>& state);

  Result<std::shared_ptr<const engine::LinkedComponent>> link(ByteView component);
  /// What the actor is made from now. kNotFound; kStopped when it has ended.
  Result<std::shared_ptr<const actor::ActorSpec>> present_spec(const ActorId& id) const;
  Result<std::shared_ptr<const actor::ActorSpec>> prepare_update(const actor::ActorSpec& present, ByteView component);
  Result<ReplayReport> preflight(const ActorId& id, const actor::ActorSpec& spec, ByteView component) const;
  Result<void> take_component(const ActorId& id, const actor::ActorSpec* present,
                              std::shared_ptr<const actor::ActorSpec> spec);
  Result<void> open_directory();
  Result<void> open_checkpoints();
  /// Removes what no actor's manifest wants kept.
  void retain();
  void retain_if_due();
  store::RetentionRule retention_rule(const store::StoredActor& stored) const;
  /// Makes the actor that it describes.
  void start_actor(Beginning beginning);
  /// What an actor of the directory was allowed, by its own manifest and those of all above it.
  Result<EffectivePermissions> stored_permissions(const ActorId& id, std::uint32_t generations) const;
  Result<Manifest> stored_manifest(const store::StoredActor& stored) const;
  Result<void> resume(const store::StoredActor& stored, const Manifest& manifest);
  Result<void> keep_content(const Manifest& manifest, ByteView component);
  void post(std::uint32_t shard, std::function<void(ShardRuntime&)> task) const;

  // First, so that they go last: a handler's own threads may still hold addresses.
  actor::GateTable gates_;
  actor::WaitGraph waits_{gates_};
  const RuntimeOptions options_;
  const HandlerRegistry handlers_;
  MessageRouter& router_;
  SystemClock clock_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<engine::CodeCache> code_cache_;
  Subscriptions subscriptions_;
  std::unique_ptr<store::DataDirectory> directory_;
  /// None without a data directory, or when its log of heads cannot be continued.
  std::unique_ptr<store::CheckpointKeeper> checkpoints_;
  std::unique_ptr<sched::ThreadShardSet> shards_;
  std::vector<std::unique_ptr<ShardRuntime>> shard_runtimes_;
  std::unique_ptr<Ticker> epochs_;
  std::unique_ptr<Ticker> retention_;
  /// When retention looked at the chains last; of its thread.
  std::uint64_t retained_ns_ = 0;
  std::uint64_t segments_when_retained_ = 0;
  std::unique_ptr<Workshop> workshop_;

  std::mutex components_mutex_;
  struct DigestHash {
    std::size_t operator()(const Digest& digest) const {
      std::size_t value;
      std::memcpy(&value, digest.data(), sizeof(value));
      return value;
    }
  };
  /// Components in use, so that a second manifest or a second spawn shares the compiled code.
  std::unordered_map<Digest, std::weak_ptr<const engine::LinkedComponent>, DigestHash> components_;

  /// Content that is in the directory for sure.
  std::mutex content_mutex_;
  std::unordered_set<Digest, DigestHash> kept_content_;

  mutable std::mutex actors_mutex_;
  mutable std::condition_variable actors_changed_;
  std::unordered_map<ActorId, Entry> actors_;
  SecureRandom family_random_;
  Family family_{*this, family_random_};
  EndedOrder ended_order_{limits::kEndedActorsKept};
  std::size_t living_ = 0;
  /// Of all that live together.
  std::uint64_t guest_memory_bytes_ = 0;
  std::uint64_t resident_bytes_max_ = 0;
  /// What the process used when it was looked at last.
  std::uint64_t resident_bytes_ = 0;
  std::uint64_t resident_looked_ns_ = 0;
  std::deque<Beginning> waiting_;
  std::atomic<std::size_t> waiting_count_{0};
  std::uint64_t next_number_ = 0;
  std::uint64_t next_shard_ = 0;
  SecureRandom random_;
  /// All actors are ending: no start waits any more.
  bool ending_ = false;
  bool shutting_down_ = false;
};

template <class Task>
auto RuntimeCore::on_shard_of(const ActorId& id, Task task) const -> Result<std::invoke_result_t<Task, ShardRuntime&>> {
  using Value = std::invoke_result_t<Task, ShardRuntime&>;
  std::uint32_t shard = 0;
  {
    const std::lock_guard lock(actors_mutex_);
    const auto found = actors_.find(id);
    if (found == actors_.end()) return fail(ErrorCode::kNotFound, "no such actor: " + to_string(id));
    if (shutting_down_) return fail(ErrorCode::kUnavailable, "the runtime is shutting down");
    shard = found->second.shard;
  }
  std::promise<Value> promise;
  auto future = promise.get_future();
  post(shard, [&](ShardRuntime& runtime) {
    if constexpr (std::is_void_v<Value>) {
      task(runtime);
      promise.set_value();
    } else {
      promise.set_value(task(runtime));
    }
  });
  if constexpr (std::is_void_v<Value>) {
    future.get();
    return {};
  } else {
    return future.get();
  }
}

}  // namespace theater::runtime
