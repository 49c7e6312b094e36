// A log of heads, its key, checkpoints and proofs, byte for byte; readers in other languages are tested with the same
// files. To write them anew after a deliberate change, run this test with THEATER_WRITE_GOLDEN=1 and review the
// difference.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "chain/sample_chain.h"
#include "store/checkpoint_writer.h"
#include "store/head_log_file.h"
#include "store/memory_disk.h"

namespace theater::store {
namespace {

void expect_golden(const std::string& name, std::string_view content) {
  const std::string path = std::string(THEATER_GOLDEN_DIR) + "/" + name;
  if (const char* write = std::getenv("THEATER_WRITE_GOLDEN"); write != nullptr && std::string_view(write) == "1") {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
  }
  std::ifstream file(path, std::ios::binary);
  const std::string golden(std::istreambuf_iterator<char>(file), {});
  EXPECT_FALSE(golden.empty()) << path;
  EXPECT_TRUE(content == golden) << name << " differs";
}

TEST(GoldenLog, log_checkpoints_and_proofs_have_the_recorded_bytes) {
  MemoryDisk disk;
  ASSERT_TRUE(disk.make_directory("/data"));
  SeededRandom random(1);
  CheckpointWriter::Options options;
  options.random = &random;
  auto writer = CheckpointWriter::open(disk, "/data", options);
  ASSERT_TRUE(writer);
  std::vector<HeadEntry> entries;
  std::vector<std::string> notes;
  for (std::uint64_t round = 1; round <= 4; ++round) {
    for (std::uint8_t actor = 1; actor <= 5; ++actor) {
      if (actor % round != 0) continue;
      entries.push_back({chain::sample_actor(actor), round * 7, sha256(as_bytes(std::to_string(actor * round)))});
      (*writer)->head_is_safe(entries.back().actor, entries.back().next_sequence, entries.back().head, 7);
    }
    ASSERT_TRUE((*writer)->write(round * 1000));
    notes.push_back((*writer)->latest());
  }
  ASSERT_TRUE((*writer)->close(5000));
  std::vector<Digest> leaves;
  for (const HeadEntry& entry : entries) leaves.push_back(entry.leaf());

  expect_golden("heads.log", as_text(disk.content("/data/heads.log")));
  expect_golden("log.pub", as_text(disk.content("/data/log.pub")));
  expect_golden("checkpoint", notes.back());
  expect_golden("older-checkpoint", notes.front());
  const HeadProof proof{.entry = entries[6],
                        .key = (*writer)->key().key(),
                        .index = 6,
                        .path = merkle::prove_inclusion(leaves, 6),
                        .checkpoint_note = notes.back()};
  EXPECT_TRUE(proof.verify());
  expect_golden("head.tlog-proof", proof.to_text());
  const auto older = open_checkpoint(notes.front(), (*writer)->key());
  ASSERT_TRUE(older);
  const GrowthProof growth{
      .old_size = older->size, .path = merkle::prove_consistency(leaves, older->size), .checkpoint_note = notes.back()};
  EXPECT_TRUE(growth.verify(*older, (*writer)->key()));
  expect_golden("growth-proof", growth.to_text());
}

}  // namespace
}  // namespace theater::store
