#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/sha256.h"
#include "theater/bytes.h"

/// The Merkle tree of an append-only log, as RFC 6962, section 2.1 has it (RFC 9162, section 2.1 for how proofs are
/// verified). Any thread.
namespace theater::merkle {

/// A proof never has more hashes: trees have fewer than 2^64 leaves.
inline constexpr std::size_t kProofHashesMax = 64;

Digest leaf_hash(ByteView entry);
Digest node_hash(const Digest& left, const Digest& right);

/// A tree that only grows, kept as the roots of its full subtrees: at most 64 hashes, however large it is. One thread
/// at a time.
class GrowingTree {
 public:
  void append(const Digest& leaf);
  std::uint64_t size() const { return size_; }
  /// Of the empty tree: SHA-256 of nothing.
  Digest root() const;

 private:
  std::uint64_t size_ = 0;
  /// One for each bit that is set in the size, the largest subtree first.
  std::vector<Digest> peaks_;
};

/// The root over all of the leaves.
Digest root_of(std::span<const Digest> leaves);

/// That leaf `index` is in the tree over all of the leaves: the hashes beside its way up, lowest first. `index` must be
/// that of a leaf.
std::vector<Digest> prove_inclusion(std::span<const Digest> leaves, std::uint64_t index);
bool verify_inclusion(const Digest& leaf, std::uint64_t index, std::uint64_t size, std::span<const Digest> proof,
                      const Digest& root);

/// That the tree over all of the leaves begins with the tree over the first `old_size` of them, which are at least one.
/// Empty when both are the same.
std::vector<Digest> prove_consistency(std::span<const Digest> leaves, std::uint64_t old_size);
/// Every tree is consistent with the empty one, without a proof.
bool verify_consistency(std::uint64_t old_size, const Digest& old_root, std::uint64_t size, const Digest& root,
                        std::span<const Digest> proof);

}  // namespace theater::merkle
