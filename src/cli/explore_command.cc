#include <chrono>

#include "base/clock.h"
#include "cli/event_lines.h"
#include "cli/explorer.h"
#include "cli/source_options.h"

namespace theater::cli {
namespace {

using std::chrono::milliseconds;

struct ExploreOptions : SourceOptions {
  RemoteOptions remote;
  std::string type;
  std::string from;
  std::string to;
  std::string search;
  std::uint64_t limit = 100'000;
  bool live = false;
  bool follow = false;
};

Result<ExploreLimits> limits_of(const ExploreOptions& options) {
  ExploreLimits limits;
  limits.events_max = options.limit;
  limits.filter.type_prefix = options.type;
  limits.filter.search = options.search;
  const auto from_ms = parse_time_option("--from", options.from);
  if (!from_ms) return fail(from_ms.error());
  const auto to_ms = parse_time_option("--to", options.to);
  if (!to_ms) return fail(to_ms.error());
  if (*from_ms) limits.filter.from_time_ns = **from_ms * kNsPerMs;
  if (*to_ms) limits.filter.to_time_ns = **to_ms * kNsPerMs + (kNsPerMs - 1);
  return limits;
}

Result<std::unique_ptr<ExploreSource>> open(const ExploreOptions& options, const Context& context) {
  auto limits = limits_of(options);
  if (!limits) return fail(std::move(limits.error()));
  const bool is_live = options.live || options.follow;
  if (options.source.empty() || names_an_actor(options.source, options.remote)) {
    auto client = find_server(context.configuration, options.remote);
    if (!client) return fail(std::move(client.error()));
    return explore_server(std::move(*client), options.source, std::move(*limits), is_live);
  }
  if (is_live) {
    return fail(ErrorCode::kInvalidArgument, "--live and --follow are for a server's actors, and " + options.source +
                                                 " is a file or folder: --address says that an actor is meant");
  }
  auto replay = replay_options(options);
  if (!replay) return fail(std::move(replay.error()));
  return explore_disk(options.source, options.actor, std::move(*limits), std::move(*replay));
}

Result<void> explore(const ExploreOptions& options, const Context& context) {
  auto source = open(options, context);
  if (!source) return fail(std::move(source.error()));
  Explorer explorer(**source, options.follow);
  if (auto begun = explorer.begin(); !begun) {
    const bool may_be_path = (*source)->name() == "server" && !options.source.empty();
    return fail(may_be_path ? neither_here_nor_there(options.source, options.remote, std::move(begun.error()))
                            : std::move(begun.error()));
  }
  auto terminal = Terminal::open(context.output.has_colors());
  if (!terminal) return fail(std::move(terminal.error()).with_context("theater events lists them without"));
  constexpr milliseconds kLookTime{500};
  const milliseconds wait = (*source)->is_live() ? kLookTime : milliseconds(3'600'000);
  auto looked = std::chrono::steady_clock::now();
  while (true) {
    (*terminal)->show(explorer.render((*terminal)->size()));
    const auto key = (*terminal)->read(wait);
    if (!key) return fail(key.error());
    if (*key && !explorer.press(**key, (*terminal)->size().rows)) return {};
    if (std::chrono::steady_clock::now() - looked < wait) continue;
    explorer.look_for_more();
    looked = std::chrono::steady_clock::now();
  }
}

}  // namespace

void add_explore_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<ExploreOptions>();
  CLI::App* command = app.add_subcommand("events-explore",
                                         "Look through events on the screen: list, narrow, take apart, follow causes");
  command
      ->add_option("source", options->source,
                   "A chain file, a bundle, a data directory, or an actor of the server (default: all of its actors)")
      ->type_name("SOURCE");
  command->add_option("--actor", options->actor, "Begin with this actor of a data directory, by id or name")
      ->type_name("ACTOR");
  add_address(*command, options->remote);
  command->add_option("--component", options->components, "A component that SOURCE does not hold, may be repeated")
      ->type_name("FILE")
      ->allow_extra_args(false);
  command->add_flag("-l,--live", options->live, "Show events of a server's actor as they come");
  command->add_flag("-f,--follow", options->follow, "The same, and stay with the latest");
  command->add_option("-n,--limit", options->limit, "Of each actor the first so many")
      ->type_name("N")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  command->add_option("-t,--event-type", options->type, "Only events whose type begins so")->type_name("TYPE");
  command->add_option("--from", options->from, "Not before: a time as for events")->type_name("TIME");
  command->add_option("--to", options->to, "Not after")->type_name("TIME");
  command->add_option("--search", options->search, "Occurs in the type, the description or the data")
      ->type_name("TEXT");
  command->footer(
      "Keys: up, down, page up and down, home, end (or j, k); enter shows an event, space moves its values up; c goes "
      "to what caused it, b back; / narrows; f stays with the latest; a lists the actors; escape leaves, q ends.\n"
      "Exit codes: 0 ended; 1 there is nothing to show, or no terminal; 130 interrupted.");
  command->callback([options, &context] {
    const auto done = explore(*options, context);
    if (done) return;
    context.exit_code = done.error().code() == ErrorCode::kInterrupted ? kExitInterrupted : kExitFailed;
    if (context.exit_code == kExitFailed) tell_error(context, "events-explore", done.error());
  });
}

}  // namespace theater::cli
