#include "replay/fork.h"

#include <filesystem>

#include "base/sha256.h"
#include "chain/event_stream.h"
#include "replay/state.h"

namespace theater::replay {
namespace {

/// The text of a manifest that was given, or of the one in force at that event.
Result<std::string> manifest_text(const ChainSource& chain, const ReplayOptions& options, const EventInTurn& origin) {
  if (options.manifest) return *options.manifest;
  auto text = origin.manifest ? chain.manifest(*origin.manifest) : std::nullopt;
  if (text) return std::move(*text);
  return fail(ErrorCode::kNotFound, chain.name() + " does not hold the manifest: name it (--manifest)");
}

/// The component that was given, or the one that ran at that event.
Result<Bytes> component(const ChainSource& chain, const ReplayOptions& options, const EventInTurn& origin) {
  if (!options.components.empty()) return options.components.back();
  auto bytes = origin.component ? chain.component(*origin.component) : std::nullopt;
  if (bytes) return std::move(*bytes);
  return fail(ErrorCode::kNotFound, chain.name() + " does not hold the component" +
                                        (origin.component ? " with the SHA-256 " + to_hex(*origin.component) : "") +
                                        ": name it (--component)");
}

/// The state that the chain began with, which filled the manifest's template.
Result<std::optional<Bytes>> initial_state(const ChainSource& chain, const ReplayOptions& options) {
  if (chain.first_sequence() != 0) return std::optional<Bytes>();
  return state_after(chain, 0, options);
}

}  // namespace

Result<Fork> prepare_fork(const ChainSource& chain, std::uint64_t at, ReplayOptions options) {
  const auto origin = find_event(chain, at);
  if (!origin) return fail(origin.error());
  const auto text = manifest_text(chain, options, *origin);
  if (!text) return fail(text.error());
  auto initial = initial_state(chain, options);
  if (!initial) return fail(std::move(initial.error()));
  ParseOptions parse;
  parse.source_name = options.manifest ? "the manifest given" : "the recorded manifest";
  // Only so that paths may stand in it: the component is there already.
  parse.base_directory = std::filesystem::current_path();
  if (*initial) parse.initial_state = **initial;
  auto manifest = parse_manifest(*text, parse);
  if (!manifest) return fail(std::move(manifest.error()));
  auto bytes = component(chain, options, *origin);
  if (!bytes) return fail(std::move(bytes.error()));
  // The component given may be another than the one whose state is wanted.
  if (origin->component && sha256(*bytes) != *origin->component) options.components.clear();
  auto state = state_after(chain, at, options);
  if (!state) return fail(std::move(state.error()));
  return Fork{.manifest = std::move(*manifest),
              .component = std::move(*bytes),
              .state = std::move(*state),
              .event_hash = origin->event.hash};
}

}  // namespace theater::replay
