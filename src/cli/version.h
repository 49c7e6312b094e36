#pragma once

#include <string>

namespace theater::cli {

/// "theater 0.1.0 (theater-engine … (wasmtime …))".
std::string version_text();

}  // namespace theater::cli
