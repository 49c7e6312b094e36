#include "runtime/runtime_core.h"

#include <algorithm>

#include "base/check.h"
#include "base/limits.h"
#include "router/router_core.h"
#include "runtime/blueprint.h"
#include "runtime/read_file.h"
#include "runtime/wasm_guest.h"
#include "sched/task.h"

namespace theater::runtime {
EpochTicker::EpochTicker(const engine::Engine& engine)
    : thread_([this, &engine] {
        std::unique_lock lock(mutex_);
        while (!wakeup_.wait_for(lock, std::chrono::milliseconds(limits::kEpochMs), [&] { return stopping_; }))
          engine.tick();
      }) {}

EpochTicker::~EpochTicker() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wakeup_.notify_one();
  thread_.join();
}

RuntimeCore::RuntimeCore(RuntimeOptions options, HandlerRegistry handlers, MessageRouter& router)
    : options_(std::move(options)), handlers_(std::move(handlers)), router_(router) {}

RuntimeCore::~RuntimeCore() { shut_down(); }

Result<void> RuntimeCore::start() {
  engine::EngineOptions engine_options;
  engine_options.instances = options_.actors_max;
  auto engine = engine::Engine::create(engine_options);
  if (!engine) return fail(std::move(engine.error()));
  engine_ = std::move(*engine);
  log(engine_->describe());
  if (options_.code_cache) {
    auto cache = engine::CodeCache::open(*options_.code_cache, limits::kCodeCacheBytes);
    if (cache) {
      code_cache_ = std::move(*cache);
    } else {
      log("compiled code is not kept: " + cache.error().to_string());
    }
  }
  const std::uint32_t count = options_.shards > 0 ? options_.shards : std::max(1u, std::thread::hardware_concurrency());
  shards_ = std::make_unique<sched::ThreadShardSet>(sched::ThreadShardSet::Options{.shards = count}, clock_);
  for (std::uint32_t i = 0; i < count; ++i) {
    shard_runtimes_.push_back(std::make_unique<ShardRuntime>(*this, shards_->shard(i), options_, gates_, waits_));
    router_.core().attach(shard_runtimes_.back()->services());
  }
  ticker_ = std::make_unique<EpochTicker>(*engine_);
  shards_->start();
  return {};
}

void RuntimeCore::post(std::uint32_t shard, std::function<void(ShardRuntime&)> task) const {
  ShardRuntime& runtime = *shard_runtimes_[shard];
  runtime.shard().post(*new sched::Task([&runtime, task = std::move(task)] { task(runtime); }));
}

void RuntimeCore::shut_down() {
  if (!shards_) return;
  {
    const std::lock_guard lock(actors_mutex_);
    if (shutting_down_) return;
    shutting_down_ = true;
    for (const auto& [id, entry] : actors_) {
      if (!entry.ended) post(entry.shard, [id](ShardRuntime& runtime) { runtime.stop(id, StopReason::kRuntimeEnded); });
    }
  }
  {
    std::unique_lock lock(actors_mutex_);
    actors_changed_.wait(lock, [&] { return living_ == 0; });
  }
  // Answers and dead letters that the last ends sent to other shards: each round trip through all shards brings them
  // one hop further, and nothing is sent for what arrives at an actor that has ended but one answer. Those that ended
  // while they stood in a run queue leave it in these rounds as well.
  constexpr int kRoundsMin = 4;
  bool all_released = false;
  for (int round = 0; round < kRoundsMin || !all_released; ++round) {
    std::vector<std::future<bool>> passed;
    for (std::uint32_t i = 0; i < shards_->size(); ++i) {
      auto promise = std::make_shared<std::promise<bool>>();
      passed.push_back(promise->get_future());
      post(i, [promise](ShardRuntime& runtime) { promise->set_value(runtime.all_released()); });
    }
    all_released = true;
    for (auto& future : passed) all_released &= future.get();
  }
  shards_->stop();
  ticker_.reset();
  router_.core().detach_all();
}

// Blueprints ----------------------------------------------------------------------------------------------------------

Result<Bytes> RuntimeCore::read_component(const Manifest& manifest) const {
  if (const auto* file = std::get_if<FileReference>(&manifest.component_reference)) {
    return read_file(file->path, limits::kComponentBytes);
  }
  return fail(ErrorCode::kUnavailable,
              "component = \"" + manifest.component +
                  "\": this runtime reads components from files only; store and http references are not available yet");
}

Result<std::shared_ptr<const engine::LinkedComponent>> RuntimeCore::link(ByteView bytes) {
  const Digest digest = sha256(bytes);
  const std::lock_guard lock(components_mutex_);
  if (auto known = components_[digest].lock()) return known;
  std::shared_ptr<const engine::Component> component;
  if (code_cache_) {
    auto found = code_cache_->get(*engine_, bytes);
    if (!found) return fail(std::move(found.error()));
    if (!found->warning.empty()) log(found->warning);
    component = std::move(found->component);
  } else {
    auto compiled = engine::Component::compile(*engine_, bytes);
    if (!compiled) return fail(std::move(compiled.error()));
    component = std::move(*compiled);
  }
  auto flags = import_flags(*component, handlers_);
  if (!flags) return fail(std::move(flags.error()));
  auto linked = engine::LinkedComponent::link(std::move(component), call_host, *flags);
  if (linked) components_[digest] = *linked;
  return linked;
}

Result<Blueprint> RuntimeCore::prepare(Manifest manifest, ByteView component) {
  auto linked = link(component);
  if (!linked) return fail(std::move(linked.error()).with_context(manifest.component));
  auto spec = make_spec(std::move(manifest), (*linked)->component(), handlers_);
  if (!spec) return fail(std::move(spec.error()));
  Blueprint blueprint;
  blueprint.spec_ = std::move(*spec);
  blueprint.linked_ = std::move(*linked);
  return blueprint;
}

// Actors --------------------------------------------------------------------------------------------------------------

void RuntimeCore::spawn(const Blueprint& blueprint, SpawnOptions options, ShardRuntime::Started done) {
  ActorId id;
  std::uint32_t shard = 0;
  const std::string& name = blueprint.spec_->manifest.name;
  std::optional<Error> refused;
  {
    const std::lock_guard lock(actors_mutex_);
    if (shutting_down_) {
      refused = Error(ErrorCode::kUnavailable, "the runtime is shutting down");
    } else if (living_ >= options_.actors_max) {
      refused = Error(ErrorCode::kResourceExhausted,
                      "there are " + std::to_string(living_) + " actors already, the most allowed (actors_max)");
    } else {
      id = random_.make_id<ActorId>();
      shard = static_cast<std::uint32_t>(next_shard_++ % shard_runtimes_.size());
      if (options.near) {
        if (const auto neighbour = actors_.find(*options.near); neighbour != actors_.end()) {
          shard = neighbour->second.shard;
          --next_shard_;
        }
      }
      actors_[id] = {.shard = shard,
                     .number = next_number_++,
                     .name = name,
                     .status = ActorStatus::kStarting,
                     .parent = options.parent,
                     .ended = std::nullopt};
      ++living_;
    }
  }
  if (refused) {
    done(fail(std::move(*refused)));
    return;
  }
  if (options.register_name) {
    if (auto named = router_.core().directory().add_name(name, id); !named) {
      actor_gone(id);
      done(fail(std::move(named.error())));
      return;
    }
  }
  actor::ActorCell::Start start{
      .id = id, .parent = options.parent, .state = std::move(options.state), .reason = StartReason::kSpawned};
  post(shard,
       [spec = blueprint.spec_, linked = std::static_pointer_cast<const engine::LinkedComponent>(blueprint.linked_),
        start = std::move(start), done = std::move(done)](ShardRuntime& runtime) mutable {
         runtime.spawn(std::move(spec), std::move(linked), std::move(start), std::move(done));
       });
}

void RuntimeCore::actor_started(const ActorId& id) {
  const std::lock_guard lock(actors_mutex_);
  actors_.at(id).status = ActorStatus::kRunning;
}

void RuntimeCore::actor_ended(const ActorInfo& info) {
  // Its name, if it had one; whatever handlers it had.
  router_.core().directory().remove(info.id);
  const std::lock_guard lock(actors_mutex_);
  Entry& entry = actors_.at(info.id);
  entry.status = info.status;
  entry.ended = info;
  --living_;
  ended_order_.push_back(info.id);
  if (ended_order_.size() - ended_front_ > limits::kEndedActorsKept) {
    actors_.erase(ended_order_[ended_front_++]);
    if (ended_front_ == limits::kEndedActorsKept) {
      ended_order_.erase(ended_order_.begin(), ended_order_.begin() + static_cast<std::ptrdiff_t>(ended_front_));
      ended_front_ = 0;
    }
  }
  actors_changed_.notify_all();
}

void RuntimeCore::actor_gone(const ActorId& id) {
  router_.core().directory().remove(id);
  const std::lock_guard lock(actors_mutex_);
  if (actors_.erase(id) > 0) --living_;
  actors_changed_.notify_all();
}

Result<void> RuntimeCore::stop(const ActorId& id, StopReason reason) {
  return on_shard_of(id, [&](ShardRuntime& runtime) { runtime.stop(id, reason); });
}

Result<ActorInfo> RuntimeCore::wait(const ActorId& id, std::chrono::milliseconds timeout) {
  std::unique_lock lock(actors_mutex_);
  const auto ended = [&] {
    const auto found = actors_.find(id);
    return found == actors_.end() || found->second.ended.has_value();
  };
  if (!actors_changed_.wait_for(lock, timeout, ended)) {
    return fail(ErrorCode::kTimeout,
                "actor " + to_string(id) + " still runs after " + std::to_string(timeout.count()) + " ms");
  }
  const auto found = actors_.find(id);
  if (found == actors_.end()) return fail(ErrorCode::kNotFound, "no such actor: " + to_string(id));
  return *found->second.ended;
}

bool RuntimeCore::wait_all(std::chrono::milliseconds timeout) {
  std::unique_lock lock(actors_mutex_);
  return actors_changed_.wait_for(lock, timeout, [&] { return living_ == 0; });
}

Result<ActorInfo> RuntimeCore::info(const ActorId& id) const {
  {
    const std::lock_guard lock(actors_mutex_);
    const auto found = actors_.find(id);
    if (found != actors_.end() && found->second.ended) return *found->second.ended;
  }
  auto info = on_shard_of(id, [&](ShardRuntime& runtime) -> std::optional<ActorInfo> {
    const actor::ActorCell* cell = runtime.find(id);
    if (cell == nullptr) return std::nullopt;
    return runtime.info(*cell);
  });
  if (!info) return fail(std::move(info.error()));
  if (*info) return **info;
  // It ended while this was asked.
  const std::lock_guard lock(actors_mutex_);
  const auto found = actors_.find(id);
  if (found != actors_.end() && found->second.ended) return *found->second.ended;
  return fail(ErrorCode::kNotFound, "no such actor: " + to_string(id));
}

std::vector<ActorInfo> RuntimeCore::list() const {
  std::vector<std::pair<std::uint64_t, ActorInfo>> numbered;
  {
    const std::lock_guard lock(actors_mutex_);
    for (const auto& [id, entry] : actors_) {
      ActorInfo info;
      if (entry.ended) {
        info = *entry.ended;
      } else {
        info.id = id;
        info.name = entry.name;
        info.status = entry.status;
        info.parent = entry.parent;
        info.shard = entry.shard;
      }
      numbered.emplace_back(entry.number, std::move(info));
    }
  }
  std::ranges::sort(numbered, {}, [](const auto& entry) { return entry.first; });
  std::vector<ActorInfo> list;
  for (auto& [number, info] : numbered) list.push_back(std::move(info));
  return list;
}

std::size_t RuntimeCore::living() const {
  const std::lock_guard lock(actors_mutex_);
  return living_;
}

std::uint64_t RuntimeCore::events_recorded() const {
  std::uint64_t events = 0;
  for (const auto& shard : shard_runtimes_) events += shard->events_recorded();
  return events;
}

}  // namespace theater::runtime
