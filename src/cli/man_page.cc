#include "cli/man_page.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "cli/configuration.h"
#include "cli/version.h"

namespace theater::cli {
namespace {

/// So that troff takes every character as itself.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    // What a line may not begin with.
    if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out;
}

class Page {
 public:
  void section(std::string_view heading) { line(".SH " + quoted(heading)); }
  void subsection(std::string_view heading) { line(".SS " + quoted(heading)); }
  void paragraph(std::string_view text) {
    line(".PP");
    line(escaped(text));
  }
  void bold(std::string_view text) { line(".B " + quoted(text)); }
  void item(std::string_view name, std::string_view text) {
    line(".TP");
    bold(name);
    line(escaped(text));
  }
  /// Of lines that the macros end.
  void line(std::string_view text) { text_.append(text).append("\n"); }
  std::string take() { return std::move(text_); }

 private:
  static std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : escaped(text)) out += c == '"' ? "\\(dq" : std::string(1, c);
    return out + "\"";
  }
  std::string text_;
};

bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() != 0; }
bool takes_many(const CLI::Option& option) { return option.get_items_expected_max() > 1'000; }

std::vector<const CLI::Option*> options_of(const CLI::App& app) {
  return app.get_options([](const CLI::Option* option) { return !option->get_group().empty(); });
}
std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* command) { return !command->get_group().empty(); });
}

/// "theater server status".
std::string whole_name(const CLI::App& app) {
  const CLI::App* parent = app.get_parent();
  return (parent == nullptr ? "" : whole_name(*parent) + " ") + app.get_name();
}

std::string names_of(const CLI::Option& option) {
  std::string names;
  const auto add = [&](const std::string& name) { names += (names.empty() ? "" : ", ") + name; };
  for (const std::string& name : option.get_snames()) add("-" + name);
  for (const std::string& name : option.get_lnames()) add("--" + name);
  if (names.empty()) add(option.get_name(true));
  return takes_value(option) ? names + " " + option.get_type_name() : names;
}

std::string synopsis(const CLI::App& app) {
  std::string text = whole_name(app);
  const auto options = options_of(app);
  if (std::ranges::any_of(options, &CLI::Option::nonpositional)) text += " [OPTION...]";
  for (const CLI::Option* option : options) {
    if (option->nonpositional()) continue;
    const std::string type = option->get_type_name();
    const std::string name = type.substr(0, type.find(':')) + (takes_many(*option) ? "..." : "");
    text += option->get_required() ? " " + name : " [" + name + "]";
  }
  return text;
}

void add_command(Page& page, const CLI::App& command) {
  page.subsection(synopsis(command));
  page.line(escaped(command.get_description()) + ".");
  for (const CLI::Option* option : options_of(command)) {
    // The same for all, told once.
    if (!option->check_lname("help")) page.item(names_of(*option), option->get_description());
  }
  if (!command.get_footer().empty()) page.paragraph(command.get_footer());
  for (const CLI::App* below : commands_of(command)) add_command(page, *below);
}

void add_settings(Page& page) {
  page.section("CONFIGURATION");
  page.line(
      escaped("An option comes before the environment, the environment before the file, which is TOML. theater "
              "config shows what applies and where it comes from."));
  for (const Setting& setting : known_settings()) {
    const std::string variable = setting.variable == nullptr ? "" : std::string(", $") + setting.variable;
    std::string text = setting.description;
    if (*setting.choices != '\0') text += " (" + std::string(setting.choices) + ")";
    page.item("[" + std::string(setting.table) + "] " + setting.key + variable, text);
  }
}

void add_environment(Page& page) {
  page.section("ENVIRONMENT");
  page.item("THEATER_HOME", "Where compiled code, chains, the server's socket and its tokens are (~/.theater).");
  page.item("THEATER_CONFIG", "The configuration file.");
  page.item("THEATER_TOKEN", "The token for a server by TCP, instead of the file's.");
  page.item("THEATER_CLANG, THEATER_WASM_LD, THEATER_SDK", "The compiler, the linker and the SDKs that build uses.");
  page.item("NO_COLOR", "No colours when it is set to anything.");
  page.section("FILES");
  page.item("~/.config/theater/config.toml", "The configuration file, in $XDG_CONFIG_HOME when that is set.");
  page.item("~/.theater/server.sock", "Where the server listens for this user.");
  page.item("~/.theater/tokens", "Who may come by TCP.");
}

}  // namespace

std::string man_page(const CLI::App& app) {
  Page page;
  page.line(".\\\" Made by the program itself, of what its help is made of.");
  page.line(R"(.TH THEATER 1 "" "Theater )" THEATER_VERSION R"(" "Theater")");
  page.section("NAME");
  page.line(R"(theater \- run WebAssembly actors and keep a verifiable record of each)");
  page.section("SYNOPSIS");
  page.bold("theater [--json] [-v] COMMAND [OPTION...] [ARGUMENT...]");
  page.section("DESCRIPTION");
  page.line(escaped(app.get_description()));
  page.section("OPTIONS");
  for (const CLI::Option* option : options_of(app)) page.item(names_of(*option), option->get_description());
  page.section("COMMANDS");
  std::string heading;
  for (const CLI::App* command : commands_of(app)) {
    if (command->get_group() != heading) {
      heading = command->get_group();
      page.paragraph(heading + ":");
    }
    add_command(page, *command);
  }
  add_settings(page);
  add_environment(page);
  page.section("EXIT STATUS");
  page.line(escaped(app.get_footer()));
  return page.take();
}

}  // namespace theater::cli
