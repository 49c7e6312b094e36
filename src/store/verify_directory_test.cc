#include "store/verify_directory.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "store/checkpoint_writer.h"
#include "store/sample_store.h"

namespace theater::store {
namespace {

constexpr std::size_t kActors = 3;

/// A directory that is written, with checkpoints.
struct Running {
  MemoryDisk disk;
  SeededRandom random{1};
  std::unique_ptr<DataDirectory> directory;
  std::unique_ptr<SegmentWriter> segment;
  std::unique_ptr<CheckpointWriter> checkpoints;
  SampleActors actors{kActors};
  std::vector<std::string> notes;

  void start() {
    auto opened = DataDirectory::open(kSampleDirectory, DataDirectory::Access::kWrite, on_disk(disk, random));
    ASSERT_TRUE(opened) << opened.error().to_string();
    directory = std::move(*opened);
    CheckpointWriter::Options options;
    options.random = &random;
    auto writer = CheckpointWriter::open(disk, kSampleDirectory, options);
    ASSERT_TRUE(writer) << writer.error().to_string();
    checkpoints = std::move(*writer);
    const auto known = directory->actors();
    ASSERT_TRUE(known);
    for (const StoredActor& actor : *known) {
      ASSERT_TRUE(checkpoints->found(actor.id, actor.next_sequence, actor.head));
    }
    ASSERT_TRUE(checkpoints->all_found().empty());
    auto begun = directory->begin_segment(0, 1);
    ASSERT_TRUE(begun);
    segment = std::move(*begun);
  }
  /// A round of turns, which is safe on the disk and signed when this returns.
  void turn(std::size_t message_bytes = 10) {
    std::vector<std::uint64_t> before;
    for (std::size_t actor = 0; actor < kActors; ++actor) {
      before.push_back(actors.head(actor).next_sequence);
      actors.record(*segment, actor, message_bytes);
    }
    ASSERT_TRUE(segment->write());
    ASSERT_TRUE(segment->sync());
    for (std::size_t actor = 0; actor < kActors; ++actor) {
      const ChainHead& head = actors.head(actor);
      checkpoints->head_is_safe(SampleActors::id(actor), head.next_sequence, head.hash,
                                head.next_sequence - before[actor]);
    }
    ASSERT_TRUE(checkpoints->write(0));
    notes.push_back(checkpoints->latest());
  }
  void stop() {
    ASSERT_TRUE(directory->close_segment(std::move(segment)));
    ASSERT_TRUE(checkpoints->close(0));
    checkpoints.reset();
    directory.reset();
  }
};

Result<DirectoryVerifyReport> verify(MemoryDisk& disk, std::optional<std::string> older = std::nullopt) {
  DirectoryVerifyOptions options;
  options.files = &disk;
  options.older_note = std::move(older);
  return verify_directory(kSampleDirectory, std::move(options));
}

std::string text_of(const Result<DirectoryVerifyReport>& report) {
  if (!report) return report.error().to_string();
  std::string text;
  if (report->log && report->log->log.fault) text += "log: " + *report->log->log.fault + "\n";
  for (const auto& [id, chain] : report->chains) {
    if (chain.report.fault) {
      text += to_string(id) + " at " + std::to_string(chain.report.fault->sequence) + ": " + chain.report.fault->what +
              "\n";
    }
  }
  for (const Damage& damage : report->damages) text += damage.to_string() + "\n";
  return text;
}

bool is_found_true(const Result<DirectoryVerifyReport>& report) { return report && report->ok(); }

class VerifyDirectory : public testing::Test {
 protected:
  void SetUp() override {
    running_.start();
    for (int i = 0; i < 4; ++i) running_.turn(i == 2 ? 3000 : 10);
    if (HasFatalFailure()) return;
    running_.stop();
  }
  Running running_;
};

TEST_F(VerifyDirectory, a_true_one_is_found_true_with_every_older_checkpoint) {
  for (const std::string& note : running_.notes) {
    const auto report = verify(running_.disk, note);
    ASSERT_TRUE(is_found_true(report)) << text_of(report);
    ASSERT_EQ(report->chains.size(), kActors);
    const auto& chain = report->chains.at(SampleActors::id(1));
    EXPECT_EQ(chain.name, "actor 1");
    EXPECT_EQ(chain.report.events, 7u);
    EXPECT_EQ(chain.report.heads_checked, 4u);
    EXPECT_EQ(chain.report.payloads_checked, 1u);
    EXPECT_EQ(chain.report.payloads_missing, 0u);
    EXPECT_EQ(chain.report.head_hash, running_.actors.head(1).hash);
    EXPECT_EQ(report->log->log.last.size, 4 * kActors);
  }
}

TEST_F(VerifyDirectory, one_that_is_being_written_is_found_true) {
  running_.start();
  for (int i = 0; i < 3; ++i) {
    running_.turn();
    const auto report = verify(running_.disk, running_.notes.front());
    EXPECT_TRUE(is_found_true(report)) << text_of(report);
  }
}

TEST_F(VerifyDirectory, one_put_back_to_an_older_copy_is_found_by_a_later_checkpoint) {
  const auto copy = running_.disk.copy();
  running_.start();
  running_.turn();
  EXPECT_TRUE(is_found_true(verify(*copy)));
  EXPECT_TRUE(is_found_true(verify(*copy, running_.notes[3])));
  EXPECT_FALSE(is_found_true(verify(*copy, running_.notes[4])));
}

TEST_F(VerifyDirectory, one_that_went_on_from_an_older_copy_is_found_by_a_later_checkpoint) {
  Running fork;
  const auto copy = running_.disk.copy();
  for (const auto& path : copy->paths()) fork.disk.set_content(path, copy->content(path));
  fork.actors.follow(running_.actors);
  running_.start();
  fork.start();
  for (int i = 0; i < 3; ++i) {
    running_.turn(11);
    fork.turn(12);
  }
  EXPECT_TRUE(is_found_true(verify(fork.disk)));
  EXPECT_TRUE(is_found_true(verify(fork.disk, running_.notes[3])));
  for (std::size_t i = 4; i < running_.notes.size(); ++i) {
    EXPECT_FALSE(is_found_true(verify(fork.disk, running_.notes[i]))) << i;
  }
}

TEST_F(VerifyDirectory, a_chain_that_is_gone_is_missed_by_the_log) {
  for (const auto& path : running_.disk.paths()) {
    if (path.extension() != ".segment") continue;
    ASSERT_TRUE(running_.disk.remove(path));
  }
  const auto report = verify(running_.disk);
  ASSERT_TRUE(report) << report.error().to_string();
  EXPECT_EQ(report->broken_chains(), kActors);
  EXPECT_EQ(report->chains.at(SampleActors::id(0)).report.fault->sequence, 0u);
}

TEST_F(VerifyDirectory, a_log_that_is_gone_or_anothers_is_told) {
  const auto log = head_log_path(kSampleDirectory);
  const Bytes content = running_.disk.content(log);
  ASSERT_TRUE(running_.disk.remove(log));
  EXPECT_FALSE(is_found_true(verify(running_.disk)));
  running_.disk.set_content(log, content);
  EXPECT_TRUE(is_found_true(verify(running_.disk)));
  Running other;
  other.random = SeededRandom(2);
  other.start();
  other.turn();
  EXPECT_FALSE(is_found_true(verify(running_.disk, other.notes[0])));
  DirectoryVerifyOptions options;
  options.files = &running_.disk;
  options.log_name = other.checkpoints->key().name();
  EXPECT_FALSE(is_found_true(verify_directory(kSampleDirectory, options)));
  for (const auto& path : {log, signing_key_path(kSampleDirectory), verifier_key_path(kSampleDirectory)}) {
    ASSERT_TRUE(running_.disk.remove(path));
  }
  EXPECT_TRUE(is_found_true(verify(running_.disk))) << "its chains are true, and nobody asks for more";
  EXPECT_FALSE(verify(running_.disk, running_.notes[0])) << "nothing to compare it with";
}

TEST_F(VerifyDirectory, heads_from_elsewhere_must_be_in_the_chains) {
  DirectoryVerifyOptions options;
  options.files = &running_.disk;
  const auto& written = running_.actors.written()[kActors + 1];
  options.heads = {{written.actor, written.next_sequence, written.hash}};
  EXPECT_TRUE(is_found_true(verify_directory(kSampleDirectory, options)));
  options.heads[0].head[0] ^= 1;
  const auto report = verify_directory(kSampleDirectory, options);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->broken_chains(), 1u);
  EXPECT_FALSE(report->chains.at(written.actor).report.ok());
  options.heads = {{chain::sample_actor(99), 1, Digest{}}};
  EXPECT_FALSE(is_found_true(verify_directory(kSampleDirectory, options))) << "a chain that is not there";
}

TEST_F(VerifyDirectory, every_changed_byte_of_a_segment_is_told) {
  std::filesystem::path segment;
  for (const auto& path : running_.disk.paths()) {
    if (path.extension() == ".segment") segment = path;
  }
  const Bytes content = running_.disk.content(segment);
  for (std::size_t at = 0; at < content.size(); at += 17) {
    Bytes changed = content;
    changed[at] ^= static_cast<std::uint8_t>(1u << (at % 8));
    running_.disk.set_content(segment, changed);
    // At its very end it may be the tail of a write that was cut off.
    const auto report = verify(running_.disk);
    EXPECT_TRUE(!is_found_true(report) || report->torn_bytes > 0) << "byte " << at;
  }
}

TEST_F(VerifyDirectory, a_changed_link_breaks_its_own_chain_only) {
  std::filesystem::path segment;
  for (const auto& path : running_.disk.paths()) {
    if (path.extension() == ".segment") segment = path;
  }
  Bytes content = running_.disk.content(segment);
  // In the state "7" that the third turn of the second actor left.
  const auto hash = running_.actors.written()[3 * kActors + 1].hash;
  // A segment keeps the hash behind the link.
  const auto place = std::search(content.begin(), content.end(), hash.begin(), hash.end());
  ASSERT_NE(place, content.end());
  *(place - 3) ^= 1;
  running_.disk.set_content(segment, content);
  const auto report = verify(running_.disk);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->broken_chains(), 1u) << text_of(report);
  const VerifyReport& chain = report->chains.at(SampleActors::id(1)).report;
  EXPECT_EQ(chain.fault->sequence, 5u) << chain.fault->what;
  EXPECT_EQ(chain.events, 5u);
}

TEST(VerifyNoDirectory, what_is_no_data_directory_is_an_error) {
  MemoryDisk disk;
  ASSERT_TRUE(disk.make_directory(kSampleDirectory));
  EXPECT_EQ(verify(disk).error().code(), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace theater::store
