#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "chain/chain_source.h"
#include "store/data_directory.h"
#include "theater/error.h"

namespace theater::replay {

/// The chains at a path: the one of a chain file or a bundle, those of all actors of a data directory, by id. One
/// thread at a time.
class Chains {
 public:
  /// `actor`: only this one, by id or name; empty for all. kNotFound; kInvalidArgument lists those to choose from when
  /// several have the name.
  static Result<Chains> open(const std::filesystem::path& path, std::string_view actor);

  std::size_t size() const { return places_.size(); }
  /// Without a name when it comes from a file.
  const store::StoredActor& actor(std::size_t place) const { return places_[place]; }
  /// That all of them hold, of each up to this event.
  std::uint64_t events_until(std::uint64_t sequence) const;
  /// The chain at a place; once each. May outlive this.
  Result<std::unique_ptr<ChainSource>> take(std::size_t place);
  /// That one is to be chosen, with those to choose from.
  Error several() const;

 private:
  Chains() = default;

  std::vector<store::StoredActor> places_;
  /// One of the two.
  std::shared_ptr<store::DataDirectory> directory_;
  std::unique_ptr<ChainSource> file_;
};

/// The only one of them. kInvalidArgument when there are several.
Result<std::unique_ptr<ChainSource>> open_source(const std::filesystem::path& path, std::string_view actor);

}  // namespace theater::replay
