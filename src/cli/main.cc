#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/version.h"
#include "manifest/nearest.h"
#include "theater/bytes.h"

namespace {

/// Puts the commands that were added since the last call under a heading of the help's overview.
void head_commands(CLI::App& app, const std::string& heading) {
  const std::string none = CLI::App().get_group();
  for (CLI::App* command : app.get_subcommands([&](CLI::App* one) { return one->get_group() == none; })) {
    command->group(heading);
  }
}

/// A word in a command's place that is none: CLI11 would say that a command is missing. Nothing when there is no such.
std::optional<std::string> unknown_command(const CLI::App& app) {
  const std::vector<std::string> words = app.remaining();
  if (!app.get_subcommands().empty() || words.empty() || words.front().starts_with('-')) return std::nullopt;
  std::vector<std::string> commands;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    commands.push_back(command->get_name());
  }
  const auto meant = theater::nearest(words.front(), commands);
  return "theater: there is no command " + theater::printable(theater::as_bytes(words.front()), 100) +
         (meant ? "; did you mean " + *meant + "?" : "; theater --help lists them");
}

}  // namespace

int main(int argc, char** argv) {
  using namespace theater::cli;
  Output output(Output::wants_colors());
  const auto log = theater::make_stderr_log(theater::LogLevel::kInfo);
  Context context{.output = output, .log = *log};
  CLI::App app("Runs programs as actors in WebAssembly sandboxes and keeps a verifiable record of each.", "theater");
  app.set_version_flag("--version", version_text());
  app.add_flag("--json", context.json, "Machine-readable output");
  app.add_flag("-v,--verbose", context.verbose, "Say more about what is done");
  app.require_subcommand(1);
  app.fallthrough();
  app.footer(
      "Exit codes: 0 done; 1 something failed, or the command line was wrong; 130 interrupted. Commands that compare "
      "have others.");
  add_run_command(app, context);
  add_build_command(app, context);
  add_bench_command(app, context);
  head_commands(app, "Actors in this process");
  add_verify_command(app, context);
  add_replay_command(app, context);
  add_fork_command(app, context);
  add_state_command(app, context);
  add_bisect_command(app, context);
  add_checkpoint_command(app, context);
  add_bundle_command(app, context);
  add_events_command(app, context);
  add_show_command(app, context);
  add_diff_command(app, context);
  add_causes_command(app, context);
  add_redact_command(app, context);
  head_commands(app, "Chains: files, bundles and data directories");
  add_server_command(app, context);
  add_actor_commands(app, context);
  add_message_commands(app, context);
  add_subscribe_command(app, context);
  add_doctor_command(app, context);
  head_commands(app, "The server and its actors");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (const auto unknown = unknown_command(app)) {
      output.error_line(*unknown);
      return kExitFailed;
    }
    // CLI11 has many codes; users of Theater know 0 and 1.
    return app.exit(error) == 0 ? kExitOk : kExitFailed;
  } catch (const std::exception& error) {
    output.error_line(std::string("theater: ") + error.what());
    return kExitFailed;
  }
  return context.exit_code;
}
