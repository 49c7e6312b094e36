#include "toolchain/build.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>

#include "base/sha256.h"
#include "engine/build.h"
#include "engine/component.h"
#include "engine/engine.h"
#include "toolchain/bindings.h"
#include "toolchain/compile.h"
#include "toolchain/project.h"

namespace theater::toolchain {
namespace {

namespace fs = std::filesystem;

/// The guest's stack ends 1 KiB above a page, and the data and the turn's memory follow: a small actor touches one
/// page.
constexpr std::string_view kStackBytes = "66560";

/// Everything that the steps of one build need.
struct Build {
  const BuildOptions& options;
  Project project;
  Tools tools;
  fs::path sdk;
  Bindings bindings;
  unsigned parallel = 1;

  void say(const std::string& line) const {
    if (options.progress) options.progress(line);
  }
};

std::vector<std::string> common_flags(const Build& build) {
  std::vector<std::string> flags = {"--target=wasm32",
                                    build.options.release ? "-O3" : "-O2",
                                    "-nostdlib",
                                    "-nostdlibinc",
                                    "-ffunction-sections",
                                    "-fdata-sections",
                                    "-fno-ident",
                                    "-Wall",
                                    "-Wextra",
                                    build.options.color ? "-fcolor-diagnostics" : "-fno-color-diagnostics"};
  if (build.options.release) flags.push_back("-DNDEBUG");
  flags.push_back("-I" + (build.sdk / "c/include").string());
  if (build.bindings.wit_namespace != "theater:simple") {
    flags.push_back("-DTHEATER_NAMESPACE=\"" + build.bindings.wit_namespace + "\"");
  }
  return flags;
}

bool is_c(const fs::path& source) { return source.extension() == ".c"; }

std::vector<std::string> user_flags(const Build& build, const fs::path& source) {
  std::vector<std::string> flags = common_flags(build);
  if (is_c(source)) {
    flags.push_back("-std=c17");
  } else {
    for (const char* flag :
         {"-std=c++23", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics", "-fno-c++-static-destructors"}) {
      flags.push_back(flag);
    }
    flags.push_back("-I" + (build.sdk / "cpp/include").string());
  }
  flags.push_back("-I" + build.bindings.folder.string());
  flags.push_back("-I" + build.project.directory.string());
  flags.push_back("-I" + (build.project.directory / "include").string());
  return flags;
}

/// Objects of one project's sources, by a name that tells equal file names in different folders apart.
Unit user_unit(const Build& build, const fs::path& source) {
  const std::string text = source.string();
  const std::string tag = to_hex(ByteView(sha256(as_bytes(text))).first(4));
  return {source, build.project.build_directory / "objects" / (source.filename().string() + "." + tag + ".o"),
          user_flags(build, source)};
}

Unit sdk_unit(const Build& build, const char* name) {
  const fs::path folder = build.options.sdk_objects.empty() ? build.project.build_directory / "objects/sdk"
                                                            : fs::absolute(build.options.sdk_objects);
  std::vector<std::string> flags = common_flags(build);
  flags.push_back("-std=c17");
  flags.push_back("-DTHEATER_NO_EXPORTS");
  // The memory functions must not be compiled into calls of themselves.
  flags.push_back("-ffreestanding");
  std::string tag;
  if (!build.bindings.sdk_exports) {
    flags.push_back("-DTHEATER_NO_TURNS");
    tag += "-no-turns";
  }
  if (build.bindings.wit_namespace != "theater:simple") tag += "-old";
  if (build.options.release) tag += "-release";
  return {build.sdk / "c/src" / (std::string(name) + ".c"), folder / (name + tag + ".o"), flags};
}

std::vector<Unit> sdk_units(const Build& build) {
  std::vector<Unit> units;
  for (const char* name : {"memory", "arithmetic", "initialize"}) units.push_back(sdk_unit(build, name));
  if (build.bindings.sdk_exports) {
    for (const char* name : {"turn", "utf8", "exports"}) units.push_back(sdk_unit(build, name));
  }
  return units;
}

struct Linked {
  std::string module;
  std::string warnings;
};

Result<Linked> link_once(const Build& build, const std::vector<Unit>& own, bool initialize, const fs::path& module) {
  Command command{build.tools.linker,
                  {"--no-entry", "--gc-sections", "--stack-first", "-z", "stack-size=" + std::string(kStackBytes)}};
  for (const Unit& unit : own) command.arguments.push_back(unit.object.string());
  command.arguments.push_back(build.bindings.type_object.string());
  // Taken like members of an archive: those that something refers to.
  command.arguments.push_back("--start-lib");
  for (const Unit& unit : sdk_units(build)) command.arguments.push_back(unit.object.string());
  command.arguments.push_back("--end-lib");
  if (initialize) command.arguments.push_back("--undefined=theater_initialize");
  command.arguments.insert(command.arguments.end(), {"-o", module.string()});
  Result<std::vector<CommandResult>> results = run(std::array{command}, 1);
  if (!results) return fail(std::move(results.error()));
  CommandResult& result = results->front();
  if (result.status != 0) {
    std::string message = "linking failed:\n" + result.output;
    if (result.output.contains("undefined symbol")) {
      message += "There is no C or C++ library in an actor beyond the SDK's stdlib.h, string.h and theater.hpp";
    }
    return fail(ErrorCode::kInvalidArgument, std::move(message));
  }
  Result<std::string> linked = read_text(module);
  if (!linked) return fail(std::move(linked.error()));
  return Linked{std::move(*linked), std::move(result.output)};
}

Result<Linked> link(const Build& build, const std::vector<Unit>& own, const fs::path& module) {
  Result<Linked> linked = link_once(build, own, false, module);
  // The linker would run global constructors before and destructors after each export; they belong to the start.
  if (linked && linked->module.contains(".command_export")) return link_once(build, own, true, module);
  return linked;
}

std::string function_name(const engine::FunctionType& function) {
  return function.interface.empty() ? function.function : function.interface + "." + function.function;
}

Result<void> describe(const std::string& component, BuiltComponent& built) {
  Result<std::unique_ptr<engine::Engine>> engine =
      engine::Engine::create({.allocation = engine::Allocation::kOnDemand,
                              .instances = 1,
                              // A component is small: starting threads would take longer than they save.
                              .parallel_compilation = false});
  if (!engine) return fail(std::move(engine.error()));
  const auto compiled = engine::Component::compile(**engine, as_bytes(component));
  if (!compiled) return fail(compiled.error());
  for (const engine::FunctionType& function : (*compiled)->imports()) built.imports.push_back(function_name(function));
  for (const engine::FunctionType& function : (*compiled)->exports()) built.exports.push_back(function_name(function));
  return {};
}

/// What a component was made of: when it is the same again, the component is as well.
Result<std::string> link_key(const Build& build, const std::vector<Unit>& units) {
  std::string key =
      std::string(engine::version()) + "\n" + build.tools.linker.string() + "\n" + std::string(kStackBytes) + "\n";
  std::vector<fs::path> objects = {build.bindings.type_object};
  for (const Unit& unit : units) objects.push_back(unit.object);
  for (const fs::path& object : objects) {
    const Result<std::string> content = read_text(object);
    if (!content) return fail(content.error());
    key += object.string() + " " + to_hex(sha256(as_bytes(*content))) + "\n";
  }
  return key;
}

Result<BuiltComponent> build_target(const Build& build, const Target& target) {
  std::vector<Unit> own;
  for (const fs::path& source : target.sources) own.push_back(user_unit(build, source));
  if (!build.bindings.source.empty()) own.push_back(user_unit(build, build.bindings.source));
  std::vector<Unit> units = own;
  for (Unit& unit : sdk_units(build)) units.push_back(std::move(unit));

  BuiltComponent built{.name = target.name, .path = target.output, .imports = {}, .exports = {}, .warnings = {}};
  build.say("compiling " + target.name +
            (own.size() == 1 ? " (1 source)" : " (" + std::to_string(own.size()) + " sources)"));
  Result<Compiled> compiled = compile(build.tools.clang, units, build.parallel);
  if (!compiled) return fail(std::move(compiled.error()));
  built.compiled = compiled->compiled;
  built.reused = static_cast<unsigned>(units.size()) - compiled->compiled;
  built.warnings = std::move(compiled->warnings);

  const fs::path module = build.project.build_directory / "objects" / (target.output.stem().string() + ".core.wasm");
  fs::path key_file = module;
  key_file += ".key";
  Result<std::string> key = link_key(build, units);
  if (!key) return fail(std::move(key.error()));
  const Result<std::string> present_key = read_text(key_file);
  Result<std::string> present = read_text(target.output);
  built.unchanged = present && present_key && *present_key == *key + to_hex(sha256(as_bytes(*present)));
  if (!built.unchanged) {
    build.say("linking " + target.name);
    Result<Linked> linked = link(build, own, module);
    if (!linked) return fail(std::move(linked.error()));
    built.warnings += linked->warnings;
    Result<Bytes> component = engine::componentize(as_bytes(linked->module));
    if (!component) return fail(std::move(component.error()).with_context("making a component of " + target.name));
    present = std::string(as_text(*component));
    Result<void> written = write_file(target.output, *present);
    if (written) written = write_file(key_file, *key + to_hex(sha256(as_bytes(*present))));
    if (!written) return fail(std::move(written.error()));
  }
  built.bytes = present->size();
  if (Result<void> described = describe(*present, built); !described) {
    return fail(std::move(described.error()).with_context("checking " + target.output.string()));
  }
  return built;
}

}  // namespace

Result<BuildReport> build(const BuildOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  Result<Project> project = find_project(options);
  if (!project) return fail(std::move(project.error()));
  Result<Tools> tools = find_tools(options.clang, options.linker);
  if (!tools) return fail(std::move(tools.error()));
  std::error_code unusable;
  Result<fs::path> sdk = options.sdk.empty() ? find_sdk() : fs::weakly_canonical(options.sdk, unusable);
  if (!sdk) return fail(std::move(sdk.error()));

  Build build{options, std::move(*project), std::move(*tools), std::move(*sdk), {}, options.parallel};
  if (build.parallel == 0) build.parallel = std::max(1u, std::thread::hardware_concurrency());
  if (options.clean) {
    std::error_code ignored;
    for (const char* folder : {"bindings", "objects", "wit", "wit-own"}) {
      fs::remove_all(build.project.build_directory / folder, ignored);
    }
  }
  Result<Bindings> bindings = make_bindings(build.sdk, build.project.wit, options.world, build.project.build_directory);
  if (!bindings) return fail(std::move(bindings.error()));
  build.bindings = std::move(*bindings);

  BuildReport report;
  for (const Target& target : build.project.targets) {
    Result<BuiltComponent> built = build_target(build, target);
    if (!built) return fail(std::move(built.error()));
    report.components.push_back(std::move(*built));
  }
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace theater::toolchain
