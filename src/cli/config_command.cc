#include <cstdlib>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/json.h"
#include "cli/remote.h"

namespace theater::cli {
namespace {

using nlohmann::ordered_json;

/// As it would stand in the file.
std::string written(const Setting& setting, const std::string& text) {
  switch (setting.kind) {
    case SettingKind::kFlag:
    case SettingKind::kNumber: return text;
    case SettingKind::kDuration: return "\"" + text + "ms\"";
    default: return "\"" + text + "\"";
  }
}

void show(const Configuration& configuration, Context& context) {
  if (!context.json) context.output.line("# " + configuration_file().string());
  std::string table;
  for (const Setting& setting : known_settings()) {
    const Configuration::Value& value = configuration.value(setting.name());
    if (context.json) {
      context.output.line(one_line({{"name", setting.name()},
                                    {"value", value.text},
                                    {"origin", value.origin.empty() ? "default" : value.origin},
                                    {"variable", setting.variable == nullptr ? "" : setting.variable},
                                    {"description", setting.description}}));
      continue;
    }
    if (setting.kind == SettingKind::kUnused) continue;
    if (setting.table != table) {
      table = setting.table;
      context.output.line("\n[" + table + "]");
    }
    const std::string said = std::string(setting.key) + " = " + written(setting, value.text);
    context.output.line(value.origin.empty() ? said : context.output.bold(said) + "  # " + value.origin);
    context.output.line(context.output.dim("  # " + std::string(setting.description)));
  }
}

}  // namespace

void add_config_command(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("config", "Show what the configuration file and the environment say");
  command->footer(
      "An option comes before the environment, the environment before the file, which is $THEATER_CONFIG or "
      "~/.config/theater/config.toml.\nExit codes: 0 shown; 1 the file or the environment is wrong.");
  command->callback([&context] {
    // Read anew: what could not be read was replaced by the defaults.
    const auto loaded = Configuration::load(configuration_file(), [](const char* name) { return std::getenv(name); });
    if (loaded) return show(*loaded, context);
    context.exit_code = kExitFailed;
    tell_error(context, "config", loaded.error());
  });
}

}  // namespace theater::cli
