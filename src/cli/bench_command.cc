#include "cli/commands.h"

namespace theater::cli {
void add_bench_command(CLI::App&, Context&) {}
}  // namespace theater::cli
