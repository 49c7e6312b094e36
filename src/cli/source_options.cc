#include "cli/source_options.h"

#include <filesystem>

#include "base/limits.h"
#include "base/sha256.h"
#include "cli/files.h"
#include "cli/paths.h"
#include "replay/component_shelf.h"
#include "replay/source.h"
#include "theater/manifest.h"

namespace theater::cli {
namespace {

Result<void> read_components(const SourceOptions& options, ReplayOptions& replay) {
  for (const std::string& path : options.components) {
    const auto content = read_file(path, limits::kComponentBytes);
    if (!content) return fail(content.error());
    replay.components.push_back(to_bytes(*content));
  }
  return {};
}

std::filesystem::path manifest_file(const SourceOptions& options) {
  const std::filesystem::path given = options.manifest;
  std::error_code error;
  return std::filesystem::is_directory(given, error) ? given / "manifest.toml" : given;
}

/// What the manifest names, if it is a file that is still what it was.
void take_component_of(const std::filesystem::path& manifest, const ChainSource& chain, ReplayOptions& replay) {
  const auto loaded = load_manifest(manifest);
  if (!loaded) return;
  const auto* file = std::get_if<FileReference>(&loaded->component_reference);
  if (file == nullptr) return;
  const auto content = read_file(file->path.string(), limits::kComponentBytes);
  if (!content || !replay::named_components(chain).contains(sha256(as_bytes(*content)))) return;
  replay.components.push_back(to_bytes(*content));
}

}  // namespace

void add_source_options(CLI::App& command, SourceOptions& options) {
  command
      .add_option("source", options.source,
                  "A chain file, a bundle, or a data directory; of a server: the actor's id or name")
      ->required()
      ->type_name("SOURCE");
  command.add_option("--actor", options.actor, "Which actor of a data directory, by id or name")->type_name("ACTOR");
  command
      .add_option("--component", options.components,
                  "A component that SOURCE does not hold, may be repeated; or one that the chain does not name, which "
                  "takes the place of all that it names")
      ->type_name("FILE")
      ->allow_extra_args(false);
  command
      .add_option("--manifest", options.manifest,
                  "The manifest, or its folder, where SOURCE does not hold it: its limits, and its component")
      ->type_name("FILE");
}

Result<ReplayOptions> replay_options(const SourceOptions& options) {
  ReplayOptions replay;
  replay.code_cache = code_cache_directory();
  if (auto read = read_components(options, replay); !read) return fail(std::move(read.error()));
  if (options.manifest.empty()) return replay;
  auto text = read_file(manifest_file(options).string(), limits::kManifestBytes);
  if (!text) return fail(std::move(text.error()));
  replay.manifest = std::move(*text);
  return replay;
}

Result<OpenedSource> open_source(const SourceOptions& options) {
  auto chain = replay::open_source(options.source, options.actor);
  if (!chain) return fail(std::move(chain.error()));
  auto replay = replay_options(options);
  if (!replay) return fail(std::move(replay.error()));
  if (replay->manifest && replay->components.empty()) take_component_of(manifest_file(options), **chain, *replay);
  return OpenedSource{.chain = std::move(*chain), .options = std::move(*replay)};
}

}  // namespace theater::cli
