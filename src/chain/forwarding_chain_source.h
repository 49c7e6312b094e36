#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "chain/chain_source.h"

namespace theater {

/// Another source together with what it is read from; a class made from it may know more beside the chain.
class ForwardingChainSource : public ChainSource {
 public:
  /// `owner`: kept as long as the chain.
  ForwardingChainSource(std::unique_ptr<ChainSource> chain, std::shared_ptr<const void> owner)
      : owner_(std::move(owner)), chain_(std::move(chain)) {}

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
  // Goes after the chain.
  const std::shared_ptr<const void> owner_;
  const std::unique_ptr<ChainSource> chain_;
};

}  // namespace theater
