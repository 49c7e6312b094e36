#include <gtest/gtest.h>

#include <algorithm>

#include "store/checkpoint_writer.h"
#include "store/sample_store.h"
#include "store/verify_directory.h"

namespace theater::store {
namespace {

constexpr std::size_t kSampleActors = 3;

/// A directory with large values of several actors, of which signed heads tell.
class Redaction : public testing::Test {
 protected:
  void SetUp() override {
    auto directory = open(disk_);
    CheckpointWriter::Options options;
    options.random = &random_;
    auto checkpoints = CheckpointWriter::open(disk_, kSampleDirectory, options);
    ASSERT_TRUE(checkpoints);
    ASSERT_TRUE((*checkpoints)->all_found().empty());
    std::size_t size = 2000;
    for (int part = 0; part < 2; ++part) {
      auto segment = directory->begin_segment(0, 1);
      ASSERT_TRUE(segment);
      // Each of another size, and so another value.
      for (std::size_t turn = 0; turn < 4 * kSampleActors; ++turn)
        actors_.record(**segment, turn % kSampleActors, size++);
      ASSERT_TRUE(directory->close_segment(std::move(*segment)));
    }
    for (std::size_t actor = 0; actor < kSampleActors; ++actor) {
      const ChainHead& head = actors_.head(actor);
      (*checkpoints)->head_is_safe(SampleActors::id(actor), head.next_sequence, head.hash, 1);
    }
    ASSERT_TRUE((*checkpoints)->write(0));
    note_ = (*checkpoints)->latest();
    ASSERT_TRUE((*checkpoints)->close(0));
    for (std::size_t actor = 0; actor < kSampleActors; ++actor) {
      const auto chain = directory->chain(SampleActors::id(actor));
      ASSERT_TRUE(chain);
      const auto named = values_of_events(**chain, {}, /*all=*/true);
      ASSERT_TRUE(named) << named.error().to_string();
      for (const auto& [digest, bytes] : *named) values_.push_back(digest);
    }
    ASSERT_EQ(values_.size(), 7 * kSampleActors);
  }

  std::unique_ptr<DataDirectory> open(MemoryDisk& disk) {
    auto directory = DataDirectory::open(kSampleDirectory, DataDirectory::Access::kWrite, on_disk(disk, random_));
    EXPECT_TRUE(directory) << directory.error().to_string();
    return directory ? std::move(*directory) : nullptr;
  }
  /// All chains are true to the older checkpoint; so many of their values are not there.
  void expect_proven(MemoryDisk& disk, std::uint64_t missing_least, std::uint64_t missing_most,
                     const std::string& when = "") {
    DirectoryVerifyOptions options;
    options.files = &disk;
    options.older_note = note_;
    const auto report = verify_directory(kSampleDirectory, options);
    ASSERT_TRUE(report) << when;
    ASSERT_TRUE(report->ok()) << when << (report->damages.empty() ? "" : report->damages[0].to_string());
    ASSERT_EQ(report->torn_bytes, 0u) << when;
    std::uint64_t missing = 0;
    for (std::size_t actor = 0; actor < kSampleActors; ++actor) {
      const VerifyReport& chain = report->chains.at(SampleActors::id(actor)).report;
      ASSERT_EQ(chain.head_hash, actors_.head(actor).hash) << when;
      missing += chain.payloads_missing;
    }
    EXPECT_GE(missing, missing_least) << when;
    EXPECT_LE(missing, missing_most) << when;
  }
  /// Whether a segment has these bytes.
  static bool is_somewhere(const MemoryDisk& disk, ByteView bytes) {
    return std::ranges::any_of(disk.paths(), [&](const auto& path) {
      const Bytes file = disk.content(path);
      return path.extension() == ".segment" && !std::ranges::search(file, bytes).empty();
    });
  }
  /// As it stands in a segment, which tells it from a longer one.
  static Bytes with_digest(Bytes content) {
    append(content, sha256(content));
    return content;
  }

  MemoryDisk disk_;
  SeededRandom random_{1};
  SampleActors actors_{kSampleActors};
  std::string note_;
  std::vector<Digest> values_;
};

TEST_F(Redaction, removed_values_are_gone_from_the_files_and_every_proof_still_holds) {
  expect_proven(disk_, 0, 0);
  EXPECT_TRUE(is_somewhere(disk_, chain::pattern(16)));
  auto directory = open(disk_);
  const Bytes content = with_digest(directory->content(values_[1])->value());
  EXPECT_TRUE(is_somewhere(disk_, content));
  const auto removed = directory->redact({values_[1], values_[9], sha256(as_bytes("of nobody"))});
  ASSERT_TRUE(removed) << removed.error().to_string();
  EXPECT_EQ(removed->values, 2u);
  EXPECT_GT(removed->bytes, 4000u);
  EXPECT_FALSE(*directory->content(values_[1]));
  EXPECT_TRUE(*directory->content(values_[2])) << "the others are there";
  EXPECT_EQ(directory->redact({values_[1]})->values, 0u) << "once is enough";
  directory.reset();
  expect_proven(disk_, 2, 2);
  EXPECT_FALSE(is_somewhere(disk_, content));
  EXPECT_FALSE(*open(disk_)->content(values_[1]));
}

TEST_F(Redaction, all_at_once_leave_zeros) {
  ASSERT_EQ(open(disk_)->redact({values_.begin(), values_.end()})->values, values_.size());
  expect_proven(disk_, values_.size(), values_.size());
  // What all of them are made of.
  EXPECT_FALSE(is_somewhere(disk_, chain::pattern(16)));
}

TEST_F(Redaction, content_with_a_file_of_its_own_goes_too) {
  auto directory = open(disk_);
  const auto digest = directory->content_files().put(chain::pattern(5000));
  ASSERT_TRUE(digest);
  EXPECT_EQ(directory->redact({*digest})->bytes, 5000u);
  EXPECT_FALSE(*directory->content_files().has(*digest));
}

TEST_F(Redaction, what_an_actor_runs_with_is_no_value) {
  auto directory = open(disk_);
  const StoredActor actor = *directory->actor(SampleActors::id(0));
  for (const Digest& digest : {actor.component, actor.manifest}) {
    const auto refused = directory->redact({digest, values_[0]});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
  }
  EXPECT_TRUE(*directory->content(values_[0])) << "nothing was removed";
}

TEST_F(Redaction, a_value_that_was_changed_is_evidence_and_stays) {
  const Bytes value = with_digest(open(disk_)->content(values_[3])->value());
  for (const auto& path : disk_.paths()) {
    Bytes content = disk_.content(path);
    const auto at = std::ranges::search(content, value);
    if (at.empty()) continue;
    at.front() ^= 1;
    disk_.set_content(path, content);
  }
  auto directory = open(disk_);
  ASSERT_FALSE(directory->damages().empty());
  const auto refused = directory->redact({values_.begin(), values_.end()});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kCorrupt);
  EXPECT_NE(refused.error().to_string().find("nothing was removed"), std::string::npos);
}

TEST_F(Redaction, cut_off_anywhere_each_value_is_there_or_gone_and_never_damage) {
  using Operation = MemoryDisk::Operation;
  const std::set<Digest> chosen = {values_[0], values_[1], values_[2], values_[20]};
  for (const Operation operation : {Operation::kWrite, Operation::kSync}) {
    std::uint64_t count = 0;
    {
      auto whole = disk_.copy();
      const auto directory = open(*whole);
      const std::uint64_t before = whole->count(operation);
      ASSERT_TRUE(directory->redact(chosen));
      count = whole->count(operation) - before;
    }
    ASSERT_GE(count, 4u);
    for (std::uint64_t nth = 0; nth < count; ++nth) {
      for (std::uint64_t seed = 0; seed < 4; ++seed) {
        const std::string when = "operation " + std::to_string(static_cast<int>(operation)) + " number " +
                                 std::to_string(nth) + ", seed " + std::to_string(seed) + ": ";
        auto disk = disk_.copy();
        {
          const auto directory = open(*disk);
          disk->fail_at(operation, nth, MemoryDisk::Failure::kShortWrite);
          EXPECT_FALSE(directory->redact(chosen)) << when;
        }
        disk->stop_failing();
        ASSERT_NO_FATAL_FAILURE(expect_proven(*disk, 0, chosen.size(), when));
        disk->lose_power(seed);
        ASSERT_NO_FATAL_FAILURE(expect_proven(*disk, 0, chosen.size(), when));
        ASSERT_TRUE(open(*disk)->redact(chosen)) << when;
        ASSERT_NO_FATAL_FAILURE(expect_proven(*disk, chosen.size(), chosen.size(), when));
        EXPECT_EQ(open(*disk)->redact(chosen)->values, 0u) << when << "nothing but zeros is left";
      }
    }
  }
}

TEST_F(Redaction, a_flipped_bit_beside_a_redacted_value_is_still_found) {
  ASSERT_TRUE(open(disk_)->redact({values_.begin(), values_.end()}));
  const auto path = kSampleDirectory / "segments" / segment_file_name(2, 0);
  const Bytes whole = disk_.content(path);
  std::vector<std::uint64_t> headers;
  const auto index = read_index(**disk_.open(path, OpenMode::kRead));
  ASSERT_TRUE(index && *index);
  for (const PayloadPlace& place : (*index)->payloads) headers.push_back(place.offset);
  ASSERT_GE(headers.size(), 4u);
  DirectoryVerifyOptions options;
  options.files = &disk_;
  for (const std::uint64_t header : headers) {
    // Its own frame, and the group's before the first of them.
    for (std::uint64_t bit = header < 200 ? kFirstGroupOffset * 8 : header * 8;
         bit < (header + chain::kRecordHeaderBytes) * 8; bit += header < 200 ? 5 : 1) {
      Bytes content = whole;
      content[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
      disk_.set_content(path, content);
      const auto report = verify_directory(kSampleDirectory, options);
      ASSERT_TRUE(report);
      ASSERT_FALSE(report->ok()) << "bit " << bit;
      if (bit < header * 8) {
        EXPECT_EQ(report->broken_chains(), 0u) << "what stands behind the group's frame is whole: bit " << bit;
      }
    }
  }
}

}  // namespace
}  // namespace theater::store
