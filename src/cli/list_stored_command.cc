#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "chain/event_stream.h"
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/paths.h"
#include "cli/remote.h"
#include "replay/source.h"

namespace theater::cli {
namespace {

using nlohmann::ordered_json;
namespace fs = std::filesystem;

/// A folder with more is listed as far as this.
constexpr std::size_t kFilesMax = 100'000;

class Listing {
 public:
  explicit Listing(Context& context) : context_(context) {}

  /// All in a data directory, or the chain files and bundles of a folder. What cannot be read is told, and not the end.
  Result<void> list(const fs::path& folder) {
    std::error_code error;
    if (!fs::is_directory(folder, error)) {
      return fail(ErrorCode::kNotFound, "there is no folder " + folder.string() + "; --chains-dir names another");
    }
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
      const fs::path extension = entry.path().extension();
      if (extension == ".chain" || extension == ".bundle") files.push_back(entry.path());
      if (files.size() == kFilesMax) break;
    }
    if (error) return fail(ErrorCode::kIo, "cannot read " + folder.string() + ": " + error.message());
    // A folder with neither may be a data directory, or empty.
    if (files.empty() && !fs::is_empty(folder, error)) return list_source(folder);
    std::ranges::sort(files);
    for (const fs::path& file : files) {
      if (auto listed = list_source(file); !listed) {
        context_.exit_code = kExitFailed;
        tell_error(context_, "list-stored", listed.error());
      }
    }
    end();
    return {};
  }

 private:
  Result<void> list_source(const fs::path& source) {
    auto chains = replay::Chains::open(source, "");
    if (!chains) return fail(std::move(chains.error()));
    for (std::size_t place = 0; place < chains->size(); ++place) {
      store::StoredActor actor = chains->actor(place);
      if (actor.name.empty()) {
        const auto chain = chains->take(place);
        if (!chain) return fail(chain.error());
        actor.name = name_in(**chain);
      }
      show(actor, source.string());
    }
    return {};
  }

  /// That its first start gave it; empty when that is not kept.
  static std::string name_in(const ChainSource& chain) {
    const auto first = find_event(chain, chain.first_sequence());
    return first ? first->event.name : std::string();
  }

  void show(const store::StoredActor& stored, const std::string& source) {
    ++shown_;
    if (context_.json) {
      return context_.output.line(one_line(
          {{"id", to_string(stored.id)}, {"name", stored.name}, {"events", stored.next_sequence}, {"source", source}}));
    }
    context_.output.line(to_string(stored.id) + "  " + grouped(stored.next_sequence) + " events  " +
                         printable(as_bytes(stored.name), 100) + "  " + context_.output.dim(source));
  }
  void end() {
    if (shown_ == 0 && !context_.json) context_.output.line("no chains");
  }

  Context& context_;
  std::size_t shown_ = 0;
};

}  // namespace

void add_list_stored_command(CLI::App& app, Context& context) {
  auto folder = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("list-stored", "List the actors whose chains are kept in a folder");
  command
      ->add_option("--chains-dir", *folder,
                   "A folder of chain files and bundles, or a data directory (default: $THEATER_HOME/chains)")
      ->type_name("DIR");
  command->footer("Exit codes: 0 listed; 1 there is no such folder, or one of its files cannot be read.");
  command->callback([folder, &context] {
    const fs::path chosen = folder->empty() ? chains_directory() : fs::path(*folder);
    const auto listed = Listing(context).list(chosen);
    if (listed) return;
    context.exit_code = kExitFailed;
    tell_error(context, "list-stored", listed.error());
  });
}

}  // namespace theater::cli
