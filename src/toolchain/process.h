#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "theater/error.h"

namespace theater::toolchain {

/// A program with its arguments, run without a shell.
struct Command {
  std::filesystem::path program;
  std::vector<std::string> arguments;
};

struct CommandResult {
  /// The exit status; 128 + the number of the signal that ended it.
  int status = 0;
  /// What it wrote to stdout and stderr, cut after kOutputMaxBytes.
  std::string output;
  /// It was ended after kCommandTimeoutMs.
  bool timed_out = false;
};

/// Output beyond this is read and dropped.
inline constexpr std::size_t kOutputMaxBytes = 1u << 20;
/// A compiler that runs longer is ended.
inline constexpr std::uint64_t kCommandTimeoutMs = 300'000;

/// Runs all commands, at most `parallel` at a time, and gives their results in the same order. An error only when one
/// could not be started; a command that fails is a result. Standard input is empty.
Result<std::vector<CommandResult>> run(std::span<const Command> commands, unsigned parallel);

}  // namespace theater::toolchain
