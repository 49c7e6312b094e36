#include "toolchain/compile.h"

#include <unistd.h>

#include <algorithm>

#include "toolchain/project.h"

namespace theater::toolchain {
namespace {

namespace fs = std::filesystem;

fs::path with_suffix(fs::path path, std::string_view suffix) {
  path += suffix;
  return path;
}

/// The files that a rule of make's syntax, as clang writes it, depends on.
std::vector<std::string> prerequisites(std::string_view rule) {
  std::vector<std::string> files;
  std::string file;
  const std::size_t colon = rule.find(": ");
  if (colon == std::string_view::npos) return files;
  rule.remove_prefix(colon + 2);
  for (std::size_t i = 0; i <= rule.size(); ++i) {
    const char c = i < rule.size() ? rule[i] : '\n';
    const bool escaped = c == '\\' && i + 1 < rule.size();
    if (escaped && rule[i + 1] == ' ') {
      file += rule[++i];
    } else if (c == ' ' || c == '\n' || (escaped && rule[i + 1] == '\n')) {
      if (!file.empty()) files.push_back(std::exchange(file, {}));
    } else {
      file += c;
    }
  }
  return files;
}

std::string command_line(const fs::path& clang, const Unit& unit) {
  std::string line = clang.string();
  for (const std::string& flag : unit.flags) line += "\n" + flag;
  return line + "\n" + unit.source.string() + "\n";
}

bool is_current(const fs::path& clang, const Unit& unit) {
  std::error_code error;
  const fs::file_time_type made = fs::last_write_time(unit.object, error);
  if (error) return false;
  const Result<std::string> command = read_text(with_suffix(unit.object, ".command"));
  const Result<std::string> rule = read_text(with_suffix(unit.object, ".d"));
  if (!command || !rule || *command != command_line(clang, unit)) return false;
  const std::vector<std::string> files = prerequisites(*rule);
  return !files.empty() && std::ranges::all_of(files, [&](const std::string& file) {
    std::error_code missing;
    const fs::file_time_type changed = fs::last_write_time(file, missing);
    return !missing && changed <= made;
  });
}

/// Under a name of this process's own until it is whole: several builds may share the SDK's objects.
fs::path temporary_of(const Unit& unit) { return with_suffix(unit.object, "." + std::to_string(getpid()) + ".tmp"); }

Command command_of(const fs::path& clang, const Unit& unit) {
  Command command{clang, unit.flags};
  const fs::path temporary = temporary_of(unit);
  for (const std::string& word : {std::string("-MD"), std::string("-MF"), with_suffix(temporary, ".d").string(),
                                  std::string("-c"), unit.source.string(), std::string("-o"), temporary.string()}) {
    command.arguments.push_back(word);
  }
  return command;
}

Result<void> keep(const fs::path& clang, const Unit& unit) {
  std::error_code error;
  const fs::path temporary = temporary_of(unit);
  fs::rename(with_suffix(temporary, ".d"), with_suffix(unit.object, ".d"), error);
  if (!error) fs::rename(temporary, unit.object, error);
  if (error) return fail(ErrorCode::kIo, "cannot write " + unit.object.string() + ": " + error.message());
  return write_file(with_suffix(unit.object, ".command"), command_line(clang, unit));
}

}  // namespace

Result<Compiled> compile(const fs::path& clang, const std::vector<Unit>& units, unsigned parallel) {
  std::vector<Unit> stale;
  std::vector<Command> commands;
  for (const Unit& unit : units) {
    if (is_current(clang, unit)) continue;
    std::error_code error;
    fs::create_directories(unit.object.parent_path(), error);
    if (error)
      return fail(ErrorCode::kIo, "cannot make " + unit.object.parent_path().string() + ": " + error.message());
    stale.push_back(unit);
    commands.push_back(command_of(clang, unit));
  }
  Result<std::vector<CommandResult>> results = run(commands, parallel);
  if (!results) return fail(std::move(results.error()));
  Compiled compiled{static_cast<unsigned>(stale.size()), {}};
  std::string errors;
  for (std::size_t i = 0; i < stale.size(); ++i) {
    const CommandResult& result = (*results)[i];
    if (result.timed_out) errors += stale[i].source.string() + ": the compiler did not end and was stopped\n";
    if (result.status != 0) {
      errors += result.output.empty() ? "clang failed on " + stale[i].source.string() + "\n" : result.output;
      std::error_code ignored;
      fs::remove(temporary_of(stale[i]), ignored);
      fs::remove(with_suffix(temporary_of(stale[i]), ".d"), ignored);
      continue;
    }
    compiled.warnings += result.output;
    if (Result<void> kept = keep(clang, stale[i]); !kept) return fail(std::move(kept.error()));
  }
  if (!errors.empty()) return fail(ErrorCode::kInvalidArgument, "the sources have errors:\n" + errors);
  return compiled;
}

}  // namespace theater::toolchain
