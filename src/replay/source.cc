#include "replay/source.h"

#include <algorithm>

#include "chain/bundle.h"
#include "chain/forwarding_chain_source.h"

namespace theater::replay {
namespace {

/// Actors listed in an error at most.
constexpr std::size_t kActorsShown = 20;

std::string listed(const std::vector<store::StoredActor>& actors) {
  std::string text;
  for (std::size_t i = 0; i < actors.size() && i < kActorsShown; ++i) {
    const std::uint64_t events = actors[i].next_sequence - actors[i].first_sequence;
    text += "\n  " + to_string(actors[i].id) + "  " + printable(as_bytes(actors[i].name), 100) + "  " +
            std::to_string(events) + (events == 1 ? " event" : " events");
  }
  if (actors.size() > kActorsShown) text += "\n  … " + std::to_string(actors.size() - kActorsShown) + " more";
  return text;
}

}  // namespace

Result<Chains> Chains::open(const std::filesystem::path& path, std::string_view actor) {
  Chains chains;
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) {
    auto chain = is_bundle(path.string()) ? open_bundle(path.string()) : open_chain_file(path.string());
    if (!chain) return fail(std::move(chain.error()));
    if (!actor.empty() && to_string((*chain)->actor()) != actor) {
      return fail(ErrorCode::kNotFound, path.string() + " holds the chain of " + to_string((*chain)->actor()) +
                                            ", not of " + std::string(actor));
    }
    chains.places_.push_back({.id = (*chain)->actor(),
                              .first_sequence = (*chain)->first_sequence(),
                              .next_sequence = (*chain)->next_sequence()});
    chains.file_ = std::move(*chain);
    return chains;
  }
  auto directory = store::DataDirectory::open(path, store::DataDirectory::Access::kRead);
  if (!directory) return fail(std::move(directory.error()));
  auto actors = (*directory)->actors();
  if (!actors) return fail(std::move(actors.error()));
  if (actors->empty()) return fail(ErrorCode::kNotFound, path.string() + " holds no chain");
  for (const store::StoredActor& each : *actors) {
    const bool is_id = to_string(each.id) == actor;
    if (is_id) chains.places_.clear();
    if (is_id || actor.empty() || each.name == actor) chains.places_.push_back(each);
    if (is_id) break;
  }
  if (chains.places_.empty()) {
    return fail(ErrorCode::kNotFound,
                path.string() + " holds no chain of " + std::string(actor) + "; there are those of" + listed(*actors));
  }
  chains.directory_ = std::move(*directory);
  if (!actor.empty() && chains.size() > 1) return fail(chains.several());
  return chains;
}

std::uint64_t Chains::events_until(std::uint64_t sequence) const {
  std::uint64_t events = 0;
  for (const store::StoredActor& actor : places_) {
    const std::uint64_t end = sequence < actor.next_sequence ? sequence + 1 : actor.next_sequence;
    events += end - std::min(end, actor.first_sequence);
  }
  return events;
}

Result<std::unique_ptr<ChainSource>> Chains::take(std::size_t place) {
  if (file_) return std::move(file_);
  auto chain = directory_->chain(places_[place].id);
  if (!chain) return fail(std::move(chain.error()));
  return std::make_unique<ForwardingChainSource>(std::move(*chain), directory_);
}

Error Chains::several() const {
  return {ErrorCode::kInvalidArgument,
          "there are several actors, name one by its id or name (--actor):" + listed(places_)};
}

Result<std::unique_ptr<ChainSource>> open_source(const std::filesystem::path& path, std::string_view actor) {
  auto chains = Chains::open(path, actor);
  if (!chains) return fail(std::move(chains.error()));
  if (chains->size() > 1) return fail(chains->several());
  return chains->take(0);
}

}  // namespace theater::replay
