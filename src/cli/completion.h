#pragma once

#include <CLI/CLI.hpp>
#include <span>
#include <string>
#include <vector>

#include "cli/configuration.h"

namespace theater::cli {

/// A word that may stand where one is being typed.
struct Candidate {
  std::string text;
  std::string description;
};

/// What may stand there beside words that the program knows by itself.
enum class AlsoThere : std::uint8_t { kNothing, kFiles, kFolders, kActors, kActorsAndFiles, kTemplates };

struct Completion {
  AlsoThere also = AlsoThere::kNothing;
  std::vector<Candidate> candidates;
  /// Put before all that is also there: "--actor=" of "--actor=x".
  std::string prefix;
  /// What stands behind --address.
  std::string address;
};

/// Walks the words of a command line, without the program's name, as far as the last, which is being typed and may be
/// empty. What is wrong before it is passed over.
Completion complete(const CLI::App& app, std::span<const std::string> words);

/// What a shell's completion asks for: on standard output a line "words", "files" or "folders", for what the shell adds
/// itself, then candidates with a tab and a description. Actors are asked of the server, for half a second at most.
int tell_completions(const CLI::App& app, const Configuration& configuration, const std::vector<std::string>& words);

/// The script that a shell loads; empty for a shell that is not known.
std::string completion_script(const std::string& shell);

}  // namespace theater::cli
