// Hot update: what happens before the actor's shard is told.
#include <future>

#include "base/limits.h"
#include "chain/link_codec.h"
#include "replay/component_shelf.h"
#include "replay/replayer.h"
#include "runtime/blueprint.h"
#include "runtime/runtime_core.h"

namespace theater::runtime {
namespace {

/// Where the present component's part of the chain begins: its last update, or its first event.
Result<std::uint64_t> last_update(const ChainSource& chain) {
  auto links = chain.links(0);
  if (!links) return fail(std::move(links.error()));
  std::uint64_t sequence = chain.first_sequence();
  while (true) {
    const auto link = (*links)->next();
    if (!link) return fail(link.error());
    if (!*link) return sequence;
    chain::LinkDecoder decoder((*link)->bytes);
    chain::EventView event;
    while (decoder.next(event)) {
      const auto* started = std::get_if<chain::StartedView>(&event.body);
      if (started != nullptr && started->reason == StartReason::kUpdated) sequence = event.sequence;
    }
  }
}

}  // namespace

Result<std::shared_ptr<const actor::ActorSpec>> RuntimeCore::present_spec(const ActorId& id) const {
  const std::lock_guard lock(actors_mutex_);
  const auto found = actors_.find(id);
  if (found == actors_.end()) return fail(ErrorCode::kNotFound, "no such actor: " + to_string(id));
  if (found->second.ended || !found->second.spec)
    return fail(ErrorCode::kStopped, "actor " + to_string(id) + " has ended");
  return found->second.spec;
}

/// Compiled and checked here, away from the shards.
Result<std::shared_ptr<const actor::ActorSpec>> RuntimeCore::prepare_update(const actor::ActorSpec& present,
                                                                            ByteView component) {
  auto linked = link(component);
  if (!linked) return fail(std::move(linked.error()).with_context("the new component"));
  auto spec = make_update_spec(present, std::move(*linked), handlers_);
  if (!spec) return spec;
  if (auto kept = keep_content((*spec)->manifest, component); !kept) return fail(std::move(kept.error()));
  return spec;
}

Result<ReplayReport> RuntimeCore::preflight(const ActorId& id, const actor::ActorSpec& spec, ByteView component) const {
  auto source = stored_chain(id);
  if (!source) return fail(std::move(source.error()));
  if (*source == nullptr) {
    auto memory = chain_in_memory(id, 0);
    if (!memory) return fail(std::move(memory.error()));
    *source = make_chain_source(std::move(memory->snapshot), "the chain of " + to_string(id));
  }
  const auto from = last_update(**source);
  if (!from) return fail(from.error());
  ReplayOptions options;
  options.components.push_back(to_bytes(component));
  options.replace_all = true;
  options.manifest = spec.manifest.text;
  // What it is migrated to need not be what was there.
  options.ignore_state = spec.export_of(spec.migrate_slot) != actor::ActorSpec::kNotExported;
  options.code_cache = options_.code_cache;
  const auto shelf = replay::ComponentShelf::make(options, &replay::Replayer::call_host);
  if (!shelf) return fail(shelf.error());
  return replay::Replayer(**source, **shelf, options, nullptr).run(*from);
}

Result<void> RuntimeCore::take_component(const ActorId& id, const actor::ActorSpec* present,
                                         std::shared_ptr<const actor::ActorSpec> spec) {
  // It may come after nobody waits here any more: the runtime was shut down.
  const auto promise = std::make_shared<std::promise<Result<void>>>();
  auto future = promise->get_future();
  const auto ordered = on_shard_of(id, [&](ShardRuntime& shard) {
    shard.update(id, present, std::move(spec),
                 [promise](Result<void> updated) { promise->set_value(std::move(updated)); });
  });
  if (!ordered) return ordered;
  return future.get();
}

Result<UpdateReport> RuntimeCore::update(const ActorId& id, ByteView component, const UpdateOptions& options) {
  const auto present = present_spec(id);
  if (!present) return fail(present.error());
  UpdateReport report{.former = (*present)->component_digest, .component = sha256(component), .preflight = {}};
  const auto refuse = [&](Error error) -> std::unexpected<Error> {
    static_cast<void>(
        on_shard_of(id, [&](ShardRuntime& shard) { shard.note_refused_update(id, report.component, error); }));
    return fail(std::move(error).with_context("actor " + to_string(id) + " goes on unchanged"));
  };
  auto spec = prepare_update(**present, component);
  if (!spec) return refuse(std::move(spec.error()));
  if (options.preflight) {
    auto replayed = preflight(id, **spec, component);
    if (!replayed) return fail(std::move(replayed.error()));
    report.preflight = std::move(*replayed);
    if (!report.preflight->same()) return report;
  }
  if (auto taken = take_component(id, present->get(), std::move(*spec)); !taken) return fail(std::move(taken.error()));
  report.is_done = true;
  return report;
}

}  // namespace theater::runtime
