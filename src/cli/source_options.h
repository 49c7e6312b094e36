#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "chain/chain_source.h"
#include "theater/replay.h"

namespace theater::cli {

/// Where a command finds an actor's chain, and what the source may lack for a re-run.
struct SourceOptions {
  std::string source;
  std::string actor;
  std::vector<std::string> components;
  std::string manifest;
};

void add_source_options(CLI::App& command, SourceOptions& options);

/// The chain, and what a re-run of it is given. The component that the manifest names is taken when it is one that the
/// chain names and none was given.
struct OpenedSource {
  std::unique_ptr<ChainSource> chain;
  ReplayOptions options;
};
Result<OpenedSource> open_source(const SourceOptions& options);

}  // namespace theater::cli
