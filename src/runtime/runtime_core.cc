#include "runtime/runtime_core.h"

#include <algorithm>

#include "base/check.h"
#include "base/limits.h"
#include "base/machine.h"
#include "router/router_core.h"
#include "runtime/blueprint.h"
#include "runtime/read_file.h"
#include "runtime/recorded_events.h"
#include "runtime/resumption.h"
#include "runtime/wasm_guest.h"
#include "sched/task.h"
#include "store/history.h"

namespace theater::runtime {
namespace {

/// How often it is looked whether a segment was closed, and how often chains are looked at in any case: they grow old.
constexpr std::chrono::minutes kRetentionPace{1};
constexpr std::uint64_t kRetentionIntervalNs = 3600 * kNsPerSecond;

}  // namespace

Ticker::Ticker(std::chrono::milliseconds pace, std::function<void()> task)
    : thread_([this, pace, task = std::move(task)] {
        std::unique_lock lock(mutex_);
        while (!wakeup_.wait_for(lock, pace, [&] { return stopping_; })) task();
      }) {}

Ticker::~Ticker() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wakeup_.notify_one();
  thread_.join();
}

namespace {

/// As docs/event-format.md says.
std::string describe(const ForkOrigin& origin) {
  return to_string(origin.actor) + " " + std::to_string(origin.sequence) + " " + to_hex(origin.event_hash);
}

}  // namespace

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
  if (auto opened = open_directory(); !opened) return opened;
  resident_bytes_max_ = options_.resident_bytes_max.value_or(look_at_machine().usable_memory_bytes() / 100 *
                                                             limits::kMemoryShareMaxPercent);
  const std::uint32_t count = options_.shards > 0 ? options_.shards : std::max(1u, std::thread::hardware_concurrency());
  shards_ = std::make_unique<sched::ThreadShardSet>(sched::ThreadShardSet::Options{.shards = count}, clock_);
  for (std::uint32_t i = 0; i < count; ++i) {
    shard_runtimes_.push_back(std::make_unique<ShardRuntime>(*this, shards_->shard(i), options_, directory_.get(),
                                                             checkpoints_.get(), gates_, waits_));
    router_.core().attach(shard_runtimes_.back()->services());
  }
  epochs_ = std::make_unique<Ticker>(std::chrono::milliseconds(limits::kEpochMs), [this] {
    engine_->tick();
    admit_waiting();
  });
  if (directory_) {
    retain();
    retention_ = std::make_unique<Ticker>(kRetentionPace, [this] { retain_if_due(); });
  }
  workshop_ = std::make_unique<Workshop>();
  shards_->start();
  return {};
}

Result<void> RuntimeCore::open_directory() {
  if (!options_.data_directory) return {};
  if (!options_.record) {
    return fail(ErrorCode::kInvalidArgument, "a data directory keeps what is recorded; do not switch recording off");
  }
  auto opened = store::DataDirectory::open(*options_.data_directory, store::DataDirectory::Access::kWrite);
  if (!opened) return fail(std::move(opened.error()));
  directory_ = std::move(*opened);
  if (directory_->torn_bytes() > 0) {
    warn(directory_->path().string() + ": " + std::to_string(directory_->torn_bytes()) +
         " bytes that were not safe when the last process ended were left out");
  }
  for (const store::Damage& damage : directory_->damages()) {
    warn(directory_->path().string() + " is damaged: " + damage.to_string());
  }
  // Chains are kept all the same: a log that was damaged must not be signed on as if it had not been.
  if (auto opened_log = open_checkpoints(); !opened_log) {
    warn("no checkpoints are signed: " + opened_log.error().to_string());
  }
  return {};
}

Result<void> RuntimeCore::open_checkpoints() {
  auto writer = store::CheckpointWriter::open(store::posix_file_system(), directory_->path());
  if (!writer) return fail(std::move(writer.error()));
  const auto actors = directory_->actors();
  if (!actors) return fail(actors.error());
  for (const store::StoredActor& actor : *actors) {
    if (auto found = (*writer)->found(actor.id, actor.next_sequence, actor.head); !found) {
      warn(directory_->path().string() + " was changed: " + found.error().message());
    }
  }
  for (const ActorId& missing : (*writer)->all_found()) {
    warn(directory_->path().string() + " was changed: the chain of " + to_string(missing) + " is gone");
  }
  checkpoints_ = std::make_unique<store::CheckpointKeeper>(std::move(*writer), clock_, [this](const Error& error) {
    warn("no more checkpoints are signed: " + error.to_string());
  });
  return {};
}

store::RetentionRule RuntimeCore::retention_rule(const store::StoredActor& stored) const {
  store::RetentionRule rule;
  // Of an actor whose manifest cannot be read everything is kept.
  if (const auto manifest = stored_manifest(stored)) {
    rule.hours = manifest->chain.retain_hours;
    rule.bytes = manifest->chain.retain_bytes;
    rule.needs_state = manifest->resume;
  }
  return rule;
}

std::vector<Bytes> RuntimeCore::remnants(const ActorId& id) const {
  return directory_ ? directory_->removed(id).remnants : std::vector<Bytes>();
}

Result<FunctionTable> RuntimeCore::functions_at(const ChainSource& chain, std::uint64_t sequence) const {
  sequence = std::max(sequence, chain.first_sequence());
  if (sequence == 0) return FunctionTable();
  const auto stored = directory_->actor(chain.actor());
  if (!stored) return fail(stored.error());
  // Most actors start once: nothing then needs to be searched.
  const bool is_last = stored->start_sequence <= sequence && stored->start_sequence >= chain.first_sequence();
  const auto start =
      find_start_before(chain, remnants(chain.actor()), is_last ? stored->start_sequence + 1 : sequence + 1);
  if (!start) return fail(start.error());
  return *start ? (*start)->functions : FunctionTable();
}

void RuntimeCore::retain() {
  std::unordered_map<Digest, store::RetentionRule, DigestHash> rules;
  const auto rule_of = [&](const store::StoredActor& stored) {
    auto known = rules.find(stored.manifest);
    if (known == rules.end()) known = rules.emplace(stored.manifest, retention_rule(stored)).first;
    store::RetentionRule rule = known->second;
    const std::lock_guard lock(actors_mutex_);
    const auto here = actors_.find(stored.id);
    rule.has_ended = here == actors_.end() || here->second.ended.has_value();
    return rule;
  };
  retained_ns_ = clock_.monotonic_ns();
  segments_when_retained_ = directory_->segments_closed();
  const auto removed = directory_->retain(rule_of, clock_.wall_ns());
  if (!removed) return warn("old events could not be removed: " + removed.error().to_string());
  if (removed->events == 0 && removed->segments == 0) return;
  log("retention removed " + std::to_string(removed->events) + " events; " + std::to_string(removed->segments) +
      " files with " + std::to_string(removed->bytes) + " bytes are gone");
}

void RuntimeCore::retain_if_due() {
  const bool is_due = directory_->segments_closed() != segments_when_retained_ ||
                      clock_.monotonic_ns() - retained_ns_ >= kRetentionIntervalNs;
  if (is_due) retain();
}

void RuntimeCore::post(std::uint32_t shard, std::function<void(ShardRuntime&)> task) const {
  ShardRuntime& runtime = *shard_runtimes_[shard];
  runtime.shard().post(*new sched::Task([&runtime, task = std::move(task)] { task(runtime); }));
}

void RuntimeCore::end_all() {
  // First, without the lock that its tasks take.
  workshop_->stop();
  refuse_waiting();
  std::unique_lock lock(actors_mutex_);
  family_.shut_down();
  actors_changed_.wait(lock, [&] { return living_ == 0; });
}

void RuntimeCore::shut_down() {
  if (!shards_) return;
  {
    const std::lock_guard lock(actors_mutex_);
    if (shutting_down_) return;
    shutting_down_ = true;
  }
  retention_.reset();
  end_all();
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
  for (const auto& shard : shard_runtimes_) shard->close_log();
  if (checkpoints_) checkpoints_->stop();
  epochs_.reset();
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
  auto spec = make_spec(std::move(manifest), std::move(*linked), handlers_);
  if (!spec) return fail(std::move(spec.error()));
  if (auto kept = keep_content((*spec)->manifest, component); !kept) return fail(std::move(kept.error()));
  Blueprint blueprint;
  blueprint.spec_ = std::move(*spec);
  return blueprint;
}

/// What a chain names must be there before its first link is.
Result<void> RuntimeCore::keep_content(const Manifest& manifest, ByteView component) {
  if (!directory_ || manifest.chain.durability == Durability::kNone) return {};
  const std::lock_guard lock(content_mutex_);
  for (const ByteView content : {component, as_bytes(manifest.text)}) {
    if (!kept_content_.insert(sha256(content)).second) continue;
    auto put = directory_->content_files().put(content);
    if (put) continue;
    kept_content_.erase(sha256(content));
    return fail(std::move(put.error()).with_context("while keeping what actor " + manifest.name + " is made of"));
  }
  return {};
}

// Chains --------------------------------------------------------------------------------------------------------------

Result<ShardRuntime::KeptChain> RuntimeCore::chain_in_memory(const ActorId& id, std::uint64_t from_sequence,
                                                             std::uint64_t events_max) const {
  auto chain = on_shard_of(id, [&](ShardRuntime& shard) { return shard.chain(id, from_sequence, events_max); });
  if (!chain) return fail(std::move(chain.error()));
  return std::move(*chain);
}

Result<std::unique_ptr<ChainSource>> RuntimeCore::stored_chain(const ActorId& id) const {
  if (!directory_) return nullptr;
  for (const auto& shard : shard_runtimes_) {
    // After a failure the rest is in memory only.
    static_cast<void>(shard->write_chains());
  }
  auto source = directory_->chain(id);
  if (!source && source.error().code() == ErrorCode::kNotFound) return nullptr;
  return source;
}

Result<RuntimeCore::KeptChain> RuntimeCore::chain(const ActorId& id, std::uint64_t from_sequence,
                                                  std::uint64_t events_max) const {
  KeptChain chain;
  ChainSnapshot& snapshot = chain.snapshot;
  auto memory = chain_in_memory(id, from_sequence, events_max);
  if (memory) {
    snapshot = std::move(memory->snapshot);
    chain.manifest = memory->spec->manifest.text;
    if (snapshot.complete || reaches_back(snapshot, from_sequence)) return chain;
  } else if (memory.error().code() != ErrorCode::kNotFound) {
    return fail(std::move(memory.error()));
  }
  auto source = stored_chain(id);
  if (!source) return fail(std::move(source.error()));
  if (*source == nullptr) {
    if (!memory) return fail(std::move(memory.error()));
    return chain;
  }
  if (!memory) {
    // Of an earlier run.
    snapshot.actor = id;
    snapshot.next_sequence = (*source)->next_sequence();
    const auto stored = directory_->actor(id);
    if (stored) chain.manifest = (*source)->manifest(stored->manifest).value_or("");
  }
  if (auto joined = join_history(snapshot, **source, from_sequence, events_max); !joined) {
    return fail(std::move(joined.error()));
  }
  return chain;
}

Result<void> RuntimeCore::join_history(ChainSnapshot& snapshot, const ChainSource& source, std::uint64_t from_sequence,
                                       std::uint64_t events_max) const {
  if (auto joined = store::prepend(snapshot, source, from_sequence, events_max); !joined) return joined;
  if (snapshot.links.empty()) return {};
  snapshot.head_hash = snapshot.links.back().hash;
  auto functions = functions_at(source, snapshot.links.front().first_sequence);
  if (!functions) return fail(std::move(functions.error()));
  snapshot.functions.reset();
  if (snapshot.links.front().first_sequence > 0) snapshot.functions.emplace(std::move(*functions));
  return {};
}

Result<std::shared_ptr<void>> RuntimeCore::subscribe_from(const ActorId& id, std::uint64_t from_sequence,
                                                          const Runtime::EventCallback& heard) {
  auto subscribed = on_shard_of(id, [&](ShardRuntime& shard) -> Result<std::shared_ptr<void>> {
    // From here to the end of this task nothing is recorded: no event is told twice, and none is missed.
    const std::uint64_t read_from = sequence_to_read_from(from_sequence);
    auto chain = shard.chain(id, read_from);
    if (!chain) return fail(std::move(chain.error()));
    ChainSnapshot& snapshot = chain->snapshot;
    if (directory_ && !reaches_back(snapshot, from_sequence)) {
      static_cast<void>(shard.write_chains());
      const auto source = directory_->chain(id);
      if (!source && source.error().code() != ErrorCode::kNotFound) return fail(source.error());
      if (source) {
        if (auto joined = join_history(snapshot, **source, read_from); !joined) return fail(std::move(joined.error()));
      }
    }
    const auto events = snapshot.events();
    if (!events) return fail(events.error());
    for (const Event& event : *events) {
      if (event.sequence >= from_sequence) heard(event);
    }
    return subscriptions_.add(id, heard);
  });
  if (!subscribed) return fail(std::move(subscribed.error()));
  return std::move(*subscribed);
}

// Actors --------------------------------------------------------------------------------------------------------------

void RuntimeCore::spawn(const Blueprint& blueprint, SpawnOptions options, ShardRuntime::Started done) {
  actor::ActorCell::Start start{.parent = options.parent, .state = std::move(options.state)};
  if (options.forked_from) {
    start.reason = StartReason::kForked;
    start.origin = describe(*options.forked_from);
  }
  {
    const std::lock_guard lock(actors_mutex_);
    start.id = random_.make_id<ActorId>();
  }
  start_actor({.spec = blueprint.spec_,
               .start = std::move(start),
               .near = options.near,
               .register_name = options.register_name,
               .done = std::move(done)});
}

void RuntimeCore::start_actor(Beginning beginning) {
  const ShardRuntime::Started done = beginning.done;
  auto begun = begin(beginning);
  if (!begun) done(fail(std::move(begun.error())));
}

Result<void> RuntimeCore::begin(Beginning& beginning) {
  actor::ActorCell::Start& start = beginning.start;
  const bool is_resumed = start.reason == StartReason::kResumed;
  if (start.parent && !is_resumed) {
    std::shared_ptr<const actor::ActorSpec> parent;
    {
      const std::lock_guard lock(actors_mutex_);
      if (const auto found = actors_.find(*start.parent); found != actors_.end()) parent = found->second.spec;
    }
    if (parent) beginning.spec = spec_under(std::move(beginning.spec), parent->permissions, handlers_);
  }
  const Manifest& manifest = beginning.spec->manifest;
  const ActorId id = start.id;
  const bool has_name = beginning.register_name || (manifest.unique && !is_resumed);
  const std::lock_guard lock(actors_mutex_);
  if (shutting_down_) return fail(ErrorCode::kUnavailable, "the runtime is shutting down");
  const bool is_behind = beginning.deadline_ns == 0 && !waiting_.empty();
  auto room = check_room(manifest.limits);
  if ((is_behind || !room) && wait_for_room(beginning)) return {};
  if (!room) return room;
  if (has_name) {
    if (auto named = router_.core().directory().add_name(manifest.name, id); !named) return named;
  }
  // The parent of one that is resumed may be gone: then nobody is its parent.
  const bool is_orphan = is_resumed && start.parent && !family_.contains(*start.parent);
  if (auto added =
          family_.add(id, is_orphan ? std::nullopt : start.parent, manifest.supervision, manifest.limits.children_max);
      !added) {
    router_.core().forget(id);
    return added;
  }
  auto shard = static_cast<std::uint32_t>(next_shard_++ % shard_runtimes_.size());
  if (beginning.near) {
    if (const auto neighbour = actors_.find(*beginning.near); neighbour != actors_.end()) {
      shard = neighbour->second.shard;
      --next_shard_;
    }
  }
  Entry& entry = actors_[id];
  entry.shard = shard;
  entry.number = next_number_++;
  entry.name = manifest.name;
  entry.parent = start.parent;
  entry.has_name = has_name;
  entry.spec = std::move(beginning.spec);
  entry.first_state = start.state;
  entry.memory_bytes = memory_bytes_of(entry.spec->manifest.limits);
  count_in(entry);
  // Under the lock, so that an order to stop it comes after it.
  post(shard,
       [spec = entry.spec, start = std::move(start), done = std::move(beginning.done)](ShardRuntime& runtime) mutable {
         runtime.spawn(std::move(spec), std::move(start), std::move(done));
       });
  return {};
}

// Resuming ------------------------------------------------------------------------------------------------------------

std::vector<ResumedActor> RuntimeCore::resume() {
  std::vector<ResumedActor> resumed;
  if (!directory_) return resumed;
  const auto actors = directory_->actors();
  if (!actors) {
    warn(actors.error().to_string());
    return resumed;
  }
  for (const store::StoredActor& stored : *actors) {
    if (stored.stopped && *stored.stopped != StopReason::kRuntimeEnded) continue;
    const auto manifest = stored_manifest(stored);
    if (!manifest) {
      warn("actor " + stored.name + " (" + to_string(stored.id) +
           ") is not looked at for resuming: " + manifest.error().to_string());
      continue;
    }
    if (!manifest->resume) continue;
    ResumedActor& result = resumed.emplace_back(ResumedActor{.id = stored.id, .name = stored.name});
    if (auto started = resume(stored, *manifest); !started) result.error = std::move(started.error());
  }
  return resumed;
}

Result<Manifest> RuntimeCore::stored_manifest(const store::StoredActor& stored) const {
  const auto text = directory_->content_files().get(stored.manifest, limits::kManifestBytes);
  if (!text) return fail(text.error());
  const auto chain = directory_->chain(stored.id);
  if (!chain) return fail(chain.error());
  // It filled the manifest's template.
  const auto initial_state = find_initial_state(**chain);
  if (!initial_state) return fail(initial_state.error());
  const std::vector<HandlerSchema> schemas = handlers_.schemas();
  ParseOptions options;
  options.source_name = "the manifest of " + stored.name;
  // Of no consequence: the component is in the directory as well.
  options.base_directory = directory_->path();
  options.extra_handlers = schemas;
  if (*initial_state) options.initial_state = **initial_state;
  return parse_manifest(as_text(*text), options);
}

Result<void> RuntimeCore::resume(const store::StoredActor& stored, const Manifest& manifest) {
  if (stored.damage) {
    return fail(ErrorCode::kCorrupt, "its chain is damaged, so it does not go on: " + stored.damage->to_string());
  }
  const auto chain = directory_->chain(stored.id);
  if (!chain) return fail(chain.error());
  auto resumption = find_resumption(**chain, remnants(stored.id), stored);
  if (!resumption) return fail(std::move(resumption.error()));
  const auto component = directory_->content_files().get(resumption->component, limits::kComponentBytes);
  if (!component) return fail(Error(component.error()).with_context("its component"));
  auto blueprint = prepare(manifest, *component);
  if (!blueprint) return fail(std::move(blueprint.error()));
  std::shared_ptr<const actor::ActorSpec> spec = blueprint->spec_;
  if (stored.parent) {
    const auto above = stored_permissions(*stored.parent, 1);
    if (!above) return fail(Error(above.error()).with_context("what its parent may do is not known"));
    spec = spec_under(std::move(spec), *above, handlers_);
  }
  actor::ActorCell::Start start{.id = stored.id,
                                .parent = stored.parent,
                                .state = std::move(resumption->state),
                                .reason = StartReason::kResumed,
                                .chain = {.hash = stored.head, .next_sequence = stored.next_sequence},
                                .is_initialized = resumption->is_initialized};
  std::promise<Result<ActorId>> promise;
  auto future = promise.get_future();
  start_actor({.spec = std::move(spec),
               .start = std::move(start),
               .near = std::nullopt,
               .register_name = !router_.core().directory().find_name(stored.name),
               .done = [&](Result<ActorId> id) { promise.set_value(std::move(id)); }});
  auto started = future.get();
  if (!started) return fail(std::move(started.error()));
  return {};
}

Result<EffectivePermissions> RuntimeCore::stored_permissions(const ActorId& id, std::uint32_t generations) const {
  if (generations > limits::kFamilyDepthMax) {
    return fail(ErrorCode::kCorrupt, "there are more generations above it than a family may have");
  }
  const auto stored = directory_->actor(id);
  if (!stored) {
    return fail(ErrorCode::kNotFound, "the directory has no chain of " + to_string(id) +
                                          "; a parent whose children resume must keep its own");
  }
  const auto manifest = stored_manifest(*stored);
  if (!manifest) return fail(manifest.error());
  const std::vector<HandlerSchema> schemas = handlers_.schemas();
  if (!stored->parent) return compose_permissions(nullptr, *manifest, schemas);
  const auto above = stored_permissions(*stored->parent, generations + 1);
  if (!above) return above;
  return compose_permissions(&*above, *manifest, schemas);
}

void RuntimeCore::actor_started(const ActorId& id) {
  std::vector<std::function<void(Result<void>)>> waiting;
  {
    const std::lock_guard lock(actors_mutex_);
    Entry& entry = actors_.at(id);
    entry.status = ActorStatus::kRunning;
    waiting = std::exchange(entry.when_started, {});
    family_.started(id);
  }
  for (const auto& done : waiting) done({});
}

void RuntimeCore::actor_updated(const ActorId& id, std::shared_ptr<const actor::ActorSpec> spec) {
  const std::lock_guard lock(actors_mutex_);
  actors_.at(id).spec = std::move(spec);
}

bool RuntimeCore::actor_ended(const ActorInfo& info) {
  const std::lock_guard lock(actors_mutex_);
  Entry& entry = actors_.at(info.id);
  entry.last_end = info;
  entry.last_end->name = entry.name;
  entry.last_end->parent = entry.parent;
  entry.last_end->shard = entry.shard;
  entry.last_end->restarts = entry.restarts;
  const bool comes_back = family_.ended(info.id, info.end_reason, clock_.monotonic_ns());
  entry.status = comes_back ? ActorStatus::kStarting : info.status;
  return comes_back;
}

void RuntimeCore::actor_finished(const ActorId& id) {
  std::vector<std::function<void(Result<void>)>> waiting_for_start;
  std::vector<std::function<void()>> waiting_for_end;
  std::string why;
  {
    const std::lock_guard lock(actors_mutex_);
    router_.core().forget(id);
    Entry& entry = actors_.at(id);
    entry.status = entry.last_end->status;
    entry.ended = entry.last_end;
    why = entry.last_end->end_message;
    waiting_for_start = std::exchange(entry.when_started, {});
    waiting_for_end = std::exchange(entry.when_ended, {});
    count_out(entry);
    const auto oldest = ended_order_.ended(id);
    family_.gone(id);
    if (oldest) {
      family_.forget(*oldest);
      actors_.erase(*oldest);
    }
    actors_changed_.notify_all();
  }
  for (const auto& done : waiting_for_end) done();
  for (const auto& done : waiting_for_start) {
    done(fail(ErrorCode::kStopped, "it has ended" + (why.empty() ? "" : ": " + why)));
  }
}

void RuntimeCore::actor_gone(const ActorId& id) {
  const std::lock_guard lock(actors_mutex_);
  router_.core().forget(id);
  family_.remove(id);
  if (const auto found = actors_.find(id); found != actors_.end()) {
    count_out(found->second);
    actors_.erase(found);
  }
  actors_changed_.notify_all();
}

void RuntimeCore::wait_is_over(std::uint64_t number) {
  const std::lock_guard lock(actors_mutex_);
  family_.wait_is_over(number);
}

// What the family asks for ------------------------------------------------------------------------------------------

void RuntimeCore::stop(const ActorId& id, StopReason reason, bool by_force, const std::string& message) {
  post(actors_.at(id).shard, [=](ShardRuntime& runtime) { runtime.stop(id, reason, by_force, message); });
}

void RuntimeCore::start_again(const ActorId& id) {
  Entry& entry = actors_.at(id);
  if (entry.ended) {
    entry.ended.reset();
    ended_order_.remove(id);
    count_in(entry);
  }
  entry.status = ActorStatus::kStarting;
  ++entry.restarts;
  actor::ActorCell::Start start{
      .id = id, .parent = entry.parent, .state = entry.first_state, .reason = StartReason::kRestarted};
  post(entry.shard, [spec = entry.spec, start = std::move(start)](ShardRuntime& runtime) mutable {
    runtime.start_again(std::move(spec), std::move(start));
  });
}

void RuntimeCore::wait(const ActorId& id, std::uint64_t delay_ms, std::uint64_t number) {
  post(actors_.at(id).shard, [=](ShardRuntime& runtime) { runtime.wait(delay_ms, number); });
}

void RuntimeCore::finished(const ActorId& id) {
  post(actors_.at(id).shard, [id](ShardRuntime& runtime) { runtime.finish(id); });
}

void RuntimeCore::forgotten(const ActorId& id) {
  const auto found = actors_.find(id);
  if (found == actors_.end()) return;
  found->second.spec.reset();
  found->second.first_state.reset();
  post(found->second.shard, [id](ShardRuntime& runtime) { runtime.forget(id); });
}

void RuntimeCore::tell_parent(const ActorId& parent, const ActorId& child) {
  post(actors_.at(parent).shard,
       [parent, news = *actors_.at(child).last_end](ShardRuntime& runtime) { runtime.tell_parent(parent, news); });
}

// What others ask for -----------------------------------------------------------------------------------------------

Result<void> RuntimeCore::stop(const ActorId& id, bool by_force) {
  std::unique_lock lock(actors_mutex_);
  const auto has_ended = [&] {
    const auto found = actors_.find(id);
    return found == actors_.end() || found->second.ended.has_value();
  };
  if (!actors_.contains(id)) return fail(ErrorCode::kNotFound, "no such actor: " + to_string(id));
  if (shutting_down_) return fail(ErrorCode::kUnavailable, "the runtime is shutting down");
  if (has_ended()) return {};
  // The family may have let it go already: then its end is on its way.
  (void)family_.stop(id, by_force, Family::Asker::kOutside);
  actors_changed_.wait(lock, has_ended);
  return {};
}

Result<void> RuntimeCore::restart(const ActorId& id) {
  std::promise<Result<void>> promise;
  auto future = promise.get_future();
  restart(id, [&](Result<void> restarted) { promise.set_value(std::move(restarted)); });
  return future.get();
}

void RuntimeCore::restart(const ActorId& id, std::function<void(Result<void>)> done) {
  const auto begin = [&]() -> Result<void> {
    const std::lock_guard lock(actors_mutex_);
    const auto found = actors_.find(id);
    if (found == actors_.end()) return fail(ErrorCode::kNotFound, "no such actor: " + to_string(id));
    if (shutting_down_) return fail(ErrorCode::kUnavailable, "the runtime is shutting down");
    Entry& entry = found->second;
    const bool has_ended = entry.ended.has_value();
    // Its end is not yet told to all.
    if (!has_ended && family_.is_resting(id)) return fail(ErrorCode::kStopped, "the actor is ending; try again");
    if (has_ended && entry.spec) {
      if (auto room = check_room(entry.spec->manifest.limits); !room) return room;
    }
    if (has_ended && entry.has_name) {
      if (auto named = router_.core().directory().add_name(entry.name, id); !named) return named;
    }
    if (auto restarted = family_.restart(id); !restarted) {
      if (has_ended) router_.core().forget(id);
      return restarted;
    }
    entry.when_started.push_back(done);
    return {};
  };
  if (auto begun = begin(); !begun) done(fail(std::move(begun.error())));
}

Result<void> RuntimeCore::set_paused(const ActorId& id, bool paused) {
  auto set = on_shard_of(id, [&](ShardRuntime& runtime) -> Result<void> {
    actor::ActorCell* cell = runtime.find(id);
    if (cell == nullptr || cell->phase() != actor::ActorPhase::kRunning || cell->is_paused() == paused) {
      return fail(ErrorCode::kNotRunning,
                  "actor " + to_string(id) + (paused ? " does not run, or is paused already" : " is not paused"));
    }
    paused ? cell->pause() : cell->go_on();
    return {};
  });
  if (!set) return fail(std::move(set.error()));
  if (!*set) return *set;
  const std::lock_guard lock(actors_mutex_);
  if (const auto found = actors_.find(id);
      found != actors_.end() && found->second.status == (paused ? ActorStatus::kRunning : ActorStatus::kPaused)) {
    found->second.status = paused ? ActorStatus::kPaused : ActorStatus::kRunning;
  }
  return {};
}

std::vector<ActorId> RuntimeCore::children(const ActorId& id) const {
  const std::lock_guard lock(actors_mutex_);
  return family_.children(id);
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

ActorInfo RuntimeCore::brief(const ActorId& id, const Entry& entry) const {
  if (entry.ended) return *entry.ended;
  ActorInfo info;
  info.id = id;
  info.name = entry.name;
  info.status = family_.is_stopping(id) ? ActorStatus::kStopping : entry.status;
  info.parent = entry.parent;
  info.shard = entry.shard;
  info.restarts = entry.restarts;
  return info;
}

Result<ActorInfo> RuntimeCore::info(const ActorId& id) const {
  const auto known = [&]() -> Result<ActorInfo> {
    const std::lock_guard lock(actors_mutex_);
    const auto found = actors_.find(id);
    if (found == actors_.end()) return fail(ErrorCode::kNotFound, "no such actor: " + to_string(id));
    return brief(id, found->second);
  };
  auto before = known();
  if (!before || has_ended(before->status)) return before;
  auto info = on_shard_of(id, [&](ShardRuntime& runtime) -> std::optional<ActorInfo> {
    const actor::ActorCell* cell = runtime.find(id);
    if (cell == nullptr) return std::nullopt;
    return runtime.info(*cell);
  });
  if (!info) return fail(std::move(info.error()));
  // Without a cell it ended while this was asked, or waits to be started again.
  if (!*info) return known();
  (*info)->restarts = before->restarts;
  if (before->status == ActorStatus::kStopping) (*info)->status = before->status;
  return **info;
}

std::vector<ActorInfo> RuntimeCore::list() const {
  std::vector<std::pair<std::uint64_t, ActorInfo>> numbered;
  {
    const std::lock_guard lock(actors_mutex_);
    for (const auto& [id, entry] : actors_) numbered.emplace_back(entry.number, brief(id, entry));
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

std::uint64_t RuntimeCore::turns() const {
  std::uint64_t turns = 0;
  for (const auto& shard : shard_runtimes_) turns += shard->services().accounting.turns();
  return turns;
}

std::uint64_t RuntimeCore::fuel_used() const {
  std::uint64_t fuel = 0;
  for (const auto& shard : shard_runtimes_) fuel += shard->services().accounting.fuel_used();
  return fuel;
}

std::uint64_t RuntimeCore::events_recorded() const {
  std::uint64_t events = 0;
  for (const auto& shard : shard_runtimes_) events += shard->events_recorded();
  return events;
}

}  // namespace theater::runtime
