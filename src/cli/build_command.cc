#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/remote.h"
#include "toolchain/build.h"

namespace theater::cli {
namespace {

using nlohmann::ordered_json;

void show(Context& context, const toolchain::BuildReport& report, double seconds) {
  for (const toolchain::BuiltComponent& component : report.components) {
    if (context.json) {
      context.output.line(ordered_json{
          {"name", component.name},
          {"path", component.path.string()},
          {"bytes", component.bytes},
          {"imports", component.imports},
          {"exports",
           component.exports}}.dump());
      continue;
    }
    context.output.line(context.output.good("built ") + context.output.bold(component.name) + "  " +
                        component.path.string() + "  " + byte_size(component.bytes));
    for (const std::string& import : component.imports) context.output.line(context.output.dim("  imports " + import));
    if (context.verbose) {
      for (const std::string& function : component.exports)
        context.output.line(context.output.dim("  exports " + function));
    }
  }
  if (context.json) return;
  char time[32];
  std::snprintf(time, sizeof(time), "%.2f s", seconds);
  context.output.line(context.output.dim(time));
}

}  // namespace

void add_build_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<toolchain::BuildOptions>();
  auto directory = std::make_shared<std::string>(".");
  auto output = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("build", "Make a component from C or C++ with clang alone");
  command
      ->add_option(
          "directory", *directory,
          "The project: sources in it or in src/, a manifest.toml, and a wit/ folder if it has a world of its own")
      ->type_name("DIR")
      ->capture_default_str();
  command->add_flag("-r,--release", options->release, "Optimise as far as clang goes");
  command->add_flag("-c,--clean", options->clean, "Forget what was built before");
  command->add_option("-o,--output", *output, "Where the component goes (default: where the manifest's component says)")
      ->type_name("FILE");
  command->footer(
      "Needs clang 16 or newer with its wasm linker (Debian: clang-19 lld-19). THEATER_CLANG and THEATER_SDK name "
      "others.");
  command->callback([=, &context] {
    options->directory = *directory;
    options->output = *output;
    if (!context.json)
      options->progress = [&context](std::string_view line) { context.output.line(context.output.dim(line)); };
    const auto start = std::chrono::steady_clock::now();
    const auto report = toolchain::build(*options);
    if (!report) {
      context.exit_code = kExitFailed;
      return tell_error(context, "build", report.error());
    }
    show(context, *report, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  });
}

}  // namespace theater::cli
