#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "chain/chain_source.h"
#include "engine/code_cache.h"
#include "engine/engine.h"
#include "engine/linked_component.h"
#include "theater/replay.h"

namespace theater::replay {

/// The components that the chain's started events name.
std::set<Digest> named_components(const ChainSource& source);

/// Finds and compiles the components that a chain names. One thread at a time.
class ComponentShelf {
 public:
  /// `host`: what the components' imports are bound to; its context is that of their instances. The options are
  /// borrowed for the shelf's life.
  static Result<std::unique_ptr<ComponentShelf>> make(const ReplayOptions& options, te_host_fn host);

  struct Found {
    std::shared_ptr<const engine::LinkedComponent> linked;
    /// It is the one that was asked for, and not another that stands in for it.
    bool is_recorded = false;
  };
  /// The component with this digest: one of the options', or else the source's. When the options have only one, and no
  /// started event of the chain names it, it stands in for all. kNotFound with what to do about it, kInvalidArgument
  /// when several could stand in.
  Result<Found> get(const Digest& digest, const ChainSource& source);
  /// Those of the options that were of no use: the chain names others of them.
  const std::vector<Digest>& unnamed() const { return unnamed_; }

 private:
  ComponentShelf(const ReplayOptions& options, te_host_fn host, std::unique_ptr<engine::Engine> engine);
  Result<std::shared_ptr<const engine::LinkedComponent>> link(ByteView bytes);
  Result<void> find_stand_in(const ChainSource& source);

  te_host_fn host_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<engine::CodeCache> cache_;
  /// Those given, by digest.
  std::map<Digest, ByteView> given_;
  const bool replaces_all_;
  bool stand_in_sought_ = false;
  std::optional<Digest> stand_in_;
  std::vector<Digest> unnamed_;
  std::map<Digest, std::shared_ptr<const engine::LinkedComponent>> linked_;
};

}  // namespace theater::replay
