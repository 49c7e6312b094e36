#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/remote.h"
#include "cli/run_command.h"
#include "cli/source_options.h"
#include "replay/fork.h"

namespace theater::cli {
namespace {

struct ForkOptions {
  SourceOptions source;
  /// Set: the source is an actor of this server.
  RemoteOptions remote;
  std::uint64_t at = 0;
  std::string save;
  RunOptions run;
};

Result<ForkedActor> prepare(const ForkOptions& options) {
  auto opened = open_source(options.source);
  if (!opened) return fail(std::move(opened.error()));
  Watch watch("Replaying " + options.source.source);
  watch.watch(opened->options, options.at);
  auto fork = replay::prepare_fork(*opened->chain, options.at, opened->options);
  if (!fork) return fail(std::move(fork.error()));
  ForkedActor forked{.manifest = std::move(fork->manifest),
                     .component = std::move(fork->component),
                     .spawn = {},
                     .save = options.save};
  forked.spawn.state = std::move(fork->state);
  forked.spawn.forked_from = {.actor = opened->chain->actor(), .sequence = options.at, .event_hash = fork->event_hash};
  return forked;
}

/// The new actor runs where the old one is.
Result<void> fork_on_server(Client& client, const ForkOptions& options, const CLI::App& command, Context& context) {
  for (const CLI::Option* given : command.get_options()) {
    const std::string name = given->get_name();
    if (given->count() == 0 || name == "source" || name == "--at" || name == "--address" || name == "--component")
      continue;
    return fail(ErrorCode::kInvalidArgument, name + " is for an actor that runs here; " + options.source.source +
                                                 " is one of a server, and so will be what goes on from it");
  }
  RemoteFork fork{.at = options.at, .component = std::nullopt};
  if (!options.source.components.empty()) {
    auto component = read_bytes(options.source.components.back());
    if (!component) return fail(std::move(component.error()));
    fork.component = std::move(*component);
  }
  const auto id = client.fork(options.source.source, fork);
  if (!id) return fail(neither_here_nor_there(options.source.source, options.remote, id.error()));
  context.output.line(context.json ? nlohmann::json{{"id", to_string(*id)}}.dump() : to_string(*id));
  return {};
}

}  // namespace

void add_fork_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<ForkOptions>();
  options->run.command = "fork";
  CLI::App* command =
      app.add_subcommand("fork", "Run a new actor that goes on from the state after an event of another's chain");
  add_source_options(*command, options->source);
  add_address(*command, options->remote);
  add_sequence_option(*command, "--at", options->at, "The event")->required();
  command->add_option("--with", options->run.manifests, "Manifests of other actors to start before; may be repeated")
      ->type_name("MANIFEST")
      ->allow_extra_args(false);
  command->add_option("--save", options->save, "Write the new actor's chain to this new file at the end")
      ->type_name("FILE");
  add_session_options(*command, options->run);
  command->callback([options, command, &context] {
    if (names_an_actor(options->source.source, options->remote)) {
      return run_remote(context, "fork", options->remote,
                        [&](Client& client) { return fork_on_server(client, *options, *command, context); });
    }
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
