#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "actor/actor_cell.h"
#include "chain/memory_log.h"
#include "sched/shard_set.h"
#include "script_guest.h"
#include "slow_disk.h"
#include "theater/handlers.h"
#include "theater/router.h"

namespace theater::testing {

/// Shards, a router and the built-in handlers with scripted actors on them: on real threads, or on a simulation whose
/// seed draws the order of everything.
class ActorWorld {
 public:
  /// Seed 0: real threads. From kSlowDisk on: the same with seed - kSlowDisk, and what actors do is seen only when it
  /// is safe on a disk that takes its time.
  static constexpr std::uint64_t kSlowDisk = 100;
  explicit ActorWorld(std::uint64_t seed, std::uint32_t shards = 2);
  ~ActorWorld();

  struct Options {
    ActorLimits limits;
    Permissions permissions;
    std::uint64_t min_sleep_ms = 1;
    std::uint64_t max_sleep_ms = 3'600'000;
    /// Of the handler `timers` and of `registry`.
    ConfigFields timers = {};
    ConfigFields registry = {};
    InstancePolicy instance;
    /// Which shard; default: in turn.
    std::optional<std::uint32_t> shard;
  };
  /// An actor with this name, ready when it returns.
  ActorId spawn(const std::string& name, Script script, const Options& options);
  ActorId spawn(const std::string& name, Script script) { return spawn(name, std::move(script), Options()); }
  /// The same with any guest; `make_guest` is called on the actor's shard.
  using MakeGuest = std::function<std::unique_ptr<actor::Guest>(actor::ActorCell& cell)>;
  ActorId spawn(const std::string& name, std::shared_ptr<const actor::ActorSpec> spec, const MakeGuest& make_guest,
                std::optional<std::uint32_t> shard = std::nullopt);

  /// What spawn() makes an actor of a script from.
  std::shared_ptr<const actor::ActorSpec> make_spec(const std::string& name, Script script,
                                                    const Options& options) const;

  MessageRouter& router() { return router_; }
  void send(const ActorId& target, std::string_view text);
  void stop(const ActorId& id);

  /// Does something with an actor's cell on its shard, some time later; nothing if the actor has ended by then.
  void on_cell(const ActorId& id, std::function<void(actor::ActorCell&)> task);

  /// Runs until it holds; the test fails if it never does.
  void run_until(const std::function<bool()>& done);
  /// On a simulation: runs so many steps, or until nothing is left to do.
  void run_steps(int steps);
  /// Runs until every message is accounted for and, on a simulation, nothing is left to do.
  void settle();
  /// Stops all actors and waits for it.
  void stop_all();

  /// The shard's disk; only from kSlowDisk on. Calls `use` on the shard.
  void on_disk(std::uint32_t shard, const std::function<void(SlowDisk&)>& use);

  bool simulated() const { return simulation_ != nullptr; }
  sched::SimulatedClock& simulated_clock() { return simulated_clock_; }

  /// Why an actor ended, empty while it lives.
  std::string end_of(const ActorId& id);
  std::vector<std::string> log_of(const std::string& name);
  /// Any thread: how many of the actor's events are in sealed links.
  std::uint64_t sealed_events(const ActorId& id);
  /// The actor's whole chain; it may have ended.
  std::vector<Event> events(const ActorId& id);
  ChainSnapshot chain(const ActorId& id);
  const HandlerRegistry& handlers() const { return handlers_; }
  /// Verifies the chain of every actor that ever was and that every cause is the event that sent the message.
  void expect_chains_verify();
  /// sent = delivered + refused + dead letters.
  void expect_accounted();

 private:
  class Observer;
  struct Place;

  void on_shard(std::uint32_t shard, std::function<void()> task);

  SystemClock system_clock_;
  sched::SimulatedClock simulated_clock_;
  std::unique_ptr<sched::ThreadShardSet> threads_;
  std::unique_ptr<sched::SimulatedShardSet> simulation_;
  sched::ShardSet* shards_ = nullptr;
  MessageRouter router_;
  HandlerRegistry handlers_;
  actor::GateTable gates_;
  actor::WaitGraph waits_{gates_};
  SafeChains safe_;
  bool has_disks_ = false;
  std::unique_ptr<Observer> observer_;
  std::vector<std::unique_ptr<Place>> places_;
  std::uint32_t next_shard_ = 0;
  std::uint64_t next_id_ = 1;
  std::vector<std::pair<ActorId, std::uint32_t>> all_;
};

}  // namespace theater::testing
