#include "replay/component_shelf.h"

#include "base/limits.h"
#include "base/sha256.h"
#include "chain/link_codec.h"

namespace theater::replay {
namespace {

/// One instance lives at a time. Everything else is as in a runtime, so that the code is the same.
constexpr std::uint32_t kInstances = 8;

}  // namespace

std::set<Digest> named_components(const ChainSource& source) {
  std::set<Digest> named;
  auto links = source.links(0);
  while (links) {
    const auto link = (*links)->next();
    if (!link || !*link) break;
    chain::LinkDecoder decoder((*link)->bytes);
    chain::EventView event;
    while (decoder.next(event)) {
      const auto* started = std::get_if<chain::StartedView>(&event.body);
      if (started == nullptr) continue;
      Digest digest{};
      std::ranges::copy(started->component, digest.begin());
      named.insert(digest);
    }
  }
  return named;
}

ComponentShelf::ComponentShelf(const ReplayOptions& options, te_host_fn host, std::unique_ptr<engine::Engine> engine)
    : host_(host), engine_(std::move(engine)), replaces_all_(options.replace_all) {
  for (const Bytes& component : options.components) given_.emplace(sha256(component), component);
}

Result<std::unique_ptr<ComponentShelf>> ComponentShelf::make(const ReplayOptions& options, te_host_fn host) {
  engine::EngineOptions engine_options;
  engine_options.instances = kInstances;
  engine_options.stacks = kInstances;
  auto engine = engine::Engine::create(engine_options);
  if (!engine) return fail(std::move(engine.error()));
  std::unique_ptr<ComponentShelf> shelf(new ComponentShelf(options, host, std::move(*engine)));
  if (options.code_cache) {
    // Without it components are compiled anew.
    if (auto cache = engine::CodeCache::open(*options.code_cache, limits::kCodeCacheBytes)) {
      shelf->cache_ = std::move(*cache);
    }
  }
  return shelf;
}

Result<void> ComponentShelf::find_stand_in(const ChainSource& source) {
  if (stand_in_sought_ || given_.empty()) return {};
  stand_in_sought_ = true;
  if (replaces_all_) {
    stand_in_ = given_.begin()->first;
    return {};
  }
  const std::set<Digest> named = named_components(source);
  for (const auto& [digest, bytes] : given_) {
    if (!named.contains(digest)) unnamed_.push_back(digest);
  }
  if (unnamed_.size() < given_.size()) return {};
  if (unnamed_.size() > 1) {
    return fail(
        ErrorCode::kInvalidArgument,
        "the chain names none of the components given; one such could take the place of all that it names, not " +
            std::to_string(unnamed_.size()));
  }
  stand_in_ = unnamed_.front();
  unnamed_.clear();
  return {};
}

Result<ComponentShelf::Found> ComponentShelf::get(const Digest& digest, const ChainSource& source) {
  // The usual case needs no look at the whole chain.
  if (replaces_all_ || given_.size() != 1 || !given_.contains(digest)) {
    if (auto sought = find_stand_in(source); !sought) return fail(std::move(sought.error()));
  }
  const Digest wanted = stand_in_.value_or(digest);
  Found found{.linked = nullptr, .is_recorded = wanted == digest};
  if (const auto known = linked_.find(wanted); known != linked_.end()) {
    found.linked = known->second;
    return found;
  }
  std::optional<Bytes> kept;
  ByteView bytes;
  if (const auto given = given_.find(wanted); given != given_.end()) {
    bytes = given->second;
  } else if (kept = source.component(wanted); kept) {
    bytes = *kept;
  } else {
    return fail(ErrorCode::kNotFound, "the component with the SHA-256 " + to_hex(wanted) + " is needed and " +
                                          source.name() + " does not hold it: name its file");
  }
  auto linked = link(bytes);
  if (!linked) return fail(std::move(linked.error()));
  linked_[wanted] = *linked;
  found.linked = std::move(*linked);
  return found;
}

Result<std::shared_ptr<const engine::LinkedComponent>> ComponentShelf::link(ByteView bytes) {
  std::shared_ptr<const engine::Component> component;
  if (cache_) {
    auto found = cache_->get(*engine_, bytes);
    if (!found) return fail(std::move(found.error()));
    component = std::move(found->component);
  } else {
    auto compiled = engine::Component::compile(*engine_, bytes);
    if (!compiled) return fail(std::move(compiled.error()));
    component = std::move(*compiled);
  }
  // Nothing waits: what the recorded host calls came to is known. The compiled code is the same either way.
  const std::vector<std::uint32_t> flags(component->imports().size(), 0);
  return engine::LinkedComponent::link(std::move(component), host_, flags);
}

}  // namespace theater::replay
