#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/local_source.h"
#include "cli/remote.h"
#include "cli/source_options.h"
#include "replay/component_shelf.h"
#include "replay/replayer.h"
#include "replay/report_json.h"
#include "replay/source.h"

namespace theater::cli {
namespace {

using nlohmann::ordered_json;

constexpr int kExitDiffers = 1;

struct ReplayCommandOptions : SourceOptions {
  /// Set: the source is an actor of this server.
  RemoteOptions remote;
  std::uint64_t until = UINT64_MAX;
  bool ignore_state = false;
};

/// Only when there are some.
std::string range(const ReplayReport& report) {
  return "events " + std::to_string(report.first_sequence) + " to " + std::to_string(report.next_sequence - 1);
}

void show_what_is_same(Output& output, const ReplayReport& report) {
  if (report.next_sequence > report.first_sequence) output.line("    " + range(report) + " are as recorded");
}

ordered_json to_json(const ReplayCommandOptions& options, const ReplayReport& report, double seconds) {
  ordered_json json = {{"source", options.source}};
  json.update(replay::to_json(report));
  json["seconds"] = seconds;
  return json;
}

void show(Output& output, const ReplayDivergence& divergence) {
  if (divergence.call) {
    output.line("    in the call at event " + std::to_string(divergence.call_sequence) + ", " + *divergence.call);
  }
  for (const ReplayDifference& difference : divergence.differences) {
    output.line("    " + output.bold(difference.field));
    output.line("      recorded  " + difference.recorded);
    output.line("      replayed  " + difference.replayed);
  }
  if (divergence.backtrace.empty()) return;
  output.line("    where the re-run was:");
  std::string_view rest = divergence.backtrace;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    output.line("      " + printable(as_bytes(rest.substr(0, end)), 400));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
}

void show(Output& output, const ReplayCommandOptions& options, const ReplayReport& report) {
  const std::string who = "actor " + to_string(report.actor) + " (" + printable(as_bytes(report.name), 100) + ")";
  if (report.same()) {
    output.line(output.good("SAME") + "  " + options.source + ": " + who + ": " + range(report) +
                " are as recorded: " + grouped(report.calls) + " calls, " + grouped(report.host_calls) + " host calls");
  } else if (report.divergence) {
    const ReplayDivergence& divergence = *report.divergence;
    output.line(output.bad("DIFFERS") + "  " + options.source + ": " + who + ": at event " +
                std::to_string(divergence.sequence) + ", " + std::string(to_string(divergence.kind)) +
                (divergence.function.empty() ? "" : " " + divergence.function));
    show(output, divergence);
    show_what_is_same(output, report);
  } else {
    output.line(output.bad("NOT TOLD") + "  " + options.source + ": " + who + ": from event " +
                std::to_string(report.stop->sequence) + " on: " + report.stop->what);
    show_what_is_same(output, report);
  }
  for (const std::string& remark : report.remarks) output.line("    " + remark);
}

/// Re-runs what the command line names, one actor after the other.
class Replay {
 public:
  Replay(const ReplayCommandOptions& options, Context& context) : options_(options), context_(context) {}

  /// Its exit code; an error when it cannot begin.
  Result<int> run() {
    const auto local = LocalSource::find(context_.configuration, options_.remote, options_.source);
    if (!local) return fail(local.error());
    SourceOptions here = options_;
    here.source = local->path();
    return run(here);
  }

 private:
  Result<int> run(const SourceOptions& source) {
    // What is named belongs to one actor; without, a data directory's are all re-run.
    if (!source.components.empty() || !source.manifest.empty()) {
      auto opened = open_source(source);
      if (!opened) return fail(std::move(opened.error()));
      if (auto prepared = prepare(std::move(opened->options)); !prepared) return fail(std::move(prepared.error()));
      total_ = opened->chain->next_sequence() - opened->chain->first_sequence();
      rerun(*opened->chain);
      return exit_code();
    }
    auto chains = replay::Chains::open(source.source, source.actor);
    if (!chains) return fail(std::move(chains.error()));
    auto replay = replay_options(source);
    if (!replay) return fail(std::move(replay.error()));
    if (auto prepared = prepare(std::move(*replay)); !prepared) return fail(std::move(prepared.error()));
    total_ = chains->events_until(options_.until);
    for (std::size_t i = 0; i < chains->size() && !given_up_; ++i) {
      if (const auto chain = chains->take(i)) {
        rerun(**chain);
      } else {
        ReplayReport report{.actor = chains->actor(i).id, .name = chains->actor(i).name};
        report.stop = {.sequence = 0, .what = chain.error().to_string()};
        take(report, 0);
      }
    }
    if (chains->size() > 1 && !context_.json && !given_up_) show_sum(chains->size());
    return exit_code();
  }

  Result<void> prepare(ReplayOptions replay) {
    replay_ = std::move(replay);
    replay_.until = options_.until;
    replay_.ignore_state = options_.ignore_state;
    auto shelf = replay::ComponentShelf::make(replay_, &replay::Replayer::call_host);
    if (!shelf) return fail(std::move(shelf.error()));
    shelf_ = std::move(*shelf);
    return {};
  }

  void rerun(const ChainSource& chain) {
    const std::uint64_t first = chain.first_sequence();
    replay_.progress = [&](std::uint64_t sequence, std::uint64_t) {
      return watch_.update(events_ + sequence - first, total_);
    };
    const auto start = std::chrono::steady_clock::now();
    const ReplayReport report = replay::Replayer(chain, *shelf_, replay_, nullptr).run(0);
    take(report, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }

  void take(const ReplayReport& report, double seconds) {
    events_ += report.next_sequence - report.first_sequence;
    if (report.same()) ++same_;
    differs_ |= report.divergence.has_value();
    not_told_ |= report.stop.has_value();
    given_up_ |= report.stop && report.stop->given_up;
    if (context_.json) {
      context_.output.line(one_line(to_json(options_, report, seconds)));
    } else {
      show(context_.output, options_, report);
      if (context_.verbose) show_times(report, seconds);
    }
  }

  void show_times(const ReplayReport& report, double seconds) {
    char text[100];
    std::snprintf(text, sizeof(text), "    took %.3f s, recorded over %.3f s", seconds,
                  static_cast<double>(report.recorded_ns) / kNsPerSecond);
    context_.output.line(text);
  }

  int exit_code() const {
    if (given_up_) return kExitInterrupted;
    if (differs_) return kExitDiffers;
    return not_told_ ? kExitNotTold : kExitOk;
  }

  void show_sum(std::size_t actors) {
    Output& output = context_.output;
    output.line((same_ == actors ? output.good("SAME") : output.bad("NOT ALL")) + "  " + options_.source + ": " +
                grouped(same_) + " of " + grouped(actors) + " actors are as recorded, " + grouped(events_) + " events");
  }

  const ReplayCommandOptions& options_;
  Context& context_;
  Watch watch_{"Replaying " + options_.source};
  ReplayOptions replay_;
  /// Shared by all: actors are often made of one component.
  std::unique_ptr<replay::ComponentShelf> shelf_;
  std::uint64_t events_ = 0;
  std::uint64_t total_ = 0;
  std::size_t same_ = 0;
  bool differs_ = false;
  bool not_told_ = false;
  bool given_up_ = false;
};

}  // namespace

void add_replay_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<ReplayCommandOptions>();
  CLI::App* command =
      app.add_subcommand("replay", "Re-run an actor from its chain and show the first event that differs");
  add_source_options(*command, *options);
  add_address(*command, options->remote);
  add_sequence_option(*command, "--until", options->until, "The last event to go through (default: all)");
  command->add_flag("--ignore-state", options->ignore_state,
                    "Do not compare states: for a component that keeps its state in another form");
  command->footer(
      "Exit codes: 0 the re-run is as recorded; 1 it differs; 2 it cannot be told, since the chain is broken or "
      "something is missing; 130 interrupted.");
  command->callback([options, &context] {
    const auto exit_code = Replay(*options, context).run();
    if (exit_code) {
      context.exit_code = *exit_code;
      return;
    }
    context.exit_code = kExitNotTold;
    tell_error(context, "replay", exit_code.error());
  });
}

}  // namespace theater::cli
