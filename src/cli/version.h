#pragma once

#include <string>

namespace theater::cli {

/// Theater's version and, in parentheses, its engine's.
std::string version_text();

}  // namespace theater::cli
