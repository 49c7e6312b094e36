#include "chain/merkle.h"

#include <gtest/gtest.h>

#include <string>

namespace theater::merkle {
namespace {

std::vector<Digest> some_leaves(std::size_t count) {
  std::vector<Digest> leaves;
  for (std::size_t i = 0; i < count; ++i) leaves.push_back(leaf_hash(as_bytes(std::to_string(i))));
  return leaves;
}

/// RFC 6962's own definition, word for word.
Digest defined_root(std::span<const Digest> leaves) {
  if (leaves.empty()) return sha256({});
  if (leaves.size() == 1) return leaves[0];
  std::size_t k = 1;
  while (k * 2 < leaves.size()) k *= 2;
  return node_hash(defined_root(leaves.first(k)), defined_root(leaves.subspan(k)));
}

// The entries and roots that Certificate Transparency's own implementations are tested with.
TEST(Merkle, the_roots_are_those_of_certificate_transparency) {
  const Bytes entries[] = {
      {},
      {0x00},
      {0x10},
      {0x20, 0x21},
      {0x30, 0x31},
      {0x40, 0x41, 0x42, 0x43},
      {0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57},
      {0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f}};
  const char* roots[] = {"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                         "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                         "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
                         "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
                         "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                         "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
                         "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
                         "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
                         "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
  GrowingTree tree;
  EXPECT_EQ(to_hex(tree.root()), roots[0]);
  for (std::size_t i = 0; i < std::size(entries); ++i) {
    tree.append(leaf_hash(entries[i]));
    EXPECT_EQ(to_hex(tree.root()), roots[i + 1]) << i;
  }
}

TEST(Merkle, a_growing_tree_has_the_root_that_the_definition_gives) {
  const auto leaves = some_leaves(130);
  GrowingTree tree;
  for (std::size_t size = 1; size <= leaves.size(); ++size) {
    tree.append(leaves[size - 1]);
    EXPECT_EQ(tree.size(), size);
    EXPECT_EQ(tree.root(), defined_root(std::span(leaves).first(size)));
  }
}

TEST(Merkle, every_leaf_of_every_tree_is_proven_and_at_no_other_place) {
  const auto all = some_leaves(40);
  for (std::size_t size = 1; size <= all.size(); ++size) {
    const auto leaves = std::span(all).first(size);
    const Digest root = defined_root(leaves);
    for (std::size_t index = 0; index < size; ++index) {
      const auto proof = prove_inclusion(leaves, index);
      ASSERT_TRUE(verify_inclusion(leaves[index], index, size, proof, root)) << index << " of " << size;
      for (std::size_t other = 0; other <= size; ++other) {
        if (other == index) continue;
        ASSERT_FALSE(verify_inclusion(leaves[index], other, size, proof, root)) << index << " at " << other;
        ASSERT_FALSE(other < size && verify_inclusion(leaves[other], index, size, proof, root));
      }
      ASSERT_FALSE(verify_inclusion(leaves[index], index, size, proof, leaves[index]) && size > 1);
    }
  }
}

TEST(Merkle, a_changed_inclusion_proof_is_refused) {
  const auto leaves = some_leaves(21);
  const Digest root = root_of(leaves);
  for (std::size_t index = 0; index < leaves.size(); ++index) {
    const auto proof = prove_inclusion(leaves, index);
    for (std::size_t i = 0; i < proof.size(); ++i) {
      auto changed = proof;
      changed[i][5] ^= 4;
      EXPECT_FALSE(verify_inclusion(leaves[index], index, leaves.size(), changed, root));
      changed = proof;
      changed.erase(changed.begin() + static_cast<std::ptrdiff_t>(i));
      EXPECT_FALSE(verify_inclusion(leaves[index], index, leaves.size(), changed, root));
      changed = proof;
      changed.insert(changed.begin() + static_cast<std::ptrdiff_t>(i), proof[i]);
      EXPECT_FALSE(verify_inclusion(leaves[index], index, leaves.size(), changed, root));
    }
  }
}

TEST(Merkle, every_tree_is_proven_to_begin_with_every_smaller_one_and_with_no_other) {
  const auto all = some_leaves(40);
  for (std::size_t size = 1; size <= all.size(); ++size) {
    const auto leaves = std::span(all).first(size);
    const Digest root = defined_root(leaves);
    EXPECT_TRUE(verify_consistency(0, sha256({}), size, root, {}));
    for (std::size_t old_size = 1; old_size <= size; ++old_size) {
      const Digest old_root = defined_root(leaves.first(old_size));
      const auto proof = prove_consistency(leaves, old_size);
      ASSERT_TRUE(verify_consistency(old_size, old_root, size, root, proof)) << old_size << " of " << size;
      ASSERT_FALSE(verify_consistency(old_size, root_of(some_leaves(old_size - 1)), size, root, proof));
      ASSERT_FALSE(verify_consistency(old_size, old_root, size, leaf_hash(root), proof));
      ASSERT_FALSE(old_size < size && verify_consistency(old_size + 1, old_root, size, root, proof));
      for (std::size_t i = 0; i < proof.size(); ++i) {
        auto changed = proof;
        changed[i][9] ^= 1;
        ASSERT_FALSE(verify_consistency(old_size, old_root, size, root, changed)) << old_size << " of " << size;
        changed = proof;
        changed.erase(changed.begin() + static_cast<std::ptrdiff_t>(i));
        ASSERT_FALSE(verify_consistency(old_size, old_root, size, root, changed)) << old_size << " of " << size;
      }
    }
  }
}

TEST(Merkle, no_tree_is_proven_to_begin_with_a_rewritten_one) {
  const auto leaves = some_leaves(33);
  for (std::size_t old_size = 1; old_size < leaves.size(); ++old_size) {
    auto rewritten = leaves;
    rewritten[old_size / 2] = leaf_hash(as_bytes("rewritten"));
    const auto proof = prove_consistency(rewritten, old_size);
    EXPECT_FALSE(verify_consistency(old_size, root_of(std::span(leaves).first(old_size)), rewritten.size(),
                                    root_of(rewritten), proof));
  }
}

}  // namespace
}  // namespace theater::merkle
