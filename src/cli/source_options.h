#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "chain/chain_source.h"
#include "cli/interrupts.h"
#include "cli/progress.h"
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

/// Adds an option that names an event: `value` is an unsigned number, or an optional one.
template <class Value>
CLI::Option* add_sequence_option(CLI::App& command, const std::string& name, Value& value,
                                 const std::string& description) {
  return command.add_option(name, value, description)->type_name("SEQ")->check([](const std::string& text) {
    const bool is_number = text.find_first_not_of("0123456789") == std::string::npos;
    return is_number ? std::string() : "\"" + text + "\" is not the number of an event";
  });
}

/// What a re-run is given besides the chain: the components and the manifest that were named, compiled code.
Result<ReplayOptions> replay_options(const SourceOptions& options);

/// The chain, and what a re-run of it is given. The component that the manifest names is taken when it is one that the
/// chain names and none was given.
struct OpenedSource {
  std::unique_ptr<ChainSource> chain;
  ReplayOptions options;
};
Result<OpenedSource> open_source(const SourceOptions& options);

/// Says on a terminal how far a re-run is, and gives it up at Ctrl-C, as long as it lives. One thread at a time.
class Watch {
 public:
  /// `what`: "Replaying"…
  explicit Watch(std::string what) : progress_(std::move(what)) {}

  /// What ReplayOptions::progress is told: this many of so many.
  bool update(std::uint64_t events, std::uint64_t total) {
    progress_.update(events, "events", total);
    return !interrupts_.seen();
  }
  /// Watches a re-run of one chain up to this event.
  void watch(ReplayOptions& options, std::uint64_t until) {
    options.progress = [this, until](std::uint64_t sequence, std::uint64_t next_sequence) {
      return update(sequence, until < next_sequence ? until + 1 : next_sequence);
    };
  }

 private:
  Progress progress_;
  const Interrupts interrupts_;
};

}  // namespace theater::cli
