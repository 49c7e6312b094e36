#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace theater::cli {

/// theater(1) in the man macros, made of what the help is made of.
std::string man_page(const CLI::App& app);

}  // namespace theater::cli
