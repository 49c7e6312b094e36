#include "chain/head_log.h"

#include <gtest/gtest.h>

#include "chain/sample_heads.h"

namespace theater::chain {
namespace {

/// A log as its records.
struct RecordedLog {
  note::SigningKey key = sample_log_key();
  merkle::GrowingTree tree;
  struct Record {
    bool is_checkpoint = false;
    Bytes content;
  };
  std::vector<Record> records;

  void heads(std::initializer_list<HeadEntry> entries) {
    Bytes content;
    for (const HeadEntry& one : entries) {
      append(content, one.encode());
      tree.append(one.leaf());
    }
    records.push_back({false, content});
  }
  Checkpoint now() const { return {key.verifier().name(), tree.size(), tree.root()}; }
  void sign() { records.push_back({true, to_bytes(key.sign(now().to_text()))}); }

  HeadLogReport verify(std::optional<Checkpoint> older = std::nullopt) const {
    HeadLogVerifier verifier(key.verifier(), std::move(older));
    for (const Record& record : records) {
      if (record.is_checkpoint) {
        verifier.checkpoint(as_text(record.content));
      } else {
        verifier.heads(record.content);
      }
    }
    return verifier.finish();
  }
};

RecordedLog sample_log() {
  RecordedLog log;
  log.heads({sample_head(1, 5), sample_head(2, 3)});
  log.sign();
  log.heads({sample_head(1, 9)});
  log.heads({sample_head(3, 1)});
  log.sign();
  return log;
}

TEST(HeadLog, tells_what_each_chain_had) {
  RecordedLog log = sample_log();
  log.heads({sample_head(1, 20)});
  const HeadLogReport report = log.verify();
  EXPECT_TRUE(report.ok()) << *report.fault;
  EXPECT_EQ(report.checkpoints, 2u);
  EXPECT_EQ(report.last.size, 4u);
  EXPECT_EQ(report.unsigned_entries, 1u);
  ASSERT_EQ(report.heads.size(), 3u);
  EXPECT_EQ(report.heads.at(sample_actor(1)),
            (std::vector<KnownHead>{{5, sample_head(1, 5).head}, {9, sample_head(1, 9).head}}));
}

TEST(HeadLog, without_any_entry_is_no_fault) { EXPECT_TRUE(RecordedLog().verify().ok()); }

TEST(HeadLog, begins_with_every_older_one) {
  RecordedLog log;
  std::vector<Checkpoint> older{log.now()};
  for (std::uint64_t i = 1; i < 20; ++i) {
    log.heads({sample_head(static_cast<std::uint8_t>(i % 4), i)});
    log.sign();
    older.push_back(log.now());
  }
  for (const Checkpoint& one : older) EXPECT_TRUE(log.verify(one).ok()) << one.size;
}

TEST(HeadLog, that_was_rewritten_or_cut_does_not_begin_with_the_older_one) {
  const Checkpoint older = sample_log().now();
  RecordedLog rewritten;
  rewritten.heads({sample_head(1, 5), sample_head(2, 4)});
  rewritten.sign();
  rewritten.heads({sample_head(1, 9)});
  rewritten.heads({sample_head(3, 1)});
  rewritten.sign();
  EXPECT_TRUE(rewritten.verify().ok());
  EXPECT_TRUE(rewritten.verify(older).fault);
  RecordedLog cut = sample_log();
  cut.records.pop_back();
  EXPECT_TRUE(cut.verify().ok());
  EXPECT_TRUE(cut.verify(older).fault) << "what nobody signed does not count";
  RecordedLog other = sample_log();
  other.key = sample_log_key(2);
  EXPECT_TRUE(other.verify(older).fault);
}

TEST(HeadLog, with_any_bit_changed_is_found_false) {
  const RecordedLog original = sample_log();
  const Checkpoint older = original.now();
  for (std::size_t i = 0; i < original.records.size(); ++i) {
    for (std::size_t bit = 0; bit < original.records[i].content.size() * 8; ++bit) {
      RecordedLog log = original;
      log.records[i].content[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
      // Signatures before the last are for those who hold such a checkpoint; their lines are not looked at.
      const std::string_view text = as_text(original.records[i].content);
      const bool is_passed_over = i == 1 && bit / 8 >= text.find("\n\n") + 1;
      ASSERT_TRUE(is_passed_over || log.verify(older).fault) << "record " << i << ", bit " << bit;
    }
  }
}

TEST(HeadLog, whose_chains_shrink_is_found_false) {
  RecordedLog log = sample_log();
  log.heads({sample_head(1, 9)});
  log.sign();
  EXPECT_TRUE(log.verify().fault);
}

TEST(HeadLog, that_is_malformed_is_found_false) {
  RecordedLog no_entry = sample_log();
  no_entry.sign();
  EXPECT_TRUE(no_entry.verify().fault) << "a checkpoint of nothing new";
  RecordedLog half = sample_log();
  half.records.push_back({false, Bytes(55, 1)});
  EXPECT_TRUE(half.verify().fault);
  RecordedLog empty = sample_log();
  empty.records.push_back({false, {}});
  EXPECT_TRUE(empty.verify().fault);
  RecordedLog without_events = sample_log();
  without_events.heads({sample_head(5, 0)});
  EXPECT_TRUE(without_events.verify().fault);
}

}  // namespace
}  // namespace theater::chain
