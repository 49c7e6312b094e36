#include "actor_world.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <future>
#include <set>
#include <thread>

#include "base/random.h"
#include "chain/verify.h"
#include "router/router_core.h"
#include "sched/task.h"

namespace theater::testing {

/// Remembers what became of actors.
class ActorWorld::Observer final : public actor::ActorObserver {
 public:
  void actor_started(actor::ActorCell& cell) override {
    const std::lock_guard lock(mutex);
    started.insert(cell.id());
  }
  void actor_ended(actor::ActorCell& cell) override {
    const std::lock_guard lock(mutex);
    ended[cell.id()] = std::string(to_string(cell.end_reason())) + ": " + cell.end_message();
    heads[cell.id()] = cell.chain_head();
  }
  void actor_released(actor::ActorCell& cell) override {
    std::unique_ptr<actor::ActorCell> released;
    const std::lock_guard lock(mutex);
    released = std::move(cells[cell.id()]);
    cells.erase(cell.id());
  }
  void actor_logged(const actor::ActorCell& cell, std::string_view line) override {
    const std::lock_guard lock(mutex);
    logs[cell.name()].emplace_back(line);
  }
  void link_sealed(const actor::ActorCell& cell, const SealedLink& link) override {
    const std::lock_guard lock(mutex);
    sealed[cell.id()] = link.first_sequence + link.event_count;
  }

  std::mutex mutex;
  std::set<ActorId> started;
  std::unordered_map<ActorId, std::string> ended;
  std::unordered_map<ActorId, ChainHead> heads;
  std::unordered_map<ActorId, std::uint64_t> sealed;
  std::unordered_map<ActorId, std::unique_ptr<actor::ActorCell>> cells;
  std::unordered_map<std::string, std::vector<std::string>> logs;
};

/// One shard's belongings.
struct ActorWorld::Place {
  Place(sched::Shard& shard, std::unique_ptr<RandomSource> random, actor::GateTable& gates, actor::WaitGraph& waits,
        actor::ActorObserver& observer, SafeChains& safe, bool has_disk)
      : disk(log, shard, safe),
        services(shard, has_disk ? static_cast<EventSink&>(disk) : log, Recording::kOn, std::move(random), gates, waits,
                 observer) {
    services.memory_log = &log;
    if (!has_disk) return;
    services.sink_condition = &disk.condition();
    disk.on_progress([this] { services.sink_progressed(); });
  }
  MemoryLog log;
  SlowDisk disk;
  actor::ShardServices services;
};

namespace {

constexpr std::array<std::string_view, kImports> kImportNames = {
    "theater:simple/message-server-host.send",
    "theater:simple/message-server-host.request",
    "theater:simple/message-server-host.open-channel",
    "theater:simple/message-server-host.send-on-channel",
    "theater:simple/message-server-host.close-channel",
    "theater:simple/message-server-host.list-outstanding-requests",
    "theater:simple/message-server-host.respond-to-request",
    "theater:simple/message-server-host.cancel-request",
    "theater:simple/timing.now",
    "theater:simple/timing.sleep",
    "theater:simple/timing.deadline",
    "theater:simple/runtime.log",
    "theater:simple/runtime.get-chain",
    "theater:simple/runtime.shutdown",
    "theater:ext/registry.whereis",
    "theater:ext/registry.register",
    "theater:ext/registry.unregister",
    "theater:ext/registry.join",
    "theater:ext/registry.leave",
    "theater:ext/registry.members",
    "theater:ext/registry.publish",
    "theater:ext/timers.send-after",
    "theater:ext/timers.send-every",
    "theater:ext/timers.cancel",
};

/// The handlers of every actor, each with the first import that is its.
constexpr std::array<std::pair<std::string_view, std::uint16_t>, 5> kHandlers = {{{"message-server", kSendImport},
                                                                                  {"timing", kNowImport},
                                                                                  {"runtime", kLogImport},
                                                                                  {"registry", kWhereisImport},
                                                                                  {"timers", kSendAfterImport}}};

constexpr std::chrono::seconds kPatience{60};

}  // namespace

std::shared_ptr<const actor::ActorSpec> ActorWorld::make_spec(const std::string& name, Script script,
                                                              const Options& options) const {
  auto spec = std::make_shared<actor::ActorSpec>();
  spec->manifest.chain.durability = Durability::kSync;
  spec->manifest.name = name;
  spec->manifest.limits = options.limits;
  spec->manifest.permission_policy = options.permissions;
  spec->manifest.instance = options.instance;
  spec->make_guest = [script = std::move(script)](actor::ActorCell& cell) -> Result<std::unique_ptr<actor::Guest>> {
    return std::make_unique<ScriptGuest>(cell, script);
  };
  for (const auto& [type, first_import] : kHandlers) {
    HandlerConfig config{.type = std::string(type), .fields = {}, .line = 1};
    if (type == "timing") {
      config.fields["min_sleep_duration"] = options.min_sleep_ms;
      config.fields["max_sleep_duration"] = options.max_sleep_ms;
    }
    if (type == "timers") config.fields = options.timers;
    if (type == "registry") config.fields = options.registry;
    spec->manifest.handlers.push_back(std::move(config));
    spec->handlers.push_back(handlers_.find(type));
    spec->first_slots.push_back(1);
  }
  for (std::uint16_t i = 0; i < kImports; ++i) {
    std::uint16_t handler = 0;
    while (handler + 1u < kHandlers.size() && kHandlers[handler + 1u].second <= i) ++handler;
    const bool tells_errors = i != kListOutstandingImport && i != kNowImport && i != kLogImport &&
                              i != kGetChainImport && i != kWhereisImport && i != kCancelTimerImport;
    spec->imports.push_back({.handler = handler,
                             .function = static_cast<std::uint16_t>(i - kHandlers[handler].second),
                             .tells_errors = tells_errors});
    spec->functions.imports.emplace_back(kImportNames[i]);
  }
  spec->functions.exports.emplace_back("theater:simple/actor.init");
  for (std::uint32_t i = 0; i < kExports; ++i) {
    spec->exports.push_back(i);
    if (i > 0) spec->functions.exports.emplace_back(spec->handlers[0]->exports()[i - 1]);
  }
  spec->set_permissions(compose_permissions(nullptr, spec->manifest));
  return spec;
}

ActorWorld::ActorWorld(std::uint64_t seed, std::uint32_t shards)
    : handlers_(builtin_handlers(router_)), has_disks_(seed >= kSlowDisk) {
  if (has_disks_) seed -= kSlowDisk;
  if (seed == 0) {
    threads_ = std::make_unique<sched::ThreadShardSet>(sched::ThreadShardSet::Options{.shards = shards}, system_clock_);
    shards_ = threads_.get();
  } else {
    simulation_ = std::make_unique<sched::SimulatedShardSet>(shards, seed, simulated_clock_);
    shards_ = simulation_.get();
  }
  observer_ = std::make_unique<Observer>();
  for (std::uint32_t i = 0; i < shards; ++i) {
    places_.push_back(std::make_unique<Place>(shards_->shard(i), std::make_unique<SeededRandom>(seed * 100 + i), gates_,
                                              waits_, *observer_, safe_, has_disks_));
    router_.core().attach(places_.back()->services);
  }
  if (threads_) threads_->start();
}

ActorWorld::~ActorWorld() {
  stop_all();
  shards_->stop();
  router_.core().detach_all();
}

void ActorWorld::on_shard(std::uint32_t shard, std::function<void()> task) {
  std::atomic<bool> done = false;
  shards_->shard(shard).post(*new sched::Task([&] {
    task();
    done = true;
  }));
  run_until([&] { return done.load(); });
}

void ActorWorld::on_disk(std::uint32_t shard, const std::function<void(SlowDisk&)>& use) {
  on_shard(shard, [&] { use(places_[shard]->disk); });
}

ActorId ActorWorld::spawn(const std::string& name, Script script, const Options& options) {
  return spawn(
      name, make_spec(name, std::move(script), options),
      [](actor::ActorCell& cell) { return std::move(*cell.make_guest(cell.spec())); }, options.shard);
}

ActorId ActorWorld::spawn(const std::string& name, std::shared_ptr<const actor::ActorSpec> spec,
                          const MakeGuest& make_guest, std::optional<std::uint32_t> wanted_shard) {
  std::array<std::uint8_t, 16> bytes{};
  const std::uint64_t number = next_id_++;
  for (int i = 0; i < 8; ++i) bytes[15 - i] = static_cast<std::uint8_t>(number >> (8 * i));
  const ActorId id = ActorId::from_random(bytes);
  const std::uint32_t shard = wanted_shard.value_or(next_shard_++ % shards_->size());
  EXPECT_TRUE(router_.core().directory().add_name(name, id));
  all_.emplace_back(id, shard);
  on_shard(shard, [&] {
    auto cell = std::make_unique<actor::ActorCell>(
        places_[shard]->services, std::move(spec),
        actor::ActorCell::Start{.id = id, .parent = std::nullopt, .state = std::nullopt});
    actor::ActorCell& made = *cell;
    {
      const std::lock_guard lock(observer_->mutex);
      observer_->cells[id] = std::move(cell);
    }
    EXPECT_TRUE(made.start(make_guest(made)));
  });
  run_until([&] {
    const std::lock_guard lock(observer_->mutex);
    return observer_->started.contains(id) || observer_->ended.contains(id);
  });
  return id;
}

void ActorWorld::send(const ActorId& target, std::string_view text) {
  const auto sent = router_.send(target, as_bytes(text));
  EXPECT_TRUE(sent) << sent.error().to_string();
}

void ActorWorld::stop(const ActorId& id) {
  const auto address = router_.core().directory().find(id);
  if (!address) return;
  auto* signal = new actor::Signal;
  signal->kind = actor::SignalKind::kStop;
  signal->target = address;
  address.gate->shard().post(*signal);
  run_until([&] { return !end_of(id).empty(); });
}

void ActorWorld::on_cell(const ActorId& id, std::function<void(actor::ActorCell&)> task) {
  const auto address = router_.core().directory().find(id);
  if (!address) return;
  address.gate->shard().post(*new sched::Task([address, task = std::move(task)] {
    if (actor::ActorCell* cell = address.gate->cell(address.generation)) task(*cell);
  }));
}

void ActorWorld::run_until(const std::function<bool()>& done) {
  if (simulation_) {
    ASSERT_TRUE(simulation_->run_until(done)) << "the simulation came to rest before";
    return;
  }
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (!done()) {
    ASSERT_LT(std::chrono::steady_clock::now(), give_up) << "nothing more happens";
    std::this_thread::yield();
  }
}

void ActorWorld::run_steps(int steps) {
  if (simulation_) static_cast<void>(simulation_->run_until([&] { return --steps < 0; }));
}

void ActorWorld::settle() {
  if (simulation_) {
    simulation_->run_until_idle();
    return;
  }
  run_until([&] {
    const MessageTotals totals = router_.totals();
    return totals.sent == totals.delivered + totals.refused + totals.dead_letters;
  });
}

void ActorWorld::stop_all() {
  for (const auto& [id, shard] : all_) {
    if (end_of(id).empty()) stop(id);
  }
  settle();
}

std::string ActorWorld::end_of(const ActorId& id) {
  const std::lock_guard lock(observer_->mutex);
  const auto found = observer_->ended.find(id);
  return found == observer_->ended.end() ? "" : found->second;
}

std::uint64_t ActorWorld::sealed_events(const ActorId& id) {
  const std::lock_guard lock(observer_->mutex);
  return observer_->sealed[id];
}

std::vector<std::string> ActorWorld::log_of(const std::string& name) {
  const std::lock_guard lock(observer_->mutex);
  return observer_->logs[name];
}

ChainSnapshot ActorWorld::chain(const ActorId& id) {
  std::uint32_t shard = 0;
  for (const auto& [actor, on] : all_) {
    if (actor == id) shard = on;
  }
  ChainSnapshot snapshot;
  on_shard(shard, [&] {
    ChainHead head;
    {
      const std::lock_guard lock(observer_->mutex);
      const auto ended = observer_->heads.find(id);
      head = ended != observer_->heads.end() ? ended->second : observer_->cells.at(id)->chain_head();
    }
    snapshot = places_[shard]->log.snapshot(id, head);
    const VerifyReport report = verify(snapshot);
    EXPECT_TRUE(report.ok()) << to_string(id) << " event " << report.fault->sequence << ": " << report.fault->what;
    EXPECT_TRUE(report.complete);
  });
  return snapshot;
}

std::vector<Event> ActorWorld::events(const ActorId& id) {
  auto events = chain(id).events();
  EXPECT_TRUE(events) << events.error().to_string();
  return events.value_or(std::vector<Event>());
}

void ActorWorld::expect_chains_verify() {
  std::unordered_map<ActorId, std::vector<Event>> chains;
  for (const auto& [id, shard] : all_) chains[id] = events(id);
  for (const auto& [id, chain] : chains) {
    for (const Event& event : chain) {
      if (!event.cause) continue;
      const auto& sender = chains.at(event.cause->actor);
      ASSERT_LT(event.cause->sequence, sender.size()) << "the cause of " << to_string(id) << " #" << event.sequence;
      const Event& sent = sender[event.cause->sequence];
      const bool sends = sent.function.ends_with(".send") || sent.function.ends_with(".publish") ||
                         sent.function.starts_with("theater:ext/timers.send-");
      EXPECT_TRUE(!event.function.ends_with("handle-send") || sends) << describe(sent);
      EXPECT_TRUE(!event.function.ends_with("handle-request") || sent.function.ends_with(".request")) << describe(sent);
    }
  }
}

void ActorWorld::expect_accounted() {
  const MessageTotals totals = router_.totals();
  EXPECT_EQ(totals.sent, totals.delivered + totals.refused + totals.dead_letters)
      << totals.delivered << " delivered, " << totals.refused << " refused, " << totals.dead_letters << " dead letters";
}

}  // namespace theater::testing
