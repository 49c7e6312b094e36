#include "api/recording.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <thread>

#include "base/limits.h"
#include "base/sha256.h"
#include "chain/bundle.h"
#include "chain/event_stream.h"
#include "chain/forwarding_chain_source.h"
#include "manifest/json_forms.h"
#include "replay/source.h"
#include "store/head_proofs.h"

namespace theater::api {
namespace {

/// How long what was recorded may take into the data directory, where it is written by groups.
constexpr std::chrono::milliseconds kWrittenTime{500};
constexpr std::chrono::milliseconds kWrittenPace{2};

/// A chain's source that looks for components and manifests elsewhere, too.
class WithContent final : public ForwardingChainSource {
 public:
  /// Each of the two may be missing.
  WithContent(std::unique_ptr<ChainSource> chain, std::unique_ptr<ChainSource> stored, std::optional<Manifest> manifest)
      : ForwardingChainSource(std::move(chain), nullptr), stored_(std::move(stored)), manifest_(std::move(manifest)) {}

  std::optional<Bytes> component(const Digest& digest) const override {
    auto found = ForwardingChainSource::component(digest);
    if (!found && stored_) found = stored_->component(digest);
    return found ? std::move(found) : component_file(digest);
  }
  std::optional<std::string> manifest(const Digest& digest) const override {
    auto found = ForwardingChainSource::manifest(digest);
    return found || !stored_ ? std::move(found) : stored_->manifest(digest);
  }

 private:
  /// The file that the manifest names, if it is still what it was.
  std::optional<Bytes> component_file(const Digest& digest) const {
    const auto* named = manifest_ ? std::get_if<FileReference>(&manifest_->component_reference) : nullptr;
    std::error_code error;
    if (named == nullptr || std::filesystem::file_size(named->path, error) > limits::kComponentBytes || error) {
      return std::nullopt;
    }
    std::ifstream file(named->path, std::ios::binary);
    const std::string content((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    if (sha256(as_bytes(content)) != digest) return std::nullopt;
    return to_bytes(content);
  }

  const std::unique_ptr<ChainSource> stored_;
  const std::optional<Manifest> manifest_;
};

/// The chain in the data directory, with all events before `next_sequence`; none when they do not come there.
std::unique_ptr<ChainSource> find_stored(const std::filesystem::path& directory, const ActorId& id,
                                         std::uint64_t next_sequence) {
  const auto give_up = std::chrono::steady_clock::now() + kWrittenTime;
  while (true) {
    auto source = replay::open_source(directory, to_string(id));
    if (!source) return nullptr;
    if ((*source)->next_sequence() >= next_sequence) return std::move(*source);
    if (std::chrono::steady_clock::now() > give_up) return nullptr;
    std::this_thread::sleep_for(kWrittenPace);
  }
}

}  // namespace

Result<std::string> grants_of(const ChainSource& chain, std::span<const std::string> manifests) {
  if (chain.next_sequence() == 0) return std::string();
  const auto last = find_event(chain, chain.next_sequence() - 1);
  if (!last || !last->manifest) return std::string();
  const auto given = std::ranges::find_if(
      manifests, [&](const std::string& text) { return sha256(as_bytes(text)) == *last->manifest; });
  const auto text = given != manifests.end() ? std::optional(*given) : chain.manifest(*last->manifest);
  if (!text) return std::string();
  ParseOptions options;
  // Only so that paths may stand in it; nothing is opened.
  options.base_directory = ".";
  const auto manifest = parse_manifest(*text, options);
  if (!manifest) return fail(manifest.error());
  return grants_json(*manifest).dump(2) + "\n";
}

Result<std::unique_ptr<PrivateFolder>> PrivateFolder::make() {
  std::error_code error;
  std::string folder = (std::filesystem::temp_directory_path(error) / "theater-XXXXXX").string();
  if (error) return fail(ErrorCode::kIo, "there is no folder for temporary files: " + error.message());
  if (mkdtemp(folder.data()) == nullptr) {
    return fail(ErrorCode::kIo, "cannot make the folder " + folder + ": " + std::strerror(errno));
  }
  return std::unique_ptr<PrivateFolder>(new PrivateFolder(folder));
}

PrivateFolder::~PrivateFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Result<std::shared_ptr<const Recording>> Recording::make(const Runtime& runtime,
                                                         const std::optional<std::filesystem::path>& data_directory,
                                                         const ActorId& id) {
  auto folder = PrivateFolder::make();
  if (!folder) return fail(std::move(folder.error()));
  std::shared_ptr<Recording> recording(new Recording(std::move(*folder)));
  BundleExtras extras;
  if (data_directory) {
    // Before the chain, which may only be ahead of what the proof knows of. That there is none yet is no error.
    const auto log = store::SignedLog::read(store::posix_file_system(), *data_directory);
    if (log) {
      if (auto proof = log->prove_head(id)) extras.proofs.push_back(std::move(*proof));
    }
  }
  const auto info = runtime.info(id);
  std::unique_ptr<ChainSource> stored;
  if (data_directory) stored = find_stored(*data_directory, id, info ? info->events : 0);
  if (!stored) {
    const std::filesystem::path file = recording->folder_->path() / "actor.chain";
    if (auto saved = runtime.save_chain(id, file); !saved) return fail(std::move(saved.error()));
    auto chain = open_chain_file(file.string());
    if (!chain) return fail(std::move(chain.error()));
    stored = std::move(*chain);
  }
  std::unique_ptr<ChainSource> content;
  if (data_directory) {
    if (auto opened = replay::open_source(*data_directory, to_string(id))) content = std::move(*opened);
  }
  auto manifest = runtime.manifest(id);
  const WithContent source(std::move(stored), std::move(content),
                           manifest ? std::optional(std::move(*manifest)) : std::nullopt);
  // A bundle without them is one all the same.
  extras.permissions = grants_of(source).value_or("");
  auto written = write_bundle(recording->file().string(), source, extras);
  if (!written) return fail(std::move(written.error()));
  return recording;
}

}  // namespace theater::api
