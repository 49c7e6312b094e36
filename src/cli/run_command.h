#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/room_options.h"
#include "theater/runtime.h"

namespace theater::cli {

/// An actor that goes on from an event of another's chain.
struct ForkedActor {
  Manifest manifest;
  Bytes component;
  SpawnOptions spawn;
  /// Where its chain goes at the end; empty for nowhere.
  std::string save;
};

/// What runs in this process and is shown: `theater run` and `theater fork`.
struct RunOptions {
  /// Whose errors they are.
  std::string command = "run";
  std::vector<std::string> manifests;
  /// Starts last, when the others take messages.
  std::optional<ForkedActor> forked;
  std::vector<std::string> sends;
  std::vector<std::string> requests;
  std::optional<double> seconds;
  std::string initial_state;
  std::string chains;
  std::string data;
  std::uint32_t shards = 0;
  RoomOptions room;
  bool events = false;
};

/// What to send, how long to run, what to show. The options must outlive the command.
void add_session_options(CLI::App& command, RunOptions& options);

/// Starts the actors and returns the exit code when all is over.
int run_actors(const RunOptions& options, Context& context);

}  // namespace theater::cli
