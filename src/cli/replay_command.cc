#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/interrupts.h"
#include "cli/progress.h"
#include "cli/source_options.h"
#include "replay/component_shelf.h"
#include "replay/replayer.h"

namespace theater::cli {
namespace {

using nlohmann::ordered_json;

constexpr int kExitDiffers = 1;
/// It could not be told to the end whether it is the same.
constexpr int kExitNotTold = 2;

struct Options : SourceOptions {
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

ordered_json to_json(const ReplayDivergence& divergence) {
  ordered_json differences = ordered_json::array();
  for (const ReplayDifference& difference : divergence.differences) {
    differences.push_back(
        {{"field", difference.field}, {"recorded", difference.recorded}, {"replayed", difference.replayed}});
  }
  ordered_json json = {{"sequence", divergence.sequence}, {"kind", to_string(divergence.kind)}};
  if (!divergence.function.empty()) json["function"] = divergence.function;
  if (divergence.call) json["call"] = {{"sequence", divergence.call_sequence}, {"function", *divergence.call}};
  json["differences"] = std::move(differences);
  json["backtrace"] = divergence.backtrace;
  return json;
}

ordered_json to_json(const Options& options, const ReplayReport& report) {
  ordered_json json = {{"source", options.source},
                       {"result", report.same()       ? "same"
                                  : report.divergence ? "differs"
                                                      : "not-told"},
                       {"actor", to_string(report.actor)},
                       {"name", report.name},
                       {"first_sequence", report.first_sequence},
                       {"next_sequence", report.next_sequence},
                       {"calls", report.calls},
                       {"host_calls", report.host_calls}};
  if (report.divergence) json["divergence"] = to_json(*report.divergence);
  if (report.stop) json["stop"] = {{"sequence", report.stop->sequence}, {"what", report.stop->what}};
  json["remarks"] = report.remarks;
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

void show(Output& output, const Options& options, const ReplayReport& report) {
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

Result<ReplayReport> run(const Options& options) {
  auto opened = open_source(options);
  if (!opened) return fail(std::move(opened.error()));
  Progress progress("Replaying " + options.source);
  const Interrupts interrupts;
  opened->options.until = options.until;
  opened->options.ignore_state = options.ignore_state;
  opened->options.progress = [&](std::uint64_t sequence, std::uint64_t next_sequence) {
    progress.update(sequence, "events", std::min(next_sequence, options.until));
    return !interrupts.seen();
  };
  const auto shelf = replay::ComponentShelf::make(opened->options, &replay::Replayer::call_host);
  if (!shelf) return fail(shelf.error());
  return replay::Replayer(*opened->chain, **shelf, opened->options, nullptr).run(0);
}

int exit_code(const ReplayReport& report) {
  if (report.divergence) return kExitDiffers;
  if (!report.stop) return kExitOk;
  return report.stop->given_up ? kExitInterrupted : kExitNotTold;
}

}  // namespace

void add_replay_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("replay", "Re-run an actor from its chain and show the first event that differs");
  add_source_options(*command, *options);
  command->add_option("--until", options->until, "The last event to go through (default: all)")->type_name("SEQ");
  command->add_flag("--ignore-state", options->ignore_state,
                    "Do not compare states: for a component that keeps its state in another form");
  command->footer(
      "Exit codes: 0 the re-run is as recorded; 1 it differs; 2 it cannot be told, since the chain is broken or "
      "something is missing; 130 interrupted.");
  command->callback([options, &context] {
    const auto report = run(*options);
    if (!report) {
      context.exit_code = kExitNotTold;
      if (context.json) {
        context.output.line(
            ordered_json{{"source", options->source}, {"result", "not-told"}, {"error", report.error().to_string()}}
                .dump());
      } else {
        context.output.error_line(context.output.bad("theater replay: ") + report.error().to_string());
      }
      return;
    }
    context.exit_code = exit_code(*report);
    if (context.json) {
      context.output.line(to_json(*options, *report).dump(-1, ' ', false, ordered_json::error_handler_t::replace));
    } else {
      show(context.output, *options, *report);
    }
  });
}

}  // namespace theater::cli
