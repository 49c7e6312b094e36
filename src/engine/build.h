#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "theater/bytes.h"
#include "theater/error.h"

/// What makes components. Any thread.
namespace theater::engine {

struct GeneratedFile {
  std::string name;  ///< relative
  Bytes content;
};

/// C bindings for a world: header, source, and an object file with the component's type, to be linked in. `wit` is a
/// WIT file, or a folder of them with its deps/. Without a name, the only world.
Result<std::vector<GeneratedFile>> bindgen_c(const std::filesystem::path& wit, std::string_view world);

/// A component of a core module that was linked with such an object file.
Result<Bytes> componentize(ByteView module);

/// WebAssembly text to binary, module or component; for tests and tools.
Result<Bytes> wat_to_wasm(std::string_view text);

/// The versions of the engine library and of what it wraps.
std::string_view version();

}  // namespace theater::engine
