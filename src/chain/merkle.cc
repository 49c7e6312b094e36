#include "chain/merkle.h"

#include <bit>
#include <cstring>

#include "base/check.h"

namespace theater::merkle {
namespace {

/// Where a tree of more than one leaf is divided: the largest power of two below its size.
std::uint64_t split(std::uint64_t size) { return std::bit_floor(size - 1); }

/// The hash over [0, old_size) is known to the verifier while `is_known`: only then may it be left out of the proof.
void add_consistency(std::span<const Digest> leaves, std::uint64_t old_size, bool is_known,
                     std::vector<Digest>& proof) {
  if (old_size == leaves.size()) {
    if (!is_known) proof.push_back(root_of(leaves));
    return;
  }
  const std::uint64_t left = split(leaves.size());
  if (old_size <= left) {
    add_consistency(leaves.first(left), old_size, is_known, proof);
    proof.push_back(root_of(leaves.subspan(left)));
  } else {
    add_consistency(leaves.subspan(left), old_size - left, false, proof);
    proof.push_back(root_of(leaves.first(left)));
  }
}

}  // namespace

Digest leaf_hash(ByteView entry) {
  constexpr std::uint8_t kPrefix = 0;
  return sha256({&kPrefix, 1}, entry);
}

Digest node_hash(const Digest& left, const Digest& right) {
  std::uint8_t bytes[1 + 2 * sizeof(Digest)];
  bytes[0] = 1;
  std::memcpy(bytes + 1, left.data(), sizeof(Digest));
  std::memcpy(bytes + 1 + sizeof(Digest), right.data(), sizeof(Digest));
  return sha256(bytes);
}

void GrowingTree::append(const Digest& leaf) {
  Digest hash = leaf;
  // As in binary addition: two full subtrees of the same size make one of twice the size.
  for (std::uint64_t bits = size_; (bits & 1) != 0; bits >>= 1) {
    hash = node_hash(peaks_.back(), hash);
    peaks_.pop_back();
  }
  peaks_.push_back(hash);
  ++size_;
}

Digest GrowingTree::root() const {
  if (peaks_.empty()) return sha256({});
  Digest hash = peaks_.back();
  for (std::size_t i = peaks_.size() - 1; i-- > 0;) hash = node_hash(peaks_[i], hash);
  return hash;
}

Digest root_of(std::span<const Digest> leaves) {
  GrowingTree tree;
  for (const Digest& leaf : leaves) tree.append(leaf);
  return tree.root();
}

std::vector<Digest> prove_inclusion(std::span<const Digest> leaves, std::uint64_t index) {
  THEATER_CHECK(index < leaves.size());
  std::vector<Digest> proof;
  while (leaves.size() > 1) {
    const std::uint64_t left = split(leaves.size());
    const bool is_left = index < left;
    proof.push_back(root_of(is_left ? leaves.subspan(left) : leaves.first(left)));
    leaves = is_left ? leaves.first(left) : leaves.subspan(left);
    if (!is_left) index -= left;
  }
  return {proof.rbegin(), proof.rend()};
}

bool verify_inclusion(const Digest& leaf, std::uint64_t index, std::uint64_t size, std::span<const Digest> proof,
                      const Digest& root) {
  if (index >= size) return false;
  std::uint64_t last = size - 1;
  Digest hash = leaf;
  for (const Digest& sibling : proof) {
    if (last == 0) return false;
    if ((index & 1) != 0 || index == last) {
      hash = node_hash(sibling, hash);
      // The last node of a level without a partner is its own parent.
      const int lonely = (index & 1) != 0 ? 0 : std::countr_zero(index);
      index >>= lonely;
      last >>= lonely;
    } else {
      hash = node_hash(hash, sibling);
    }
    index >>= 1;
    last >>= 1;
  }
  return last == 0 && hash == root;
}

std::vector<Digest> prove_consistency(std::span<const Digest> leaves, std::uint64_t old_size) {
  THEATER_CHECK(old_size > 0 && old_size <= leaves.size());
  std::vector<Digest> proof;
  add_consistency(leaves, old_size, true, proof);
  return proof;
}

bool verify_consistency(std::uint64_t old_size, const Digest& old_root, std::uint64_t size, const Digest& root,
                        std::span<const Digest> proof) {
  if (old_size > size) return false;
  if (old_size == size) return proof.empty() && old_root == root;
  if (old_size == 0) return proof.empty() && old_root == sha256({});
  // A full old tree is a node of the new one, and its hash is known.
  const bool is_full = std::has_single_bit(old_size);
  if (!is_full && proof.empty()) return false;
  Digest old_hash = is_full ? old_root : proof.front();
  Digest hash = old_hash;
  if (!is_full) proof = proof.subspan(1);
  std::uint64_t at = old_size - 1;
  std::uint64_t last = size - 1;
  const int known = std::countr_one(at);
  at >>= known;
  last >>= known;
  for (const Digest& sibling : proof) {
    if (last == 0) return false;
    if ((at & 1) != 0 || at == last) {
      old_hash = node_hash(sibling, old_hash);
      hash = node_hash(sibling, hash);
      const int lonely = (at & 1) != 0 ? 0 : std::countr_zero(at);
      at >>= lonely;
      last >>= lonely;
    } else {
      hash = node_hash(hash, sibling);
    }
    at >>= 1;
    last >>= 1;
  }
  return last == 0 && old_hash == old_root && hash == root;
}

}  // namespace theater::merkle
