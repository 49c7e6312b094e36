#include "chain/event_stream.h"
#include "cli/commands.h"
#include "cli/remote.h"
#include "cli/run_command.h"
#include "cli/source_options.h"
#include "replay/state.h"

namespace theater::cli {
namespace {

struct Options {
  SourceOptions source;
  std::uint64_t at = 0;
  std::string save;
  RunOptions run;
};

/// The text of a manifest that was given, or of the one in force at that event.
Result<std::string> manifest_text(const OpenedSource& opened, const EventInTurn& origin) {
  if (opened.options.manifest) return *opened.options.manifest;
  auto text = origin.manifest ? opened.chain->manifest(*origin.manifest) : std::nullopt;
  if (text) return std::move(*text);
  return fail(ErrorCode::kNotFound, opened.chain->name() + " does not hold the manifest: name it (--manifest)");
}

/// The component that was given, or the one that ran at that event.
Result<Bytes> component(const OpenedSource& opened, const EventInTurn& origin) {
  if (!opened.options.components.empty()) return opened.options.components.back();
  auto bytes = origin.component ? opened.chain->component(*origin.component) : std::nullopt;
  if (bytes) return std::move(*bytes);
  return fail(ErrorCode::kNotFound, opened.chain->name() + " does not hold the component" +
                                        (origin.component ? " with the SHA-256 " + to_hex(*origin.component) : "") +
                                        ": name it (--component)");
}

/// The state that the chain began with, which filled the manifest's template.
Result<std::optional<Bytes>> initial_state(const OpenedSource& opened) {
  if (opened.chain->first_sequence() != 0) return std::optional<Bytes>();
  return replay::state_after(*opened.chain, 0, opened.options);
}

Result<ForkedActor> prepare(const Options& options) {
  auto opened = open_source(options.source);
  if (!opened) return fail(std::move(opened.error()));
  const auto origin = find_event(*opened->chain, options.at);
  if (!origin) return fail(origin.error());
  const auto text = manifest_text(*opened, *origin);
  if (!text) return fail(text.error());
  auto initial = initial_state(*opened);
  if (!initial) return fail(std::move(initial.error()));
  ParseOptions parse;
  parse.source_name = options.source.manifest.empty() ? "the recorded manifest" : options.source.manifest;
  // Only so that paths may stand in it: the component is there already.
  parse.base_directory = std::filesystem::current_path();
  if (*initial) parse.initial_state = **initial;
  auto manifest = parse_manifest(*text, parse);
  if (!manifest) return fail(std::move(manifest.error()));
  auto bytes = component(*opened, *origin);
  if (!bytes) return fail(std::move(bytes.error()));

  Watch watch("Replaying " + options.source.source);
  watch.watch(opened->options, options.at);
  // The component given may be another than the one whose state is wanted.
  if (origin->component && sha256(*bytes) != *origin->component) opened->options.components.clear();
  auto state = replay::state_after(*opened->chain, options.at, opened->options);
  if (!state) return fail(std::move(state.error()));

  ForkedActor forked{
      .manifest = std::move(*manifest), .component = std::move(*bytes), .spawn = {}, .save = options.save};
  forked.spawn.state = std::move(*state);
  forked.spawn.forked_from = {
      .actor = opened->chain->actor(), .sequence = options.at, .event_hash = origin->event.hash};
  return forked;
}

}  // namespace

void add_fork_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  options->run.command = "fork";
  CLI::App* command =
      app.add_subcommand("fork", "Run a new actor that goes on from the state after an event of another's chain");
  add_source_options(*command, options->source);
  add_sequence_option(*command, "--at", options->at, "The event")->required();
  command->add_option("--with", options->run.manifests, "Manifests of other actors to start before; may be repeated")
      ->type_name("MANIFEST")
      ->allow_extra_args(false);
  command->add_option("--save", options->save, "Write the new actor's chain to this new file at the end")
      ->type_name("FILE");
  add_session_options(*command, options->run);
  command->callback([options, &context] {
    auto forked = prepare(*options);
    if (!forked) {
      context.exit_code = forked.error().code() == ErrorCode::kInterrupted ? kExitInterrupted : kExitFailed;
      return tell_error(context, "fork", forked.error());
    }
    options->run.forked = std::move(*forked);
    context.exit_code = run_actors(options->run, context);
  });
}

}  // namespace theater::cli
