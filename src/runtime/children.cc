#include <algorithm>

#include "base/limits.h"
#include "handlers/supervisor.h"
#include "runtime/read_file.h"
#include "runtime/recorded_events.h"
#include "runtime/runtime_core.h"

// What actors ask about their children.
namespace theater::runtime {
namespace {

using actor::ChildOrder;

/// A child's files lie in the folder of its parent's manifest, or below: a guest must not choose others.
Result<void> check_within(const std::filesystem::path& file, const std::optional<std::filesystem::path>& folder) {
  std::error_code error;
  const auto inner = std::filesystem::weakly_canonical(file, error);
  const auto outer = folder ? std::filesystem::weakly_canonical(*folder, error) : std::filesystem::path();
  const bool within = !error && folder && std::ranges::mismatch(outer, inner).in1 == outer.end();
  if (within) return {};
  return fail(ErrorCode::kNotPermitted, file.string() + " does not lie in the folder of the parent's manifest" +
                                            (folder ? ", " + folder->string() : ""));
}

Result<void> check_within(const ComponentReference& reference, const std::optional<std::filesystem::path>& folder) {
  const auto* file = std::get_if<FileReference>(&reference);
  return file == nullptr ? Result<void>() : check_within(file->path, folder);
}

/// A path has neither a line break nor an equals sign; a manifest cannot do without.
bool is_manifest_text(std::string_view given) { return given.find_first_of("\n=") != std::string_view::npos; }

Result<Manifest> read_child_manifest(const Manifest& parent, std::string_view given, ParseOptions options) {
  if (is_manifest_text(given)) {
    options.source_name = "manifest given to spawn";
    options.base_directory = parent.base_directory;
    return parse_manifest(given, options);
  }
  const std::filesystem::path path = parent.base_directory.value_or("") / std::filesystem::path(given);
  if (auto within = check_within(path, parent.base_directory); !within) return fail(std::move(within.error()));
  return load_manifest(path, options);
}

std::unexpected<Error> not_a_child(const ChildOrder& order) {
  return fail(ErrorCode::kNotPermitted,
              "not permitted: " + to_string(order.child) + " is not a child of this actor, or is forgotten");
}

}  // namespace

Result<Blueprint> RuntimeCore::prepare_child(const Manifest& parent, std::string_view given,
                                             std::optional<Bytes>& state) {
  const std::vector<HandlerSchema> schemas = handlers_.schemas();
  ParseOptions options;
  options.extra_handlers = schemas;
  if (state) options.initial_state = *state;
  auto manifest = read_child_manifest(parent, given, options);
  if (!manifest) return fail(std::move(manifest.error()));
  if (!state && manifest->init_state_reference) {
    const auto* file = std::get_if<FileReference>(&*manifest->init_state_reference);
    if (file == nullptr) return fail(ErrorCode::kUnavailable, "init_state can be a file only");
    if (auto within = check_within(file->path, parent.base_directory); !within) return fail(within.error());
    auto bytes = read_file(file->path, limits::kStateMaxBytes);
    if (!bytes) return fail(std::move(bytes.error()).with_context("init_state"));
    state = std::move(*bytes);
    // It fills the manifest's template as well.
    return prepare_child(parent, given, state);
  }
  if (auto within = check_within(manifest->component_reference, parent.base_directory); !within) {
    return fail(std::move(within.error()).with_context("component"));
  }
  auto component = read_component(*manifest);
  if (!component) return fail(std::move(component.error()).with_context(manifest->source_name));
  return prepare(std::move(*manifest), *component);
}

void RuntimeCore::spawn_child(ChildOrder order) {
  std::shared_ptr<const actor::ActorSpec> parent;
  {
    const std::lock_guard lock(actors_mutex_);
    if (const auto found = actors_.find(order.parent); found != actors_.end()) parent = found->second.spec;
  }
  // The parent has ended and hears no answer.
  if (!parent) return;
  auto blueprint = prepare_child(parent->manifest, order.manifest, order.state);
  if (!blueprint) return order.done(fail(std::move(blueprint.error())));
  SpawnOptions options;
  options.state = std::move(order.state);
  options.parent = order.parent;
  spawn(*blueprint, std::move(options), [done = std::move(order.done)](Result<ActorId> id) {
    if (!id) return done(fail(std::move(id.error())));
    done(handlers::id_value(*id));
  });
}

/// As far back as an answer can hold, on the child's shard: also what its memory gave up, which is written then.
Result<Bytes> RuntimeCore::events_of_child(ShardRuntime& shard, const ActorId& child) const {
  auto kept = shard.chain(child, 0);
  if (!kept) return fail(std::move(kept.error()));
  constexpr std::uint64_t kEventsMax = limits::kMessageMaxBytes / handlers::kChainEventBytesMin;
  const std::uint64_t end = kept->snapshot.next_sequence;
  const std::uint64_t first = end - std::min(end, kEventsMax);
  if (directory_ && !reaches_back(kept->snapshot, first)) {
    const auto source = directory_->chain(child);
    if (!source && source.error().code() != ErrorCode::kNotFound) return fail(source.error());
    if (source) {
      if (auto joined = join_history(kept->snapshot, **source, first); !joined) return fail(std::move(joined.error()));
    }
  }
  const auto events = kept->snapshot.events();
  if (!events) return fail(events.error());
  return handlers::chain_events_value(*events, limits::kMessageMaxBytes);
}

void RuntimeCore::take(ChildOrder order) {
  switch (order.what) {
    case ChildOrder::What::kSpawn:
    case ChildOrder::What::kResume: {
      // Kept as it is, since what add() did not take cannot be asked any more.
      const auto done = order.done;
      const auto kept = std::make_shared<ChildOrder>(std::move(order));
      if (!workshop_->add([this, kept] { spawn_child(std::move(*kept)); })) {
        done(fail(ErrorCode::kResourceExhausted,
                  "too many actors are being made: " + std::to_string(limits::kPreparationsWaiting) + " wait already"));
      }
      return;
    }
    case ChildOrder::What::kList: return order.done(handlers::id_list_value(children(order.parent)));
    default: break;
  }
  std::uint32_t shard = 0;
  bool has_ended = false;
  bool is_child = false;
  {
    const std::lock_guard lock(actors_mutex_);
    const auto found = actors_.find(order.child);
    is_child = found != actors_.end() && family_.is_child(order.parent, order.child);
    if (is_child) {
      shard = found->second.shard;
      has_ended = found->second.ended.has_value();
      if (order.what == ChildOrder::What::kStop && !has_ended) {
        found->second.when_ended.push_back([done = order.done] { done(Bytes()); });
        (void)family_.stop(order.child, false, Family::Asker::kParent);
        return;
      }
    }
  }
  if (!is_child) return order.done(not_a_child(order));
  switch (order.what) {
    case ChildOrder::What::kStop: return order.done(Bytes());
    case ChildOrder::What::kRestart:
      return restart(order.child, [done = std::move(order.done)](Result<void> restarted) {
        if (!restarted) return done(fail(std::move(restarted.error())));
        done(Bytes());
      });
    case ChildOrder::What::kState:
      return post(shard, [child = order.child, done = std::move(order.done)](ShardRuntime& runtime) {
        const actor::ActorCell* cell = runtime.find(child);
        if (cell == nullptr) return done(fail(ErrorCode::kStopped, "the child " + to_string(child) + " has ended"));
        const auto state = cell->state();
        done(handlers::optional_bytes_value(state ? std::optional(to_bytes(*state)) : std::nullopt));
      });
    default:
      return post(shard, [this, child = order.child, done = std::move(order.done)](ShardRuntime& runtime) {
        done(events_of_child(runtime, child));
      });
  }
}

}  // namespace theater::runtime
