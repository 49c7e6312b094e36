#include <cstdlib>
#include <exception>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/completion.h"
#include "cli/man_page.h"
#include "cli/program.h"
#include "cli/remote.h"
#include "manifest/nearest.h"
#include "theater/bytes.h"

namespace theater::cli {
namespace {

/// A word in a command's place that is none: CLI11 would say that a command is missing. Nothing when there is no such.
std::optional<std::string> unknown_command(const CLI::App& app) {
  const std::vector<std::string> words = app.remaining();
  if (!app.get_subcommands().empty() || words.empty() || words.front().starts_with('-')) return std::nullopt;
  std::vector<std::string> commands;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    commands.push_back(command->get_name());
  }
  const auto meant = nearest(words.front(), commands);
  return "there is no command " + printable(as_bytes(words.front()), 100) +
         (meant ? "; did you mean " + *meant + "?" : "; theater --help lists them");
}

LogLevel log_level(const std::string& name) {
  if (name == "trace" || name == "debug") return LogLevel::kDebug;
  if (name == "warn" || name == "warning") return LogLevel::kWarning;
  return name == "error" ? LogLevel::kError : LogLevel::kInfo;
}

/// The commands' names as far as they were read: "channel open".
std::string command_of(const CLI::App& app) {
  std::string command;
  for (const CLI::App* one = &app; !one->get_subcommands().empty();) {
    one = one->get_subcommands().front();
    command += (command.empty() ? "" : " ") + one->get_name();
  }
  return command;
}

/// What is no command line, or asks for no more than the help or the version. The exit code.
int tell_parse_error(CLI::App& app, Context& context, const CLI::ParseError& error) {
  const auto unknown = unknown_command(app);
  // CLI11 has many codes; users of Theater know 0 and 1.
  if (error.get_exit_code() == 0 && !unknown) return app.exit(error);
  if (error.get_name() == "RuntimeError") return kExitFailed;
  // It may come before the options have been handed on.
  context.json |= app.get_option("--json")->count() > 0;
  const std::string command = command_of(app);
  const std::string help = "; theater " + (command.empty() ? "" : command + " ") + "--help tells more";
  tell_error(context, command, Error(ErrorCode::kInvalidArgument, unknown ? *unknown : error.what() + help));
  return kExitFailed;
}

/// A configuration that cannot be read stops every command but those that one needs to mend it.
void refuse_wrong_configuration(CLI::App& app, Context& context, const Error& error) {
  app.parse_complete_callback([&app, &context, &error] {
    if (app.got_subcommand("config") || app.got_subcommand("completion")) return;
    tell_error(context, "", Error(error).with_context("the configuration is wrong"));
    throw CLI::RuntimeError(kExitFailed);
  });
}

/// Called by this name, which has been that of the server's program, it is `theater server`.
constexpr std::string_view kServerProgram = "theater-server";
/// Where older servers and their clients meet.
constexpr const char* kServerProgramAddress = "127.0.0.1:9000";

bool is_server_program(const char* program) {
  const std::string_view path(program);
  return path.substr(path.rfind('/') + 1) == kServerProgram;
}

int run_program(int argc, char** argv) {
  const auto loaded = Configuration::load(configuration_file(), [](const char* name) { return std::getenv(name); });
  const Configuration configuration = loaded ? *loaded : Configuration();
  Output output(Output::wants_colors(configuration.text("output.colors")));
  const auto log = make_stderr_log(log_level(configuration.text("logging.level")));
  Context context{.output = output,
                  .log = *log,
                  .configuration = configuration,
                  .json = configuration.text("output.default_format") == "json"};
  CLI::App app("Runs programs as actors in WebAssembly sandboxes and keeps a verifiable record of each.", "theater");
  add_program(app, context);
  // What the shells' completions call, and the build for the man page: no commands for people.
  const std::string first = argc > 1 ? argv[1] : "";
  if (first == "__complete") return tell_completions(app, configuration, {argv + 2, argv + argc});
  if (first == "__man") {
    std::cout << man_page(app);
    return kExitOk;
  }
  if (!loaded) refuse_wrong_configuration(app, context, loaded.error());
  try {
    std::vector<const char*> words(argv, argv + argc);
    if (argc > 0 && is_server_program(argv[0])) {
      words.insert(words.begin() + 1, "server");
      app.get_subcommand("server")->get_option("--address")->default_val(kServerProgramAddress);
    }
    app.parse(static_cast<int>(words.size()), words.data());
  } catch (const CLI::ParseError& error) {
    return tell_parse_error(app, context, error);
  }
  return context.exit_code;
}

}  // namespace
}  // namespace theater::cli

int main(int argc, char** argv) {
  try {
    return theater::cli::run_program(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "theater: " << error.what() << '\n';
    return theater::cli::kExitFailed;
  }
}
