#include "replay/bisect.h"

#include <nlohmann/json.hpp>

#include "chain/event_stream.h"
#include "cli/commands.h"
#include "cli/local_source.h"
#include "cli/remote.h"
#include "cli/source_options.h"

namespace theater::cli {
namespace {

using nlohmann::ordered_json;

constexpr int kExitHoldsNowhere = 1;

struct BisectOptions : SourceOptions {
  RemoteOptions remote;
  std::string condition;
  std::uint64_t until = UINT64_MAX;
};

struct FoundEvent {
  replay::Bisected bisected;
  std::optional<Event> event;
};

Result<FoundEvent> run(const BisectOptions& options, const Context& context) {
  const auto condition = replay::Condition::parse(options.condition);
  if (!condition) return fail(condition.error());
  const auto local = LocalSource::find(context.configuration, options.remote, options.source);
  if (!local) return fail(local.error());
  SourceOptions here = options;
  here.source = local->path();
  auto opened = open_source(here);
  if (!opened) return fail(std::move(opened.error()));
  Watch watch("Searching " + options.source);
  watch.watch(opened->options, options.until);
  opened->options.until = options.until;
  auto bisected = replay::bisect(*opened->chain, *condition, opened->options);
  if (!bisected) return fail(std::move(bisected.error()));
  FoundEvent found{.bisected = std::move(*bisected), .event = std::nullopt};
  if (!found.bisected.sequence) return found;
  auto event = find_event(*opened->chain, *found.bisected.sequence);
  if (!event) return fail(std::move(event.error()));
  found.event = std::move(event->event);
  return found;
}

void show(const BisectOptions& options, Context& context, const FoundEvent& found) {
  if (context.json) {
    ordered_json json = {{"source", options.source}, {"condition", options.condition}, {"sequence", nullptr}};
    if (found.event) {
      json["sequence"] = found.event->sequence;
      json["event"] = ordered_json::parse(to_json(*found.event));
    }
    json["next_sequence"] = found.bisected.next_sequence;
    json["was_replayed"] = found.bisected.was_replayed;
    return context.output.line(json.dump());
  }
  if (!found.event) {
    const std::uint64_t next = found.bisected.next_sequence;
    return context.output.line("it holds at no event" +
                               (next > 0 ? " up to " + std::to_string(next - 1) : std::string()));
  }
  context.output.line(to_line(*found.event));
}

}  // namespace

void add_bisect_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<BisectOptions>();
  CLI::App* command = app.add_subcommand("bisect", "Find the first event of a chain at which a condition holds");
  add_source_options(*command, *options);
  add_address(*command, options->remote);
  command
      ->add_option("--when", options->condition,
                   "The condition on an event and the state after it, e.g. 'state.count > 3' (docs/replay.md)")
      ->required()
      ->type_name("CONDITION");
  add_sequence_option(*command, "--until", options->until, "The last event to look at (default: all)");
  command->footer(
      "Exit codes: 0 found; 1 it holds nowhere; 2 it cannot be told, or the condition is not understood; 130 "
      "interrupted.");
  command->callback([options, &context] {
    const auto found = run(*options, context);
    if (found) {
      context.exit_code = found->event ? kExitOk : kExitHoldsNowhere;
      return show(*options, context, *found);
    }
    context.exit_code = found.error().code() == ErrorCode::kInterrupted ? kExitInterrupted : kExitNotTold;
    tell_error(context, "bisect", found.error());
  });
}

}  // namespace theater::cli
