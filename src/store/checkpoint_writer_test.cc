#include "store/checkpoint_writer.h"

#include <gtest/gtest.h>

#include "chain/sample_chain.h"
#include "store/head_log_file.h"
#include "store/memory_disk.h"

namespace theater::store {
namespace {

using chain::sample_actor;

const std::filesystem::path kDirectory = "/data";
const std::filesystem::path kLog = kDirectory / "heads.log";

Digest head_of(std::uint8_t actor, std::uint64_t next_sequence) {
  return sha256(as_bytes(std::to_string(actor) + " " + std::to_string(next_sequence)));
}

class Checkpoints : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(disk_.make_directory(kDirectory)); }

  static Result<std::unique_ptr<CheckpointWriter>> open_on(MemoryDisk& disk) {
    static SeededRandom random(3);
    CheckpointWriter::Options options;
    options.random = &random;
    return CheckpointWriter::open(disk, kDirectory, options);
  }
  std::unique_ptr<CheckpointWriter> open() {
    auto writer = open_on(disk_);
    EXPECT_TRUE(writer) << writer.error().to_string();
    return writer ? std::move(*writer) : nullptr;
  }
  static void tell(CheckpointWriter& writer, std::uint8_t actor, std::uint64_t next_sequence) {
    writer.head_is_safe(sample_actor(actor), next_sequence, head_of(actor, next_sequence), 3);
  }
  /// Some checkpoints, each of one entry more than the one before has new entries.
  static std::vector<std::string> write_some(CheckpointWriter& writer, std::uint64_t from = 1) {
    std::vector<std::string> notes;
    for (std::uint64_t i = from; i < from + 4; ++i) {
      for (std::uint8_t actor = 1; actor <= i % 4 + 1; ++actor) tell(writer, actor, i * 10);
      EXPECT_TRUE(writer.write(i));
      notes.push_back(writer.latest());
    }
    return notes;
  }
  static HeadLogVerdict verify(MemoryDisk& disk, const std::optional<Checkpoint>& older = std::nullopt) {
    auto verdict = verify_head_log(disk, kDirectory, older);
    EXPECT_TRUE(verdict) << verdict.error().to_string();
    return std::move(*verdict);
  }
  static void expect_begins_with(MemoryDisk& disk, const std::vector<std::string>& notes) {
    const auto key = read_verifier_key(disk, kDirectory);
    ASSERT_TRUE(key);
    for (const std::string& note : notes) {
      const auto older = open_checkpoint(note, *key);
      ASSERT_TRUE(older) << older.error().to_string();
      const HeadLogVerdict verdict = verify(disk, *older);
      EXPECT_TRUE(verdict.log.ok()) << *verdict.log.fault;
    }
  }

  MemoryDisk disk_;
};

TEST_F(Checkpoints, are_signed_by_the_directorys_key_and_tell_of_every_chain) {
  const auto writer = open();
  EXPECT_EQ(writer->latest(), "");
  tell(*writer, 2, 7);
  tell(*writer, 1, 4);
  tell(*writer, 1, 9);
  ASSERT_TRUE(writer->write(0));
  const HeadLogVerdict verdict = verify(disk_);
  EXPECT_TRUE(verdict.log.ok()) << *verdict.log.fault;
  EXPECT_EQ(verdict.log.last_note, writer->latest());
  EXPECT_EQ(verdict.log.last.size, 2u);
  EXPECT_EQ(verdict.log.heads.at(sample_actor(1)), (std::vector<KnownHead>{{9, head_of(1, 9)}}));
  EXPECT_EQ(open_checkpoint(writer->latest(), writer->key())->root, verdict.log.last.root);
}

TEST_F(Checkpoints, without_anything_new_none_is_signed) {
  const auto writer = open();
  tell(*writer, 1, 4);
  ASSERT_TRUE(writer->write(0));
  const Bytes before = disk_.content(kLog);
  ASSERT_TRUE(writer->write(10'000));
  EXPECT_EQ(disk_.content(kLog), before);
}

TEST_F(Checkpoints, are_due_after_a_second_or_ten_thousand_events_but_not_all_the_time) {
  const auto writer = open();
  EXPECT_EQ(writer->due_ms(), std::nullopt);
  tell(*writer, 1, 1);
  ASSERT_TRUE(writer->write(5'000));
  EXPECT_EQ(writer->due_ms(), std::nullopt);
  tell(*writer, 1, 2);
  EXPECT_EQ(writer->due_ms(), 6'000u);
  writer->head_is_safe(sample_actor(1), 10'002, head_of(1, 10'002), 10'000);
  EXPECT_EQ(writer->due_ms(), 5'100u);
}

TEST_F(Checkpoints, go_on_where_the_log_ended) {
  std::vector<std::string> notes = write_some(*open());
  const note::VerifierKey key = *read_verifier_key(disk_, kDirectory);
  auto writer = open();
  EXPECT_EQ(writer->key(), key);
  EXPECT_EQ(writer->latest(), notes.back());
  for (const std::string& note : write_some(*writer, 10)) notes.push_back(note);
  ASSERT_TRUE(writer->close(0));
  writer = open();
  for (const std::string& note : write_some(*writer, 20)) notes.push_back(note);
  expect_begins_with(disk_, notes);
  EXPECT_EQ(verify(disk_).log.checkpoints, 12u);
}

TEST_F(Checkpoints, more_actors_than_a_record_holds_are_signed_at_once) {
  const auto writer = open();
  for (std::size_t i = 0; i < kHeadsPerRecordMax + 5; ++i) {
    const auto byte = [&](int shift) { return static_cast<std::uint8_t>(i >> shift); };
    writer->head_is_safe(ActorId::from_random({byte(16), byte(8), byte(0)}), 1, Digest{}, 1);
  }
  ASSERT_TRUE(writer->write(0));
  const HeadLogVerdict verdict = verify(disk_);
  EXPECT_TRUE(verdict.log.ok()) << *verdict.log.fault;
  EXPECT_EQ(verdict.log.last.size, kHeadsPerRecordMax + 5);
}

TEST_F(Checkpoints, chains_found_at_opening_are_compared_with_the_log) {
  write_some(*open());
  const auto writer = open();
  // The log knows actors 1 to 4; 1 is as it was, 2 went on, 3 was cut, and of 4 nothing is left.
  const auto heads = verify(disk_).log.heads;
  const KnownHead one = heads.at(sample_actor(1)).back();
  EXPECT_TRUE(writer->found(sample_actor(1), one.next_sequence, one.head));
  EXPECT_TRUE(writer->found(sample_actor(2), 1000, head_of(2, 1000)));
  EXPECT_EQ(
      writer->found(sample_actor(3), heads.at(sample_actor(3)).back().next_sequence - 1, head_of(3, 1)).error().code(),
      ErrorCode::kCorrupt);
  EXPECT_TRUE(writer->found(sample_actor(9), 5, head_of(9, 5)));
  EXPECT_EQ(writer->all_found(), std::vector<ActorId>{sample_actor(4)});
  ASSERT_TRUE(writer->write(0));
  const auto after = verify(disk_).log.heads;
  EXPECT_EQ(after.at(sample_actor(1)).back(), one);
  EXPECT_EQ(after.at(sample_actor(2)).back().next_sequence, 1000u);
  EXPECT_EQ(after.at(sample_actor(9)).back().next_sequence, 5u);
}

TEST_F(Checkpoints, a_chain_that_was_cut_does_not_make_the_log_shrink) {
  write_some(*open());
  auto writer = open();
  const std::uint64_t known = verify(disk_).log.heads.at(sample_actor(1)).back().next_sequence;
  EXPECT_FALSE(writer->found(sample_actor(1), known - 5, head_of(1, 1)));
  EXPECT_EQ(writer->all_found().size(), 3u);
  tell(*writer, 1, known - 2);
  tell(*writer, 2, 1);
  tell(*writer, 7, 3);
  ASSERT_TRUE(writer->write(0));
  tell(*writer, 1, known + 1);
  ASSERT_TRUE(writer->close(0));
  const HeadLogVerdict verdict = verify(disk_);
  EXPECT_TRUE(verdict.log.ok()) << *verdict.log.fault;
  EXPECT_EQ(verdict.log.heads.at(sample_actor(1)).back().next_sequence, known + 1);
  EXPECT_EQ(verdict.log.heads.at(sample_actor(7)).back().next_sequence, 3u);
}

TEST_F(Checkpoints, another_head_at_the_same_event_is_found_at_opening) {
  write_some(*open());
  const auto writer = open();
  const KnownHead one = verify(disk_).log.heads.at(sample_actor(1)).back();
  EXPECT_FALSE(writer->found(sample_actor(1), one.next_sequence, head_of(7, 7)));
}

TEST_F(Checkpoints, a_checkpoint_that_was_given_out_is_never_contradicted_whenever_the_power_goes) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    MemoryDisk disk;
    ASSERT_TRUE(disk.make_directory(kDirectory));
    std::vector<std::string> notes;
    for (std::uint64_t life = 0; life < 3; ++life) {
      auto writer = open_on(disk);
      ASSERT_TRUE(writer) << "seed " << seed << ": " << writer.error().to_string();
      EXPECT_EQ((*writer)->latest().empty(), notes.empty());
      for (const std::string& note : write_some(**writer, 1 + life * 10)) notes.push_back(note);
      // The next one is written and its sync fails: it was never given out.
      disk.fail_at(MemoryDisk::Operation::kSync, 0, MemoryDisk::Failure::kError);
      tell(**writer, 1, 8 + life * 10 + 1000 * seed);
      EXPECT_FALSE((*writer)->write(0));
      EXPECT_EQ((*writer)->latest(), notes.back());
      disk.stop_failing();
      disk.lose_power(seed * 7 + life);
    }
    ASSERT_TRUE(open_on(disk));
    expect_begins_with(disk, notes);
  }
}

TEST_F(Checkpoints, after_an_error_nothing_more_is_signed) {
  using Operation = MemoryDisk::Operation;
  for (const Operation operation : {Operation::kWrite, Operation::kSync}) {
    for (const auto failure : {MemoryDisk::Failure::kError, MemoryDisk::Failure::kShortWrite}) {
      MemoryDisk disk;
      ASSERT_TRUE(disk.make_directory(kDirectory));
      auto writer = open_on(disk);
      ASSERT_TRUE(writer);
      tell(**writer, 1, 4);
      ASSERT_TRUE((*writer)->write(0));
      const std::string note = (*writer)->latest();
      disk.fail_at(operation, 0, failure);
      tell(**writer, 1, 8);
      EXPECT_FALSE((*writer)->write(1));
      disk.stop_failing();
      EXPECT_FALSE((*writer)->write(2));
      EXPECT_EQ((*writer)->latest(), note);
      EXPECT_EQ((*writer)->due_ms(), std::nullopt);
    }
  }
}

TEST_F(Checkpoints, opening_that_fails_anywhere_succeeds_later) {
  using Operation = MemoryDisk::Operation;
  for (const Operation operation :
       {Operation::kWrite, Operation::kSync, Operation::kOpen, Operation::kRename, Operation::kSyncDirectory}) {
    for (std::uint64_t nth = 0; nth < 12; ++nth) {
      MemoryDisk disk;
      ASSERT_TRUE(disk.make_directory(kDirectory));
      disk.fail_at(operation, nth, MemoryDisk::Failure::kError);
      static_cast<void>(open_on(disk));
      disk.stop_failing();
      disk.lose_power(nth);
      const auto writer = open_on(disk);
      ASSERT_TRUE(writer) << static_cast<int>(operation) << " " << nth << ": " << writer.error().to_string();
      EXPECT_EQ(*read_verifier_key(disk, kDirectory), (*writer)->key());
    }
  }
}

TEST_F(Checkpoints, cut_anywhere_leave_the_whole_ones_before) {
  const auto notes = write_some(*open());
  const Bytes whole = disk_.content(kLog);
  for (std::size_t size = kHeadLogMagic.size(); size < whole.size(); ++size) {
    disk_.set_content(kLog, {whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)});
    const HeadLogVerdict verdict = verify(disk_);
    ASSERT_TRUE(verdict.log.ok()) << size << ": " << *verdict.log.fault;
    EXPECT_EQ(verdict.log.last_note, verdict.log.checkpoints == 0 ? "" : notes[verdict.log.checkpoints - 1]);
    EXPECT_LT(verdict.log.checkpoints, notes.size());
  }
}

TEST_F(Checkpoints, any_bit_changed_is_told) {
  const auto writer = open();
  write_some(*writer);
  const Bytes open_log = disk_.content(kLog);
  ASSERT_TRUE(writer->close(0));
  const Bytes closed_log = disk_.content(kLog);
  for (std::size_t bit = 0; bit < closed_log.size() * 8; bit += 3) {
    Bytes changed = closed_log;
    changed[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    disk_.set_content(kLog, changed);
    const HeadLogVerdict verdict = verify(disk_);
    const bool is_mark = bit / 8 >= open_log.size();
    // Only the mark itself may be taken for a torn tail; what is before it is known to have been safe.
    ASSERT_EQ(verdict.log.ok(), is_mark) << "bit " << bit;
    ASSERT_EQ(verdict.end.torn_bytes > 0, is_mark) << "bit " << bit;
    ASSERT_EQ(open_on(disk_).has_value(), is_mark);
  }
}

TEST_F(Checkpoints, a_lost_key_or_log_is_not_replaced_behind_ones_back) {
  write_some(*open());
  const Bytes key = disk_.content(kDirectory / "log.key");
  ASSERT_TRUE(disk_.remove(kDirectory / "log.key"));
  EXPECT_EQ(open_on(disk_).error().code(), ErrorCode::kCorrupt);
  disk_.set_content(kDirectory / "log.key", key);
  EXPECT_TRUE(open_on(disk_));
  ASSERT_TRUE(disk_.remove(kLog));
  EXPECT_EQ(open_on(disk_).error().code(), ErrorCode::kCorrupt);
}

TEST_F(Checkpoints, a_key_that_did_not_sign_the_log_is_refused) {
  write_some(*open());
  MemoryDisk other;
  ASSERT_TRUE(other.make_directory(kDirectory));
  ASSERT_TRUE(open_on(other));
  disk_.set_content(kDirectory / "log.key", other.content(kDirectory / "log.key"));
  EXPECT_EQ(open_on(disk_).error().code(), ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace theater::store
