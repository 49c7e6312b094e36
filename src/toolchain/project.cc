#include "toolchain/project.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "base/limits.h"

namespace theater::toolchain {
namespace {

namespace fs = std::filesystem;

bool is_source(const fs::path& file) {
  const fs::path extension = file.extension();
  return extension == ".c" || extension == ".cc" || extension == ".cpp" || extension == ".cxx";
}

/// The files of a folder that pass, sorted, so that a build does not depend on the file system's order.
template <class Wanted>
std::vector<fs::path> files_of(const fs::path& folder, Wanted wanted) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    std::error_code ignored;
    if (entry->is_regular_file(ignored) && wanted(entry->path())) files.push_back(entry->path());
  }
  std::ranges::sort(files);
  return files;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t start = text.find_first_not_of(" \t\r");
  if (start == std::string_view::npos) return {};
  return text.substr(start, text.find_last_not_of(" \t\r") - start + 1);
}

/// Where a manifest wants its component, when that is a file that can be written; otherwise build/<name>.wasm.
fs::path output_of(const fs::path& directory, std::string_view component, const std::string& name) {
  const bool is_file = !component.empty() && component.find("://") == std::string_view::npos &&
                       component.find("{{") == std::string_view::npos;
  return directory / (is_file ? fs::path(component) : fs::path("build") / (name + ".wasm"));
}

Result<std::vector<Target>> targets_of_manifests(const fs::path& directory) {
  std::vector<Target> targets;
  for (const fs::path& file : files_of(directory, [](const fs::path& f) { return f.extension() == ".toml"; })) {
    const Result<std::string> text = read_text(file);
    if (!text) return fail(text.error());
    const std::string component = top_level_string(*text, "component");
    if (component.empty()) continue;
    std::string name = top_level_string(*text, "name");
    if (name.empty() || name.find('/') != std::string::npos || name.find("{{") != std::string::npos) name = file.stem();
    Target target{name, {}, output_of(directory, component, name)};
    const auto same = std::ranges::find(targets, target.output, &Target::output);
    if (same == targets.end()) {
      targets.push_back(std::move(target));
    } else {
      // Several actors run one component, which is none of them.
      same->name = target.output.stem();
    }
  }
  return targets;
}

void share_out(const std::vector<fs::path>& sources, std::vector<Target>& targets) {
  for (Target& target : targets) {
    const auto is_own = [&](const fs::path& source) { return source.stem() == target.output.stem(); };
    for (const fs::path& source : sources) {
      const bool is_anothers = std::ranges::any_of(
          targets, [&](const Target& other) { return &other != &target && source.stem() == other.output.stem(); });
      if (is_own(source) || !is_anothers) target.sources.push_back(source);
    }
  }
}

Result<std::vector<fs::path>> sources_of(const BuildOptions& options, const fs::path& directory) {
  std::vector<fs::path> sources;
  for (const fs::path& source : options.sources) {
    std::error_code ignored;
    if (!fs::is_regular_file(source, ignored))
      return fail(ErrorCode::kNotFound, "there is no source " + source.string());
    sources.push_back(fs::absolute(source).lexically_normal());
  }
  if (!sources.empty()) return sources;
  sources = files_of(directory, is_source);
  const std::vector<fs::path> deeper = files_of(directory / "src", is_source);
  sources.insert(sources.end(), deeper.begin(), deeper.end());
  if (!sources.empty()) return sources;
  return fail(ErrorCode::kNotFound,
              "no sources in " + directory.string() + " or its src/: an actor is written in *.cc, *.cpp or *.c files");
}

}  // namespace

std::string top_level_string(std::string_view toml, std::string_view key) {
  while (!toml.empty()) {
    const std::size_t end = std::min(toml.find('\n'), toml.size());
    const std::string_view line = trimmed(toml.substr(0, end));
    toml.remove_prefix(std::min(end + 1, toml.size()));
    if (line.starts_with('[')) return {};
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos || trimmed(line.substr(0, equals)) != key) continue;
    const std::string_view value = trimmed(line.substr(equals + 1));
    if (value.empty() || (value[0] != '"' && value[0] != '\'')) return {};
    const std::size_t close = value.find(value[0], 1);
    if (close != std::string_view::npos) return std::string(value.substr(1, close - 1));
  }
  return {};
}

Result<std::string> read_text(const fs::path& file) {
  std::error_code error;
  const std::uintmax_t size = fs::file_size(file, error);
  if (error) return fail(ErrorCode::kNotFound, "cannot read " + file.string() + ": " + error.message());
  if (size > limits::kComponentBytes) return fail(ErrorCode::kTooLarge, file.string() + " is too large");
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) return fail(ErrorCode::kIo, "cannot read " + file.string());
  return std::move(text).str();
}

Result<void> write_file(const fs::path& file, std::string_view content) {
  if (const Result<std::string> present = read_text(file); present && *present == content) return {};
  std::error_code error;
  if (file.has_parent_path()) fs::create_directories(file.parent_path(), error);
  if (error)
    return fail(ErrorCode::kIo, "cannot make the folder " + file.parent_path().string() + ": " + error.message());
  fs::path temporary = file;
  temporary += "." + std::to_string(getpid()) + ".tmp";
  std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
  out.write(content.data(), static_cast<std::streamsize>(content.size()));
  out.close();
  if (!out) return fail(ErrorCode::kIo, "cannot write " + file.string() + ": " + strerror(errno));
  fs::rename(temporary, file, error);
  if (error) return fail(ErrorCode::kIo, "cannot write " + file.string() + ": " + error.message());
  return {};
}

Result<Project> find_project(const BuildOptions& options) {
  std::error_code error;
  const fs::path directory = fs::absolute(options.directory, error).lexically_normal();
  if (!fs::is_directory(directory, error)) {
    return fail(ErrorCode::kNotFound, "there is no folder " + options.directory.string());
  }
  Project project;
  project.directory = directory;
  project.build_directory =
      options.build_directory.empty() ? directory / "build" : fs::absolute(options.build_directory, error);
  project.wit = options.wit.empty() ? directory / "wit" : fs::absolute(options.wit, error);
  if (!fs::is_directory(project.wit, error)) {
    if (!options.wit.empty()) return fail(ErrorCode::kNotFound, "there is no WIT folder " + options.wit.string());
    project.wit.clear();
  }

  Result<std::vector<fs::path>> sources = sources_of(options, directory);
  if (!sources) return fail(std::move(sources.error()));
  if (options.output.empty()) {
    Result<std::vector<Target>> targets = targets_of_manifests(directory);
    if (!targets) return fail(std::move(targets.error()));
    project.targets = std::move(*targets);
  }
  if (project.targets.empty()) {
    fs::path name = options.output.empty() ? directory.filename() : options.output.stem();
    if (name.empty()) name = directory.parent_path().filename();
    const fs::path output =
        options.output.empty() ? directory / "build" / (name.string() + ".wasm") : fs::absolute(options.output, error);
    project.targets.push_back({name.string(), *sources, output});
    return project;
  }
  share_out(*sources, project.targets);
  return project;
}

}  // namespace theater::toolchain
