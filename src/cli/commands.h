#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "base/log.h"
#include "cli/configuration.h"
#include "cli/output.h"

namespace theater::cli {

/// What every command is given.
struct Context {
  Output& output;
  /// What the runtime has to say to an operator; shown with --verbose.
  Log& log;
  /// What applies where no option says otherwise.
  const Configuration& configuration;
  /// Global --json: machine-readable output.
  bool json = false;
  /// Global --verbose.
  bool verbose = false;
  /// Set by the command that ran.
  int exit_code = kExitOk;
};

// Each adds one command to the program; its callback runs it and sets the exit code.
void add_run_command(CLI::App& app, Context& context);
void add_create_command(CLI::App& app, Context& context);
void add_build_command(CLI::App& app, Context& context);
void add_verify_command(CLI::App& app, Context& context);
void add_replay_command(CLI::App& app, Context& context);
void add_fork_command(CLI::App& app, Context& context);
void add_state_command(CLI::App& app, Context& context);
void add_bisect_command(CLI::App& app, Context& context);
void add_checkpoint_command(CLI::App& app, Context& context);
void add_bundle_command(CLI::App& app, Context& context);
void add_events_command(CLI::App& app, Context& context);
void add_explore_command(CLI::App& app, Context& context);
void add_show_command(CLI::App& app, Context& context);
void add_list_stored_command(CLI::App& app, Context& context);
void add_diff_command(CLI::App& app, Context& context);
void add_causes_command(CLI::App& app, Context& context);
void add_redact_command(CLI::App& app, Context& context);
void add_bench_command(CLI::App& app, Context& context);
/// A subcommand of the one before.
void add_bench_server_command(CLI::App& bench, Context& context);
void add_server_command(CLI::App& app, Context& context);
void add_doctor_command(CLI::App& app, Context& context);
void add_top_command(CLI::App& app, Context& context);
// Commands for a running server: start, process, stop, terminate, restart, pause, unpause, list, inspect; message,
// send, request, channel; subscribe.
void add_actor_commands(CLI::App& app, Context& context);
void add_message_commands(CLI::App& app, Context& context);
void add_subscribe_command(CLI::App& app, Context& context);
void add_config_command(CLI::App& app, Context& context);
void add_completion_command(CLI::App& app, Context& context);

}  // namespace theater::cli
