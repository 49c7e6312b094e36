#include "replay/source.h"

#include <vector>

#include "chain/bundle.h"
#include "store/data_directory.h"

namespace theater::replay {
namespace {

/// Actors listed in an error at most.
constexpr std::size_t kActorsShown = 20;

/// A chain together with the directory that it is read from.
class OwnedChain final : public ChainSource {
 public:
  OwnedChain(std::unique_ptr<store::DataDirectory> directory, std::unique_ptr<ChainSource> chain)
      : directory_(std::move(directory)), chain_(std::move(chain)) {}

  const std::string& name() const override { return chain_->name(); }
  const ActorId& actor() const override { return chain_->actor(); }
  std::uint64_t first_sequence() const override { return chain_->first_sequence(); }
  std::uint64_t next_sequence() const override { return chain_->next_sequence(); }
  Result<std::unique_ptr<Links>> links(std::uint64_t from_sequence) const override {
    return chain_->links(from_sequence);
  }
  std::optional<Bytes> find(const Digest& digest) const override { return chain_->find(digest); }
  std::optional<Bytes> component(const Digest& digest) const override { return chain_->component(digest); }
  std::optional<std::string> manifest(const Digest& digest) const override { return chain_->manifest(digest); }

 private:
  std::unique_ptr<store::DataDirectory> directory_;
  std::unique_ptr<ChainSource> chain_;
};

std::string listed(const std::vector<store::StoredActor>& actors) {
  std::string text;
  for (std::size_t i = 0; i < actors.size() && i < kActorsShown; ++i) {
    text += "\n  " + to_string(actors[i].id) + "  " + printable(as_bytes(actors[i].name), 100);
  }
  if (actors.size() > kActorsShown) text += "\n  … " + std::to_string(actors.size() - kActorsShown) + " more";
  return text;
}

Result<ActorId> choose(const store::DataDirectory& directory, std::string_view wanted) {
  const auto actors = directory.actors();
  if (!actors) return fail(actors.error());
  std::vector<store::StoredActor> fitting;
  for (const store::StoredActor& actor : *actors) {
    if (to_string(actor.id) == wanted) return actor.id;
    if (wanted.empty() || actor.name == wanted) fitting.push_back(actor);
  }
  if (fitting.size() == 1) return fitting.front().id;
  if (fitting.empty()) {
    if (actors->empty()) return fail(ErrorCode::kNotFound, directory.path().string() + " holds no chain");
    return fail(ErrorCode::kNotFound, directory.path().string() + " holds no chain of " + std::string(wanted) +
                                          "; there are those of" + listed(*actors));
  }
  return fail(ErrorCode::kInvalidArgument,
              "there are several actors, name one by its id or name (--actor):" + listed(fitting));
}

Result<std::unique_ptr<ChainSource>> open_directory(const std::filesystem::path& path, std::string_view actor) {
  auto directory = store::DataDirectory::open(path, store::DataDirectory::Access::kRead);
  if (!directory) return fail(std::move(directory.error()));
  const auto chosen = choose(**directory, actor);
  if (!chosen) return fail(chosen.error());
  auto chain = (*directory)->chain(*chosen);
  if (!chain) return fail(std::move(chain.error()));
  return std::make_unique<OwnedChain>(std::move(*directory), std::move(*chain));
}

}  // namespace

Result<std::unique_ptr<ChainSource>> open_source(const std::filesystem::path& path, std::string_view actor) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return open_directory(path, actor);
  auto chain = is_bundle(path.string()) ? open_bundle(path.string()) : open_chain_file(path.string());
  if (chain && !actor.empty() && to_string((*chain)->actor()) != actor) {
    return fail(ErrorCode::kNotFound, path.string() + " holds the chain of " + to_string((*chain)->actor()) +
                                          ", not of " + std::string(actor));
  }
  return chain;
}

}  // namespace theater::replay
