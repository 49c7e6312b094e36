#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/files.h"
#include "cli/remote.h"
#include "cli/source_options.h"
#include "replay/state.h"

namespace theater::cli {
namespace {

using nlohmann::ordered_json;

struct StateOptions : SourceOptions {
  /// Set: the source is an actor of this server.
  RemoteOptions remote;
  std::optional<std::uint64_t> at;
  std::string format = "pretty";
  std::string output;
};

struct FoundState {
  /// None for an actor that runs: what its state is now.
  std::optional<std::uint64_t> sequence;
  std::optional<Bytes> state;
};

Result<FoundState> ask_server(const StateOptions& options, const Context& context) {
  if (options.at) {
    return fail(ErrorCode::kNotFound, "--at needs a chain to re-run, and there is none at " + options.source +
                                          ": a server tells the state as it is now");
  }
  auto client = find_server(context.configuration, options.remote);
  if (!client) return fail(std::move(client.error()));
  auto state = client->state(options.source);
  if (!state) return fail(std::move(state.error()));
  return FoundState{.sequence = std::nullopt, .state = std::move(*state)};
}

Result<FoundState> rerun(const StateOptions& options) {
  auto opened = open_source(options);
  if (!opened) return fail(std::move(opened.error()));
  if (opened->chain->next_sequence() == 0) return fail(ErrorCode::kNotFound, "the chain is empty");
  const std::uint64_t sequence = options.at.value_or(opened->chain->next_sequence() - 1);
  Watch watch("Replaying " + options.source);
  watch.watch(opened->options, sequence);
  auto state = replay::state_after(*opened->chain, sequence, opened->options);
  if (!state) return fail(std::move(state.error()));
  return FoundState{.sequence = sequence, .state = std::move(*state)};
}

/// JSON as such, other text as it is, everything else in rows of 32 bytes of hexadecimal.
std::string pretty(const Bytes& state) {
  if (!is_text(state)) {
    std::string rows;
    constexpr std::size_t kRowBytes = 32;
    for (std::size_t at = 0; at < state.size(); at += kRowBytes) {
      const auto row = ByteView(state).subspan(at, std::min(kRowBytes, state.size() - at));
      rows += (rows.empty() ? "" : "\n") + to_hex(row);
    }
    return rows;
  }
  const auto json = ordered_json::parse(as_text(state), nullptr, false);
  return json.is_structured() ? json.dump(2) : std::string(as_text(state));
}

void show(const StateOptions& options, Context& context, const FoundState& found) {
  if (context.json || options.format == "json") {
    ordered_json state;
    if (found.state) {
      state = {{"size", found.state->size()}, {"hex", to_hex(*found.state)}};
      if (is_text(*found.state)) state["text"] = as_text(*found.state);
    }
    context.output.line(ordered_json{
        {"source", options.source},
        {"sequence", found.sequence ? ordered_json(*found.sequence) : ordered_json(nullptr)},
        {"state", state}}.dump());
  } else if (options.format == "raw") {
    if (found.state) std::fwrite(found.state->data(), 1, found.state->size(), stdout);
    std::fflush(stdout);
  } else if (!found.state) {
    context.output.line("no state");
  } else {
    context.output.line(options.format == "hex" ? to_hex(*found.state) : pretty(*found.state));
  }
}

}  // namespace

void add_state_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<StateOptions>();
  CLI::App* command =
      app.add_subcommand("state", "Show an actor's state: after an event of its chain, or now, from the server");
  add_source_options(*command, *options);
  add_address(*command, options->remote);
  add_sequence_option(*command, "--at", options->at, "The event (default: the last)");
  command->add_option("-f,--format", options->format, "How to show it (default: pretty)")
      ->check(CLI::IsMember({"raw", "json", "pretty", "hex"}));
  command->add_option("-o,--output", options->output, "Write its bytes to a new file instead")->type_name("FILE");
  command->footer("Exit codes: 0 done; 1 the state cannot be had; 130 interrupted.");
  command->callback([options, &context] {
    auto found = names_an_actor(options->source, options->remote) ? ask_server(*options, context) : rerun(*options);
    if (found && !options->output.empty()) {
      auto written = write_new_file(options->output, as_text(found->state.value_or(Bytes())));
      if (written) return;
      found = fail(std::move(written.error()));
    }
    if (found) return show(*options, context, *found);
    context.exit_code = found.error().code() == ErrorCode::kInterrupted ? kExitInterrupted : kExitFailed;
    tell_error(context, "state", found.error());
  });
}

}  // namespace theater::cli
