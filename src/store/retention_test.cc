#include <gtest/gtest.h>

#include <algorithm>

#include "base/clock.h"
#include "store/checkpoint_writer.h"
#include "store/sample_store.h"
#include "store/verify_directory.h"

namespace theater::store {
namespace {

constexpr std::uint64_t kHourNs = 3600 * kNsPerSecond;
constexpr std::uint64_t kStartNs = chain::kSampleTimeNs;

/// A directory with a segment for each hour, of which signed heads tell.
class Retention : public testing::Test {
 protected:
  static constexpr std::size_t kActors = 4;
  static constexpr std::uint64_t kHours = 6;

  void SetUp() override {
    auto directory = open();
    CheckpointWriter::Options options;
    options.random = &random_;
    auto checkpoints = CheckpointWriter::open(disk_, kSampleDirectory, options);
    ASSERT_TRUE(checkpoints);
    ASSERT_TRUE((*checkpoints)->all_found().empty());
    for (std::uint64_t hour = 0; hour < kHours; ++hour) {
      auto segment = directory->begin_segment(0, kStartNs + hour * kHourNs);
      ASSERT_TRUE(segment);
      for (std::size_t actor = 0; actor < kActors; ++actor) {
        // The last ends in the second hour.
        if (actor == kActors - 1 && hour > 1) continue;
        for (int turn = 0; turn < 5; ++turn) actors_.record(**segment, actor, turn == 2 ? 2000 : 50);
        if (actor == kActors - 1 && hour == 1) actors_.stop(**segment, actor);
        const ChainHead& head = actors_.head(actor);
        (*checkpoints)->head_is_safe(SampleActors::id(actor), head.next_sequence, head.hash, 1);
      }
      ASSERT_TRUE(directory->close_segment(std::move(*segment)));
      ASSERT_TRUE((*checkpoints)->write(0));
      notes_.push_back((*checkpoints)->latest());
    }
    ASSERT_TRUE((*checkpoints)->close(0));
  }

  std::unique_ptr<DataDirectory> open(DataDirectory::Access access = DataDirectory::Access::kWrite) {
    return open(disk_, access);
  }
  std::unique_ptr<DataDirectory> open(MemoryDisk& disk, DataDirectory::Access access = DataDirectory::Access::kWrite) {
    auto directory = DataDirectory::open(kSampleDirectory, access, on_disk(disk, random_));
    EXPECT_TRUE(directory) << directory.error().to_string();
    return directory ? std::move(*directory) : nullptr;
  }
  static Result<RetentionSummary> retain(DataDirectory& directory, const RetentionRule& rule,
                                         std::uint64_t hours_later = kHours) {
    return directory.retain([&](const StoredActor&) { return rule; }, kStartNs + hours_later * kHourNs);
  }
  std::size_t segments() { return disk_.list(kSampleDirectory / "segments")->size(); }
  /// What there is of each chain is its end, and true.
  void expect_true(MemoryDisk& disk, const std::string& when = "") {
    for (const std::string& note : notes_) {
      DirectoryVerifyOptions options;
      options.files = &disk;
      options.older_note = note;
      const auto report = verify_directory(kSampleDirectory, options);
      ASSERT_TRUE(report) << when << report.error().to_string();
      ASSERT_TRUE(report->ok()) << when << (report->damages.empty() ? "" : report->damages[0].to_string());
      ASSERT_EQ(report->chains.size(), kActors);
      for (std::size_t actor = 0; actor < kActors; ++actor) {
        const auto& chain = report->chains.at(SampleActors::id(actor));
        ASSERT_EQ(chain.report.head_hash, actors_.head(actor).hash) << when;
        ASSERT_EQ(chain.name, "actor " + std::to_string(actor)) << when;
        ASSERT_EQ(chain.removed.has_value(), chain.report.first_sequence > 0) << when;
      }
    }
  }

  MemoryDisk disk_;
  SeededRandom random_{1};
  SampleActors actors_{kActors};
  std::vector<std::string> notes_;
};

TEST_F(Retention, what_is_older_goes_and_the_rest_is_proven) {
  auto directory = open();
  const auto removed = retain(*directory, {.hours = 3});
  ASSERT_TRUE(removed) << removed.error().to_string();
  // Of the fourth actor the last part stays: nobody said that it has ended for good.
  EXPECT_EQ(segments(), kHours - 1) << "the first hour's file is gone, the second's has the end of a chain";
  EXPECT_EQ(removed->segments, 1u);
  EXPECT_EQ(removed->events, 3 * 19u + 9u);
  EXPECT_EQ(directory->chain(SampleActors::id(0)).value()->first_sequence(), 19u);
  directory.reset();
  for (int times = 0; times < 2; ++times) {
    expect_true(disk_);
    const auto stored = open()->actor(SampleActors::id(0));
    ASSERT_TRUE(stored);
    EXPECT_EQ(stored->first_sequence, 19u);
    EXPECT_EQ(stored->next_sequence, actors_.head(0).next_sequence);
    EXPECT_EQ(stored->name, "actor 0") << "as its removed start said";
    EXPECT_FALSE(stored->damage);
  }
  EXPECT_EQ(retain(*open(), {.hours = 3})->events, 0u) << "once is enough";
}

TEST_F(Retention, what_is_beyond_the_size_goes) {
  auto directory = open();
  ASSERT_TRUE(retain(*directory, {.bytes = 6000}));
  directory.reset();
  expect_true(disk_);
  const auto chain = open()->chain(SampleActors::id(0));
  ASSERT_TRUE(chain);
  // Two or three parts of some 3,000 bytes are enough.
  EXPECT_GT((*chain)->first_sequence(), 18u);
  EXPECT_LT((*chain)->first_sequence(), (*chain)->next_sequence() - 15);
}

TEST_F(Retention, without_a_rule_nothing_goes) {
  EXPECT_EQ(retain(*open(), {})->events, 0u);
  EXPECT_EQ(segments(), kHours);
  EXPECT_FALSE(*disk_.exists(removed_path(kSampleDirectory)));
}

TEST_F(Retention, an_actor_that_keeps_everything_keeps_the_files_it_is_in) {
  auto directory = open();
  const auto removed = directory->retain(
      [&](const StoredActor& actor) {
        return actor.id == SampleActors::id(0) ? RetentionRule() : RetentionRule{.hours = 1};
      },
      kStartNs + kHours * kHourNs);
  ASSERT_TRUE(removed);
  EXPECT_GT(removed->events, 0u);
  EXPECT_EQ(removed->segments, 0u);
  directory.reset();
  expect_true(disk_);
  EXPECT_EQ(open()->chain(SampleActors::id(0)).value()->first_sequence(), 0u);
  EXPECT_GT(open()->chain(SampleActors::id(1)).value()->first_sequence(), 0u);
}

TEST_F(Retention, of_an_actor_that_has_ended_all_may_go_but_its_end_is_known) {
  ASSERT_TRUE(retain(*open(), {.hours = 3, .has_ended = true}));
  EXPECT_EQ(segments(), kHours - 2);
  expect_true(disk_);
  const auto stored = open()->actor(SampleActors::id(kActors - 1));
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->stopped, StopReason::kRequested);
  EXPECT_EQ(stored->first_sequence, stored->next_sequence);
  EXPECT_EQ(stored->head, actors_.head(kActors - 1).hash);
  EXPECT_GT(open()->chain(SampleActors::id(0)).value()->next_sequence(), 0u)
      << "those that did not stop keep their end";
}

TEST_F(Retention, a_state_that_only_the_removed_part_tells_is_kept) {
  LinkBuilder builder;
  ChainHead& head = actors_.head(0);
  const Bytes state = chain::pattern(500);
  const auto turn = [&](SegmentWriter& segment, const StateRecord& record) {
    builder.begin(SampleActors::id(0), head, kStartNs);
    builder.call(1, std::nullopt, ValueView{chain::length_of(3), as_bytes("abc")});
    builder.returned(ValueRecord(), record, 7);
    builder.keep_state(Payload::copy(state));
    const SealedLink& link = builder.seal(head);
    for (const RecordedPayload& payload : link.payloads) segment.add_payload(payload.digest, payload.content.view());
    segment.add_link({link.actor, link.first_sequence, link.event_count, link.bytes, link.hash, false});
  };
  auto directory = open();
  for (int hour = 0; hour < 3; ++hour) {
    auto segment = directory->begin_segment(0, kStartNs + (kHours + static_cast<std::uint64_t>(hour)) * kHourNs);
    ASSERT_TRUE(segment);
    turn(**segment, hour == 0 ? StateRecord::changed(state) : StateRecord::unchanged());
    ASSERT_TRUE(directory->close_segment(std::move(*segment)));
  }
  ASSERT_TRUE(retain(*directory, {.hours = 1, .needs_state = true}, 2 * kHours));
  directory.reset();
  directory = open();
  const auto chain = directory->chain(SampleActors::id(0));
  ASSERT_TRUE(chain);
  EXPECT_EQ((*chain)->next_sequence() - (*chain)->first_sequence(), 2u);
  ASSERT_EQ(directory->removed(SampleActors::id(0)).remnants.size(), 2u);
  EXPECT_EQ((*chain)->find(sha256(state)), state);
}

TEST_F(Retention, what_is_damaged_stays) {
  const auto path = kSampleDirectory / "segments" / segment_file_name(1, 0);
  Bytes content = disk_.content(path);
  content[content.size() / 2] ^= 1;
  disk_.set_content(path, content);
  auto directory = open();
  ASSERT_FALSE(directory->damages().empty());
  ASSERT_TRUE(retain(*directory, {.hours = 1, .has_ended = true}));
  EXPECT_TRUE(*disk_.exists(path));
  directory.reset();
  EXPECT_FALSE(open()->damages().empty()) << "it is still told";
}

TEST_F(Retention, whatever_fails_and_whenever_the_power_goes_what_is_there_is_true) {
  using Operation = MemoryDisk::Operation;
  for (const Operation operation : {Operation::kWrite, Operation::kSync, Operation::kOpen, Operation::kRename,
                                    Operation::kRemove, Operation::kSyncDirectory}) {
    for (std::uint64_t nth = 0; nth < 8; ++nth) {
      const std::string when =
          "operation " + std::to_string(static_cast<int>(operation)) + " number " + std::to_string(nth) + ": ";
      auto disk = disk_.copy();
      {
        auto directory = open(*disk);
        disk->fail_at(operation, nth, MemoryDisk::Failure::kShortWrite);
        static_cast<void>(retain(*directory, {.hours = 3, .has_ended = true}));
        disk->stop_failing();
      }
      ASSERT_NO_FATAL_FAILURE(expect_true(*disk, when));
      disk->lose_power(nth);
      ASSERT_NO_FATAL_FAILURE(expect_true(*disk, when));
      ASSERT_TRUE(retain(*open(*disk), {.hours = 3, .has_ended = true})) << when << "once more";
      ASSERT_NO_FATAL_FAILURE(expect_true(*disk, when));
      EXPECT_EQ(disk->list(kSampleDirectory / "segments")->size(), kHours - 2) << when;
    }
  }
}

TEST_F(Retention, every_changed_byte_of_what_it_leaves_is_told) {
  ASSERT_TRUE(retain(*open(), {.hours = 3, .has_ended = true}));
  const auto path = removed_path(kSampleDirectory);
  const Bytes content = disk_.content(path);
  for (std::size_t at = 0; at < content.size(); at += 3) {
    Bytes changed = content;
    changed[at] ^= static_cast<std::uint8_t>(1u << (at % 8));
    disk_.set_content(path, changed);
    DirectoryVerifyOptions options;
    options.files = &disk_;
    const auto report = verify_directory(kSampleDirectory, options);
    ASSERT_FALSE(report && report->ok()) << "byte " << at;
    ASSERT_FALSE(decode_removed(ByteView(content).first(at))) << "cut at " << at;
  }
  ASSERT_TRUE(disk_.remove(path));
  DirectoryVerifyOptions options;
  options.files = &disk_;
  EXPECT_FALSE(verify_directory(kSampleDirectory, options)->ok()) << "nothing explains the missing events";
}

}  // namespace
}  // namespace theater::store
