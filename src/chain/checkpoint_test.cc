#include "chain/checkpoint.h"

#include <gtest/gtest.h>

#include "base/base64.h"
#include "chain/sample_heads.h"

namespace theater::chain {
namespace {

/// A log of some entries.
struct Log {
  explicit Log(std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) {
      entries.push_back(sample_head(static_cast<std::uint8_t>(i % 3), 10 + i));
      leaves.push_back(entries.back().leaf());
    }
  }
  Checkpoint checkpoint(std::size_t size) const {
    return {key.verifier().name(), size, merkle::root_of(std::span(leaves).first(size))};
  }
  HeadProof proof(std::size_t index) const {
    return {.entry = entries[index],
            .key = key.verifier().key(),
            .index = index,
            .path = merkle::prove_inclusion(leaves, index),
            .checkpoint_note = key.sign(checkpoint(leaves.size()).to_text())};
  }
  GrowthProof growth(std::size_t old_size) const {
    return {.old_size = old_size,
            .path = old_size == 0 ? std::vector<Digest>() : merkle::prove_consistency(leaves, old_size),
            .checkpoint_note = key.sign(checkpoint(leaves.size()).to_text())};
  }

  note::SigningKey key = sample_log_key();
  std::vector<HeadEntry> entries;
  std::vector<Digest> leaves;
};

TEST(CheckpointEntry, comes_back_from_its_bytes) {
  const HeadEntry original = sample_head(3, 0x0102030405060708);
  const auto bytes = original.encode();
  EXPECT_EQ(to_hex(bytes),
            "ac700000000040008000000000000003"
            "0102030405060708" +
                to_hex(original.head));
  EXPECT_EQ(HeadEntry::decode(bytes).value(), original);
  EXPECT_FALSE(HeadEntry::decode(ByteView(bytes).first(55)));
  EXPECT_FALSE(HeadEntry::decode(sample_head(3, 0).encode())) << "a chain without events";
}

TEST(Checkpoint, comes_back_from_its_text) {
  const Checkpoint checkpoint = Log(5).checkpoint(5);
  EXPECT_EQ(Checkpoint::parse(checkpoint.to_text()).value(), checkpoint);
  EXPECT_EQ(Checkpoint::parse(checkpoint.to_text() + "an extension\n").value(), checkpoint);
}

TEST(Checkpoint, what_is_not_quite_a_checkpoint_is_refused) {
  const std::string root = to_base64(Digest{});
  for (const std::string& text :
       {std::string(), std::string("a\n"), "a\n1\n" + root, "\n1\n" + root + "\n", "a\n01\n" + root + "\n",
        "a\n-1\n" + root + "\n", "a\n+1\n" + root + "\n", "a\n18446744073709551616\n" + root + "\n",
        "a\n1 \n" + root + "\n", "a\n1\n" + root.substr(4) + "\n", "a\n1\n" + root + "\n\n",
        "a\n1\n" + root + "\next"}) {
    EXPECT_FALSE(Checkpoint::parse(text)) << text;
  }
}

TEST(Checkpoint, is_opened_with_its_logs_key_only) {
  const Log log(4);
  const Checkpoint checkpoint = log.checkpoint(4);
  EXPECT_EQ(open_checkpoint(log.key.sign(checkpoint.to_text()), log.key.verifier()).value(), checkpoint);
  EXPECT_FALSE(open_checkpoint(sample_log_key(2).sign(checkpoint.to_text()), log.key.verifier()));
  EXPECT_FALSE(open_checkpoint(sample_log_key(2).sign(checkpoint.to_text()), sample_log_key(2).verifier()))
      << "of another log";
  const note::VerifierKey taken(log.key.verifier().name(), sample_log_key(2).verifier().key());
  ed25519::Seed seed{};
  const note::SigningKey impostor(log.key.verifier().name(), seed);
  const auto opened = open_checkpoint(impostor.sign(checkpoint.to_text()), impostor.verifier());
  ASSERT_FALSE(opened) << "another key under the log's name";
  EXPECT_EQ(opened.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_FALSE(check_log_key(taken));
}

TEST(HeadProof, of_every_entry_stands_on_its_own) {
  const Log log(13);
  for (std::size_t index = 0; index < log.entries.size(); ++index) {
    const auto proof = HeadProof::parse(log.proof(index).to_text());
    ASSERT_TRUE(proof) << proof.error().to_string();
    EXPECT_EQ(proof->entry, log.entries[index]);
    EXPECT_EQ(proof->to_text(), log.proof(index).to_text());
    const auto checkpoint = proof->verify();
    ASSERT_TRUE(checkpoint) << checkpoint.error().to_string();
    EXPECT_EQ(*checkpoint, log.checkpoint(13));
  }
}

TEST(HeadProof, with_any_change_is_refused) {
  const Log log(13);
  const std::string text = log.proof(6).to_text();
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (const char c : {'A', '1', '\n', ' '}) {
      if (text[i] == c) continue;
      std::string changed = text;
      changed[i] = c;
      const auto proof = HeadProof::parse(changed);
      EXPECT_FALSE(proof && proof->verify()) << "byte " << i;
    }
    const auto cut = HeadProof::parse(std::string_view(text).substr(0, i));
    EXPECT_FALSE(cut && cut->verify()) << "cut at " << i;
  }
}

TEST(HeadProof, of_another_log_with_the_same_entries_has_another_origin) {
  Log log(4);
  log.key = sample_log_key(9);
  const auto checkpoint = log.proof(2).verify();
  ASSERT_TRUE(checkpoint);
  EXPECT_NE(checkpoint->origin, sample_log_key().verifier().name());
}

TEST(GrowthProof, leads_from_every_older_checkpoint) {
  const Log log(21);
  for (std::size_t old_size = 0; old_size <= 21; ++old_size) {
    const auto proof = GrowthProof::parse(log.growth(old_size).to_text());
    ASSERT_TRUE(proof) << proof.error().to_string();
    const auto checkpoint = proof->verify(log.checkpoint(old_size), log.key.verifier());
    ASSERT_TRUE(checkpoint) << old_size << ": " << checkpoint.error().to_string();
    EXPECT_EQ(*checkpoint, log.checkpoint(21));
  }
}

TEST(GrowthProof, of_a_rewritten_or_shorter_log_is_refused) {
  const Log log(21);
  Log rewritten(21);
  rewritten.leaves[5] = rewritten.leaves[6];
  EXPECT_FALSE(rewritten.growth(10).verify(log.checkpoint(10), log.key.verifier()));
  EXPECT_TRUE(rewritten.growth(5).verify(log.checkpoint(5), log.key.verifier())) << "that part is the same";
  EXPECT_FALSE(Log(9).growth(9).verify(log.checkpoint(10), log.key.verifier()));
  EXPECT_FALSE(log.growth(9).verify(log.checkpoint(10), log.key.verifier()));
  EXPECT_FALSE(log.growth(10).verify(log.checkpoint(10), sample_log_key(2).verifier()));
  Checkpoint other_origin = log.checkpoint(10);
  other_origin.origin = "theater/0";
  EXPECT_FALSE(log.growth(10).verify(other_origin, log.key.verifier()));
}

}  // namespace
}  // namespace theater::chain
