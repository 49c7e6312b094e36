#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "theater/error.h"

namespace theater::toolchain {

/// What a project's world comes to for the compiler.
struct Bindings {
  /// Folder of the generated header and source.
  std::filesystem::path folder;
  /// Holds the component's type; to be linked in.
  std::filesystem::path type_object;
  /// C source for the interfaces that the SDK does not provide itself; empty when there are none.
  std::filesystem::path source;
  /// The WIT package that the SDK speaks, e.g. "theater:simple".
  std::string wit_namespace;
  /// The SDK provides the actor's exports. Otherwise the program implements everything by the generated header.
  bool sdk_exports = true;
  bool unchanged = false;
};

/// Generates the bindings into `build_directory`, unless they are there for exactly this WIT. `wit` is the project's
/// WIT folder, or empty for the SDK's own world.
///
/// The SDK speaks the canonical ABI of Theater's own interfaces itself, so that they cost nothing. For this, bindings
/// are made twice when a project has a world that includes one of the SDK's: once whole, for the component's type, and
/// once with the SDK's worlds empty, for the source.
Result<Bindings> make_bindings(const std::filesystem::path& sdk, const std::filesystem::path& wit,
                               const std::string& world, const std::filesystem::path& build_directory);

}  // namespace theater::toolchain
