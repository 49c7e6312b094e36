#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "theater/error.h"
#include "toolchain/process.h"

namespace theater::toolchain {

/// One source and the object made of it.
struct Unit {
  std::filesystem::path source;
  std::filesystem::path object;
  std::vector<std::string> flags;
};

struct Compiled {
  /// Compiled now; the other objects were still good.
  unsigned compiled = 0;
  std::string warnings;
};

/// Compiles those units whose object is older than its source or a header that this includes, or was made by another
/// command. Errors are the compiler's own words.
Result<Compiled> compile(const std::filesystem::path& clang, const std::vector<Unit>& units, unsigned parallel);

}  // namespace theater::toolchain
