#include "cli/program.h"

#include <string>

#include "cli/version.h"

namespace theater::cli {
namespace {

/// Puts the commands that were added since the last call under a heading of the help's overview.
void head_commands(CLI::App& app, const std::string& heading) {
  const std::string none = CLI::App().get_group();
  for (CLI::App* command : app.get_subcommands([&](CLI::App* one) { return one->get_group() == none; })) {
    command->group(heading);
  }
}

}  // namespace

void add_program(CLI::App& app, Context& context) {
  app.set_version_flag("--version", version_text());
  app.add_flag("--json", context.json, "Machine-readable output");
  app.add_flag("-v,--verbose", context.verbose, "Say more about what is done");
  app.require_subcommand(1);
  app.fallthrough();
  app.footer(
      "Exit codes: 0 done; 1 something failed, or the command line was wrong; 130 interrupted. Commands that compare "
      "have others.");
  add_run_command(app, context);
  add_create_command(app, context);
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
  add_list_stored_command(app, context);
  add_events_command(app, context);
  add_explore_command(app, context);
  add_show_command(app, context);
  add_diff_command(app, context);
  add_causes_command(app, context);
  add_redact_command(app, context);
  head_commands(app, "Chains: files, bundles and data directories");
  add_server_command(app, context);
  add_actor_commands(app, context);
  add_top_command(app, context);
  add_message_commands(app, context);
  add_subscribe_command(app, context);
  add_doctor_command(app, context);
  head_commands(app, "The server and its actors");
  add_config_command(app, context);
  add_completion_command(app, context);
  head_commands(app, "This program");
}

}  // namespace theater::cli
