#include <exception>

#include "cli/commands.h"
#include "cli/version.h"

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
  add_verify_command(app, context);
  add_replay_command(app, context);
  add_fork_command(app, context);
  add_state_command(app, context);
  add_bisect_command(app, context);
  add_checkpoint_command(app, context);
  add_bundle_command(app, context);
  add_bench_command(app, context);
  add_server_command(app, context);
  add_actor_commands(app, context);
  add_message_commands(app, context);
  add_event_commands(app, context);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // CLI11 has many codes; users of Theater know 0 and 1.
    return app.exit(error) == 0 ? kExitOk : kExitFailed;
  } catch (const std::exception& error) {
    output.error_line(std::string("theater: ") + error.what());
    return kExitFailed;
  }
  return context.exit_code;
}
