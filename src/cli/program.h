#pragma once

#include <CLI/CLI.hpp>

#include "cli/commands.h"

namespace theater::cli {

/// Gives the app all that `theater` understands: help, completions and the man page are made of it.
void add_program(CLI::App& app, Context& context);

}  // namespace theater::cli
