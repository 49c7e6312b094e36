#include "toolchain/create.h"

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/json.h"
#include "cli/remote.h"
#include "toolchain/build.h"
#include "toolchain/process.h"

namespace theater::cli {
namespace {

using nlohmann::ordered_json;

struct CreateOptions {
  std::string name;
  std::string template_name = "basic";
  std::string language = "cpp";
  std::string output_dir = ".";
  bool skip_deps = false;
  bool git = false;
};

Result<void> make_repository(const std::filesystem::path& folder) {
  // env looks git up in the path.
  const toolchain::Command git{.program = "/usr/bin/env", .arguments = {"git", "init", "--quiet", folder.string()}};
  const auto ran = toolchain::run({&git, 1}, 1);
  if (!ran) return fail(ran.error());
  if (ran->front().status == 0) return {};
  return fail(ErrorCode::kUnavailable, "the project is there, but \"git init\" failed: " + ran->front().output);
}

void show(const CreateOptions& options, const toolchain::CreatedProject& project, Context& context) {
  if (context.json) {
    ordered_json files = ordered_json::array();
    for (const auto& file : project.files) files.push_back(file.string());
    return context.output.line(one_line({{"name", options.name},
                                         {"folder", project.folder.string()},
                                         {"template", options.template_name},
                                         {"language", options.language},
                                         {"files", files}}));
  }
  Output& output = context.output;
  const std::string folder = project.folder.lexically_normal().string();
  output.line(output.good("created ") + output.bold(folder));
  for (const auto& file : project.files) output.line(output.dim("  " + file.string()));
  output.line("Next:");
  output.line("  cd " + folder);
  output.line("  theater build");
  output.line("  ./test.sh");
  output.line("  theater run . --send " + options.name + "=hello --for 1");
  if (options.skip_deps) return;
  // Now is better than when it is needed.
  if (const auto tools = toolchain::find_tools(); !tools) output.error_line("note: " + tools.error().to_string());
}

Result<void> create(const CreateOptions& options, Context& context) {
  toolchain::CreateOptions create{.name = options.name,
                                  .template_name = options.template_name,
                                  .language = options.language,
                                  .parent = options.output_dir,
                                  .template_folders = {},
                                  .sdk = {}};
  for (const std::string& folder : context.configuration.texts("templates.directories")) {
    create.template_folders.emplace_back(folder);
  }
  const auto project = toolchain::create_project(create);
  if (!project) return fail(project.error());
  if (options.git) {
    if (auto made = make_repository(project->folder); !made) return made;
  }
  show(options, *project, context);
  return {};
}

}  // namespace

void add_create_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<CreateOptions>();
  CLI::App* command = app.add_subcommand("create", "Make a project to begin with, that builds and passes its test");
  command->add_option("name", options->name, "Of the project, its folder and its actor")->required()->type_name("NAME");
  command
      ->add_option("-t,--template", options->template_name,
                   "basic, message-server or supervisor, or one of your own (default: basic)")
      ->type_name("TEMPLATE");
  command->add_option("--lang", options->language, "cpp or c (default: cpp)")->type_name("LANGUAGE");
  command->add_option("-o,--output-dir", options->output_dir, "Where the project's folder is made (default: .)")
      ->type_name("DIR");
  auto* git = command->add_flag("--git", options->git, "Make it a git repository");
  command->add_flag_callback("--no-git", [] {}, "Do not, which is so without it too")->excludes(git);
  command->add_flag("--skip-deps,--skip-component-check", options->skip_deps,
                    "Do not look whether what building needs is installed");
  command->footer(
      "Templates of your own: folders LANGUAGE/NAME in the folders of THEATER_TEMPLATES; @NAME@ and @TYPE@ are filled "
      "in.\nExit codes: 0 made; 1 not: there is something by that name, or the name is none.");
  command->callback([options, &context] {
    const auto created = create(*options, context);
    if (created) return;
    context.exit_code = kExitFailed;
    tell_error(context, "create", created.error());
  });
}

}  // namespace theater::cli
