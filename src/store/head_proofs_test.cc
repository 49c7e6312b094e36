#include "store/head_proofs.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "chain/sample_chain.h"
#include "store/checkpoint_writer.h"
#include "store/head_log_file.h"
#include "store/memory_disk.h"

namespace theater::store {
namespace {

using chain::sample_actor;

class HeadProofs : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(disk_.make_directory("/data"));
    SeededRandom random(1);
    CheckpointWriter::Options options;
    options.random = &random;
    auto writer = CheckpointWriter::open(disk_, "/data", options);
    ASSERT_TRUE(writer);
    for (std::uint64_t round = 1; round <= 5; ++round) {
      for (std::uint8_t actor = 1; actor <= 4; ++actor) {
        if (actor > round) continue;
        (*writer)->head_is_safe(sample_actor(actor), round * 10, sha256(as_bytes(std::to_string(round))), 1);
      }
      ASSERT_TRUE((*writer)->write(round));
      notes_.push_back((*writer)->latest());
    }
  }
  SignedLog log() {
    auto log = SignedLog::read(disk_, "/data");
    EXPECT_TRUE(log) << log.error().to_string();
    return std::move(*log);
  }

  MemoryDisk disk_;
  std::vector<std::string> notes_;
};

TEST_F(HeadProofs, prove_each_actors_last_entry) {
  const SignedLog log = this->log();
  EXPECT_EQ(log.last_note(), notes_.back());
  for (std::uint8_t actor = 1; actor <= 4; ++actor) {
    const auto proof = log.prove_head(sample_actor(actor));
    ASSERT_TRUE(proof) << proof.error().to_string();
    EXPECT_EQ(proof->entry.next_sequence, 50u);
    const auto checkpoint = proof->verify();
    ASSERT_TRUE(checkpoint) << checkpoint.error().to_string();
    EXPECT_EQ(*checkpoint, log.last());
  }
  EXPECT_EQ(log.prove_head(sample_actor(9)).error().code(), ErrorCode::kNotFound);
}

TEST_F(HeadProofs, lead_to_an_older_checkpoint_as_well) {
  const SignedLog log = this->log();
  const auto proof = log.prove_head(sample_actor(2), notes_[2]);
  ASSERT_TRUE(proof) << proof.error().to_string();
  EXPECT_EQ(proof->entry.next_sequence, 30u);
  EXPECT_TRUE(proof->verify());
  EXPECT_EQ(log.prove_head(sample_actor(4), notes_[2]).error().code(), ErrorCode::kNotFound);
}

TEST_F(HeadProofs, growth_is_proven_from_each_older_checkpoint) {
  const SignedLog log = this->log();
  for (const std::string& note : notes_) {
    const auto growth = log.prove_growth(note);
    ASSERT_TRUE(growth) << growth.error().to_string();
    EXPECT_TRUE(growth->verify(*open_checkpoint(note, log.key()), log.key()));
  }
}

TEST_F(HeadProofs, a_checkpoint_that_the_log_does_not_lead_to_is_refused) {
  const auto path = head_log_path("/data");
  const Bytes whole = disk_.content(path);
  // Cut behind the second checkpoint, as by putting back an older copy.
  const ByteView second = as_bytes(notes_[1]);
  const auto place = std::search(whole.begin(), whole.end(), second.begin(), second.end());
  ASSERT_NE(place, whole.end());
  disk_.set_content(path, {whole.begin(), place + static_cast<std::ptrdiff_t>(second.size() + sizeof(Digest))});
  const SignedLog log = this->log();
  EXPECT_TRUE(log.prove_growth(notes_[1]));
  EXPECT_EQ(log.prove_growth(notes_[2]).error().code(), ErrorCode::kCorrupt);
  EXPECT_EQ(log.prove_head(sample_actor(1), notes_[2]).error().code(), ErrorCode::kCorrupt);
}

TEST_F(HeadProofs, need_a_log_with_a_checkpoint) {
  MemoryDisk disk;
  ASSERT_TRUE(disk.make_directory("/data"));
  EXPECT_EQ(SignedLog::read(disk, "/data").error().code(), ErrorCode::kNotFound);
  ASSERT_TRUE(CheckpointWriter::open(disk, "/data"));
  EXPECT_EQ(SignedLog::read(disk, "/data").error().code(), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace theater::store
