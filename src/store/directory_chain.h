#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "chain/chain_source.h"
#include "store/data_directory.h"

namespace theater::store {

/// One actor's chain in a data directory, which must outlive it. Where the chain is broken its links end with that
/// error; a link whose content was changed is handed out, for the verifier to judge.
class DirectoryChain final : public ChainSource {
 public:
  DirectoryChain(const DataDirectory& directory, ActorId actor, std::vector<ChainPlace> places,
                 std::optional<Damage> broken, std::uint64_t removed_before);
  ~DirectoryChain() override;

  const std::string& name() const override { return name_; }
  const ActorId& actor() const override { return actor_; }
  std::uint64_t first_sequence() const override;
  std::uint64_t next_sequence() const override;
  Result<std::unique_ptr<Links>> links(std::uint64_t from_sequence) const override;
  std::optional<Bytes> find(const Digest& digest) const override;
  std::optional<Bytes> component(const Digest& digest) const override;
  std::optional<std::string> manifest(const Digest& digest) const override;

 private:
  class PlacedLinks;
  /// Where a link lies. Noted for every so many links: from there on reading finds the others.
  struct Landmark {
    std::uint64_t first_sequence = 0;
    std::uint64_t offset = 0;
  };
  std::optional<Bytes> payload_in(std::uint64_t segment, const Digest& digest) const;

  const DataDirectory& directory_;
  const ActorId actor_;
  const std::string name_;
  const std::vector<ChainPlace> places_;
  const std::optional<Damage> broken_;
  const std::uint64_t removed_before_;
  /// By place, in order.
  mutable std::vector<std::vector<Landmark>> landmarks_;
  /// The place that was read last: large values are looked for there first.
  mutable std::size_t last_place_ = 0;
  /// Those looked into last, the latest first.
  mutable std::deque<DataDirectory::SegmentPayloads> payloads_;
};

}  // namespace theater::store
