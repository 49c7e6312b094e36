#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "theater/error.h"

namespace theater::toolchain {

/// What `theater build` is asked for.
struct BuildOptions {
  /// The project: sources in it or in its `src/`, manifests, and a `wit/` folder if it has a world of its own.
  std::filesystem::path directory = ".";
  /// Optimise as far as clang goes.
  bool release = false;
  /// Forget what was built before.
  bool clean = false;
  /// Where the component goes, for a project of one component; empty: where its manifest says, or build/<name>.wasm.
  std::filesystem::path output;
  /// The component's sources; empty: found in the directory.
  std::vector<std::filesystem::path> sources;
  /// The project's WIT folder; empty: `wit` in the directory, if there is one.
  std::filesystem::path wit;
  /// The world in that folder; empty: its only one.
  std::string world;
  /// Where intermediate files go; empty: `build` in the directory.
  std::filesystem::path build_directory;
  /// Where the SDK's own objects go, which several projects may share; empty: into the build directory.
  std::filesystem::path sdk_objects;
  /// The SDK (with `c/`, `cpp/`, `wit/`); empty: found by find_sdk().
  std::filesystem::path sdk;
  /// The compiler and linker; empty: found by find_tools().
  std::filesystem::path clang;
  std::filesystem::path linker;
  /// Compilers that run at the same time; 0: one a processor.
  unsigned parallel = 0;
  /// Ask the compiler for coloured messages.
  bool color = false;
  /// Told what is being done, a line at a time, on the calling thread.
  std::function<void(std::string_view line)> progress;
};

/// A component that stands ready.
struct BuiltComponent {
  std::string name;
  std::filesystem::path path;
  std::uint64_t bytes = 0;
  /// Functions, "interface.function".
  std::vector<std::string> imports;
  std::vector<std::string> exports;
  /// Sources compiled now, and those whose object was still good.
  unsigned compiled = 0;
  unsigned reused = 0;
  /// Nothing had to be done.
  bool unchanged = false;
  /// What clang and the linker said without failing.
  std::string warnings;
};

struct BuildReport {
  std::vector<BuiltComponent> components;
  double seconds = 0;
};

/// Makes components of a project in C or C++. Errors of the user's code come as the compiler words them, in the error's
/// message; a missing tool with what to install. Any thread; two builds may not share a build directory.
Result<BuildReport> build(const BuildOptions& options);

/// The SDK's folder: $THEATER_SDK, the installed share/theater/sdk beside the running program, or the source tree that
/// this was built from.
Result<std::filesystem::path> find_sdk();

struct Tools {
  std::filesystem::path clang;
  std::filesystem::path linker;
};
/// $THEATER_CLANG and $THEATER_WASM_LD, or what is in the path, in the order of preference. Paths that are not empty
/// are taken as they are.
Result<Tools> find_tools(const std::filesystem::path& clang = {}, const std::filesystem::path& linker = {});

}  // namespace theater::toolchain
