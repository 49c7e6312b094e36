#include "theater/runtime.h"

#include <algorithm>
#include <future>
#include <iterator>

#include "base/limits.h"
#include "chain/chain_file.h"
#include "chain/chain_source.h"
#include "chain/link_codec.h"
#include "chain/verify.h"
#include "runtime/read_file.h"
#include "runtime/recorded_events.h"
#include "runtime/runtime_core.h"
#include "runtime/told_history.h"

namespace theater {

std::string_view to_string(ActorStatus status) {
  switch (status) {
    case ActorStatus::kStarting: return "starting";
    case ActorStatus::kRunning: return "running";
    case ActorStatus::kPaused: return "paused";
    case ActorStatus::kStopping: return "stopping";
    case ActorStatus::kStopped: return "stopped";
    case ActorStatus::kFailed: return "failed";
  }
  return "unknown";
}

const Manifest& Blueprint::manifest() const { return spec_->manifest; }
const FunctionTable& Blueprint::functions() const { return spec_->functions; }

Runtime::Runtime(std::unique_ptr<runtime::RuntimeCore> core) : core_(std::move(core)) {}
Runtime::~Runtime() = default;

Result<std::unique_ptr<Runtime>> Runtime::start(RuntimeOptions options, HandlerRegistry handlers,
                                                MessageRouter& router) {
  auto core = std::make_unique<runtime::RuntimeCore>(std::move(options), std::move(handlers), router);
  if (auto started = core->start(); !started) return fail(std::move(started.error()));
  return std::unique_ptr<Runtime>(new Runtime(std::move(core)));
}

Result<Blueprint> Runtime::prepare(Manifest manifest) {
  auto component = core_->read_component(manifest);
  if (!component) return fail(std::move(component.error()).with_context(manifest.source_name));
  return core_->prepare(std::move(manifest), *component);
}

Result<Blueprint> Runtime::prepare(Manifest manifest, ByteView component) {
  return core_->prepare(std::move(manifest), component);
}

namespace {

Result<Bytes> read_init_state(const ComponentReference& reference) {
  if (const auto* file = std::get_if<FileReference>(&reference))
    return runtime::read_file(file->path, limits::kStateMaxBytes);
  return fail(ErrorCode::kUnavailable, "it can be a file only; store and http references are not available yet");
}

/// The state comes first, since it fills the manifest's template.
Result<Runtime::Loaded> load_with_state(std::string_view text, ParseOptions options, std::optional<Bytes> state) {
  if (state) options.initial_state = *state;
  const auto reference = find_init_state(text, options);
  if (reference && *reference) {
    auto declared = read_init_state(**reference);
    if (!declared) return fail(std::move(declared.error()).with_context(options.source_name + ": init_state"));
    state = state ? merge_initial_states(*declared, *state) : std::move(*declared);
    options.initial_state = *state;
  }
  // Also when init_state is at fault: this tells of all the manifest's errors.
  auto manifest = parse_manifest(text, options);
  if (!manifest) return fail(std::move(manifest.error()));
  if (!reference) return fail(reference.error());
  return Runtime::Loaded{.manifest = std::move(*manifest), .state = std::move(state)};
}

}  // namespace

Result<Runtime::Loaded> Runtime::load(const std::filesystem::path& manifest, std::optional<Bytes> initial_state) const {
  const auto schemas = core_->handlers().schemas();
  ParseOptions options;
  options.extra_handlers = schemas;
  const auto text = read_manifest(manifest, options);
  if (!text) return fail(text.error());
  return load_with_state(*text, options, std::move(initial_state));
}

Result<Runtime::Loaded> Runtime::load_text(std::string_view text,
                                           const std::optional<std::filesystem::path>& base_directory,
                                           std::optional<Bytes> initial_state) const {
  const auto schemas = core_->handlers().schemas();
  ParseOptions options;
  options.extra_handlers = schemas;
  options.source_name = "manifest";
  options.base_directory = base_directory;
  return load_with_state(text, options, std::move(initial_state));
}

Result<ActorId> Runtime::spawn(const Blueprint& blueprint, SpawnOptions options) {
  std::promise<Result<ActorId>> promise;
  auto future = promise.get_future();
  core_->spawn(blueprint, std::move(options), [&](Result<ActorId> id) { promise.set_value(std::move(id)); });
  return future.get();
}

void Runtime::spawn_async(const Blueprint& blueprint, SpawnOptions options, std::function<void(Result<ActorId>)> done) {
  core_->spawn(blueprint, std::move(options), std::move(done));
}

Result<ActorId> Runtime::spawn(const std::filesystem::path& manifest, SpawnOptions options) {
  auto loaded = load(manifest, options.state);
  if (!loaded) return fail(std::move(loaded.error()));
  options.state = std::move(loaded->state);
  auto blueprint = prepare(std::move(loaded->manifest));
  if (!blueprint) return fail(std::move(blueprint.error()));
  return spawn(*blueprint, std::move(options));
}

std::vector<ResumedActor> Runtime::resume() { return core_->resume(); }

Result<void> Runtime::stop(const ActorId& id) { return core_->stop(id, false); }
Result<void> Runtime::terminate(const ActorId& id) { return core_->stop(id, true); }
Result<void> Runtime::restart(const ActorId& id) { return core_->restart(id); }
Result<void> Runtime::pause(const ActorId& id) { return core_->set_paused(id, true); }
Result<void> Runtime::unpause(const ActorId& id) { return core_->set_paused(id, false); }
Result<UpdateReport> Runtime::update(const ActorId& id, ByteView component, const UpdateOptions& options) {
  return core_->update(id, component, options);
}
std::vector<ActorId> Runtime::children(const ActorId& id) const { return core_->children(id); }
Result<ActorInfo> Runtime::wait(const ActorId& id, std::chrono::milliseconds timeout) {
  return core_->wait(id, timeout);
}
bool Runtime::wait_all(std::chrono::milliseconds timeout) { return core_->wait_all(timeout); }
Result<ActorInfo> Runtime::info(const ActorId& id) const { return core_->info(id); }
std::vector<ActorInfo> Runtime::list() const { return core_->list(); }
std::size_t Runtime::living() const { return core_->living(); }

Result<std::optional<Bytes>> Runtime::state(const ActorId& id) const {
  auto state = core_->on_shard_of(id, [&](runtime::ShardRuntime& shard) -> Result<std::optional<Bytes>> {
    const actor::ActorCell* cell = shard.find(id);
    if (cell == nullptr) return fail(ErrorCode::kStopped, "actor " + to_string(id) + " has ended");
    const auto bytes = cell->state();
    return bytes ? std::optional<Bytes>(to_bytes(*bytes)) : std::nullopt;
  });
  if (!state) return fail(std::move(state.error()));
  return std::move(*state);
}

Result<Manifest> Runtime::manifest(const ActorId& id) const {
  auto manifest = core_->on_shard_of(id, [&](runtime::ShardRuntime& shard) -> Result<Manifest> {
    const actor::ActorCell* cell = shard.find(id);
    if (cell == nullptr) return fail(ErrorCode::kStopped, "actor " + to_string(id) + " has ended");
    return cell->spec().manifest;
  });
  if (!manifest) return fail(std::move(manifest.error()));
  return std::move(*manifest);
}

Result<EffectivePermissions> Runtime::permissions(const ActorId& id) const {
  auto permissions = core_->on_shard_of(id, [&](runtime::ShardRuntime& shard) -> Result<EffectivePermissions> {
    const actor::ActorCell* cell = shard.find(id);
    if (cell == nullptr) return fail(ErrorCode::kStopped, "actor " + to_string(id) + " has ended");
    return cell->spec().permissions;
  });
  if (!permissions) return fail(std::move(permissions.error()));
  return std::move(*permissions);
}

WaitReport Runtime::waits(std::chrono::milliseconds patience) const { return core_->waits(patience); }

namespace {

/// The large values that the link names, as far as they are kept.
std::vector<RecordedPayload> payloads_of(const ChainSnapshot& snapshot, ByteView link) {
  std::vector<RecordedPayload> payloads;
  chain::LinkDecoder decoder(link);
  chain::EventView event;
  while (decoder.next(event)) {
    chain::visit_digests(event, [&](ByteView digest, std::uint64_t) {
      const auto at = std::ranges::lower_bound(
          snapshot.payloads, digest, [](ByteView a, ByteView b) { return std::ranges::lexicographical_compare(a, b); },
          [](const RecordedPayload& payload) { return ByteView(payload.digest); });
      if (at != snapshot.payloads.end() && std::ranges::equal(at->digest, digest)) payloads.push_back(*at);
    });
  }
  return payloads;
}

VerifyExpectation expectation_of(const ActorId& id) {
  VerifyExpectation expectation;
  expectation.actor = id;
  return expectation;
}

}  // namespace

namespace {

/// Verifies the part of a chain that is not in memory any more; false where it is broken.
Result<bool> verify_before(const ChainSource& source, std::uint64_t end_sequence, ChainVerifier& verifier) {
  auto links = source.links(0);
  if (!links) return fail(std::move(links.error()));
  while (true) {
    const auto link = (*links)->next();
    if (!link) return fail(link.error());
    if (!*link || verifier.report().events + verifier.report().first_sequence >= end_sequence) return true;
    if (!verifier.link((*link)->bytes, &(*link)->hash)) return false;
  }
}

}  // namespace

Result<std::unique_ptr<EventHistory>> Runtime::history(const ActorId& id, std::uint64_t from_sequence,
                                                       std::uint64_t events_max) const {
  const std::uint64_t begin = runtime::sequence_to_read_from(from_sequence);
  const std::uint64_t before = from_sequence - begin;
  auto chain = core_->chain(id, begin, events_max > UINT64_MAX - before ? UINT64_MAX : events_max + before);
  if (!chain) return fail(std::move(chain.error()));
  return make_event_history(std::move(chain->snapshot), from_sequence, events_max);
}

Result<std::vector<Event>> Runtime::events(const ActorId& id, std::uint64_t from_sequence,
                                           std::uint64_t events_max) const {
  auto history = this->history(id, from_sequence, events_max);
  if (!history) return fail(std::move(history.error()));
  std::vector<Event> events;
  events.reserve((*history)->size());
  for (auto more = (*history)->next(); !more.empty(); more = (*history)->next()) {
    std::ranges::move(more, std::back_inserter(events));
  }
  return events;
}

Result<ChainReport> Runtime::verify(const ActorId& id) const {
  const auto kept = core_->chain_in_memory(id, 0);
  if (!kept) return fail(kept.error());
  const ChainSnapshot* snapshot = &kept->snapshot;
  VerifyReport verified;
  auto source = snapshot->complete ? Result<std::unique_ptr<ChainSource>>() : core_->stored_chain(id);
  if (!source) return fail(std::move(source.error()));
  if (*source == nullptr) {
    verified = theater::verify(*snapshot, expectation_of(id));
  } else {
    VerifyExpectation expectation = expectation_of(id);
    expectation.head_hash = snapshot->head_hash;
    expectation.next_sequence = snapshot->next_sequence;
    ChainVerifier verifier(expectation);
    const std::uint64_t in_memory =
        snapshot->links.empty() ? snapshot->next_sequence : snapshot->links.front().first_sequence;
    const auto before = verify_before(**source, in_memory, verifier);
    if (before && *before) {
      for (const ChainSnapshot::Link& link : snapshot->links) {
        if (!verifier.link(snapshot->link_bytes(link), &link.hash)) break;
      }
    }
    verified = verifier.finish(before ? std::nullopt : std::optional(before.error().to_string()));
  }
  ChainReport report{.events = verified.events,
                     .links = verified.links,
                     .complete = verified.complete,
                     .first_sequence = verified.first_sequence,
                     .head_hash = verified.head_hash,
                     .fault = std::nullopt};
  if (verified.fault) report.fault = {verified.fault->sequence, verified.fault->what};
  return report;
}

Result<void> Runtime::save_chain(const ActorId& id, const std::filesystem::path& file) const {
  const auto chain = core_->chain(id, 0);
  if (!chain) return fail(chain.error());
  auto writer = ChainFileWriter::create(file.string());
  if (!writer) return fail(std::move(writer.error()));
  if (!chain->manifest.empty()) {
    if (auto kept = (*writer)->keep(as_bytes(chain->manifest)); !kept) return kept;
  }
  for (const ChainSnapshot::Link& link : chain->snapshot.links) {
    const ByteView bytes = chain->snapshot.link_bytes(link);
    const std::vector<RecordedPayload> payloads = payloads_of(chain->snapshot, bytes);
    const SealedLink sealed = {.actor = id,
                               .first_sequence = link.first_sequence,
                               .event_count = link.event_count,
                               .bytes = bytes,
                               .hash = link.hash,
                               .payloads = payloads};
    if (auto appended = (*writer)->append(sealed); !appended) return appended;
  }
  return (*writer)->close();
}

std::shared_ptr<void> Runtime::subscribe(std::optional<ActorId> actor, EventCallback heard) {
  return core_->subscriptions().add(actor, std::move(heard));
}

Result<std::shared_ptr<void>> Runtime::subscribe(const ActorId& actor, std::uint64_t from_sequence,
                                                 EventCallback heard) {
  // It may begin behind the end there is now.
  const EventCallback heard_from = [from_sequence, heard](const Event& event) {
    if (event.sequence >= from_sequence) heard(event);
  };
  // While a round is told more is recorded; the rest, ever less, is told while the actor's shard waits.
  constexpr int kRounds = 3;
  std::uint64_t next = from_sequence;
  for (int round = 0; round < kRounds; ++round) {
    const auto memory = core_->chain_in_memory(actor, next);
    const bool is_here = memory || memory.error().code() != ErrorCode::kNotFound;
    if (is_here && !memory) return fail(memory.error());
    if (is_here && runtime::reaches_back(memory->snapshot, next)) break;
    const auto source = core_->stored_chain(actor);
    if (!source) return fail(source.error());
    if (*source == nullptr && is_here) break;
    if (*source == nullptr) return fail(memory.error());
    auto functions = core_->functions_at(**source, runtime::sequence_to_read_from(next));
    if (!functions) return fail(std::move(functions.error()));
    const auto told = runtime::tell_history(**source, std::move(*functions), next, heard);
    if (!told) return fail(told.error());
    next = *told;
    // Nobody here writes to it.
    if (!is_here) return core_->subscriptions().add(actor, heard_from);
  }
  return core_->subscribe_from(actor, next, heard_from);
}

MessageRouter& Runtime::router() { return core_->router(); }
std::uint32_t Runtime::shards() const { return core_->shard_count(); }
std::uint64_t Runtime::turns() const { return core_->turns(); }
std::uint64_t Runtime::fuel_used() const { return core_->fuel_used(); }
std::uint64_t Runtime::events_recorded() const { return core_->events_recorded(); }
std::string Runtime::describe() const {
  return std::to_string(core_->shard_count()) + " shards; " + core_->engine().describe();
}
void Runtime::end_all() { core_->end_all(); }
void Runtime::shut_down() { core_->shut_down(); }

}  // namespace theater
