#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "toolchain/build.h"

namespace theater::toolchain {

/// One component to make: its sources and where it goes.
struct Target {
  std::string name;
  std::vector<std::filesystem::path> sources;
  std::filesystem::path output;
};

/// What stands in a project's folder.
struct Project {
  std::filesystem::path directory;
  std::filesystem::path build_directory;
  /// Empty: the SDK's world.
  std::filesystem::path wit;
  std::vector<Target> targets;
};

/// Looks at the folder. Each manifest (*.toml with a `component`) makes a component. Where there are several, a source
/// with the component's file name (ping.cc for build/ping.wasm) is that component's alone, and all other sources belong
/// to every one.
Result<Project> find_project(const BuildOptions& options);

/// The value of a string key before the first table of a TOML text; empty when there is none. Only this much is
/// read, since a manifest may be a template that becomes TOML later.
std::string top_level_string(std::string_view toml, std::string_view key);

/// A whole file. Errors: kNotFound, kIo, kTooLarge.
Result<std::string> read_text(const std::filesystem::path& file);
/// Writes a file whole or not at all; one that has this content already keeps its time.
Result<void> write_file(const std::filesystem::path& file, std::string_view content);

}  // namespace theater::toolchain
