#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>

#include "theater/runtime.h"

namespace theater::cli {

/// How much a runtime may hold, for commands that start one.
struct RoomOptions {
  std::optional<std::uint32_t> actors_max;
  std::optional<std::uint64_t> guest_memory_bytes;
  std::optional<std::uint64_t> resident_bytes_max;
  bool waits = false;

  void apply(RuntimeOptions& options) const;
};

/// The options must outlive the command.
void add_room_options(CLI::App& command, RoomOptions& options);

}  // namespace theater::cli
