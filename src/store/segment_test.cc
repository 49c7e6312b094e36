#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "store/sample_store.h"

namespace theater::store {
namespace {

SegmentHeader sample_header(std::uint64_t number = 1) {
  SegmentHeader header{.number = number, .session = 1, .shard = 2, .created_ns = chain::kSampleTimeNs};
  for (std::size_t i = 0; i < header.marker.size(); ++i)
    header.marker[i] = static_cast<std::uint8_t>(0xa0 + i + number);
  return header;
}

/// One segment on a disk in memory.
class Segment : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(disk_.make_directory("/s")); }

  std::unique_ptr<SegmentWriter> create() {
    auto writer = SegmentWriter::create(disk_, "/s", sample_header());
    EXPECT_TRUE(writer) << writer.error().to_string();
    return std::move(*writer);
  }
  static const std::filesystem::path& path() {
    static const std::filesystem::path path = std::filesystem::path("/s") / segment_file_name(1, 2);
    return path;
  }
  /// Several groups of links and payloads of five actors.
  std::unique_ptr<SegmentWriter> write_sample(std::size_t groups = 5, bool with_payloads = true) {
    auto writer = create();
    std::mt19937_64 random(1);
    for (std::size_t group = 0; group < groups; ++group) {
      for (int i = 0; i < 7; ++i) {
        actors_.record(*writer, random() % 5, with_payloads && random() % 4 == 0 ? 1500 : random() % 300);
      }
      EXPECT_TRUE(writer->write());
      boundaries_.push_back({writer->written_bytes(), actors_.written().size()});
      if (group + 1 < groups) {
        EXPECT_TRUE(writer->sync());
      }
    }
    return writer;
  }
  ScannedSegment scan(MemoryDisk& disk, bool was_closed = false) {
    auto file = disk.open(path(), OpenMode::kRead);
    auto scanner = SegmentScanner::open(std::move(*file), {.was_closed = was_closed});
    ChainEnds ends;
    auto scanned = scan_segment(**scanner, 1, ends);
    EXPECT_TRUE(scanned) << scanned.error().to_string();
    return std::move(*scanned);
  }

  MemoryDisk disk_;
  SampleActors actors_{5};
  /// The file's size after each group, and the links in it.
  std::vector<std::pair<std::uint64_t, std::size_t>> boundaries_;
};

std::size_t links_of(const SegmentIndex& index) {
  std::size_t links = 0;
  for (const auto& [actor, part] : index.chains) links += part.links;
  return links;
}

TEST_F(Segment, a_closed_segment_is_read_as_it_was_written) {
  auto writer = write_sample();
  ASSERT_TRUE(writer->close());
  const ScannedSegment scanned = scan(disk_);
  EXPECT_TRUE(scanned.damages.empty());
  EXPECT_TRUE(scanned.tail.closed);
  EXPECT_EQ(scanned.tail.torn_bytes, 0u);
  ASSERT_EQ(scanned.index.chains.size(), 5u);
  for (std::size_t actor = 0; actor < 5; ++actor) {
    const ChainPart& part = scanned.index.chains.at(SampleActors::id(actor));
    EXPECT_EQ(part.first_sequence, 0u);
    EXPECT_EQ(part.next_sequence, actors_.head(actor).next_sequence);
    EXPECT_EQ(part.head, actors_.head(actor).hash);
    EXPECT_EQ(part.started_offset, part.first_offset);
  }
}

TEST_F(Segment, the_index_at_its_end_says_what_reading_all_of_it_says) {
  auto writer = write_sample();
  actors_.stop(*writer, 3);
  ASSERT_TRUE(writer->close());
  auto file = disk_.open(path(), OpenMode::kRead);
  const auto index = read_index(**file);
  ASSERT_TRUE(index && *index);
  EXPECT_EQ(**index, scan(disk_).index);
  EXPECT_EQ((*index)->chains.at(SampleActors::id(3)).stopped, StopReason::kRequested);
  EXPECT_FALSE((*index)->chains.at(SampleActors::id(2)).stopped);
  EXPECT_FALSE((*index)->payloads.empty());
}

TEST_F(Segment, cut_anywhere_with_any_tail_exactly_the_valid_prefix_is_kept) {
  write_sample(4);
  const Bytes whole = disk_.content(path());
  // Which links end where.
  std::vector<std::uint64_t> ends;
  {
    auto file = disk_.open(path(), OpenMode::kRead);
    auto scanner = SegmentScanner::open(std::move(*file), {});
    while (true) {
      const ScanStep step = *(*scanner)->next();
      if (std::holds_alternative<SegmentTail>(step)) break;
      const auto& record = std::get<SegmentRecord>(step);
      if (record.type == RecordType::kLink) {
        ends.push_back(record.offset + chain::kRecordFrameBytes + record.content.size());
      }
    }
  }
  ASSERT_EQ(ends.size(), actors_.written().size());
  // Before this, a later group says that it was safe: cutting there is damage.
  const std::uint64_t safe = boundaries_[2].first;
  std::mt19937_64 random(2);
  for (std::size_t cut = safe; cut <= whole.size(); cut += 1 + random() % 3) {
    const std::size_t expected = static_cast<std::size_t>(std::ranges::upper_bound(ends, cut) - ends.begin());
    for (int tail = 0; tail < 4; ++tail) {
      Bytes content(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(cut));
      if (tail == 1) content.resize(cut + 3000);
      if (tail == 2) {
        for (int i = 0; i < 3000; ++i) content.push_back(static_cast<std::uint8_t>(random()));
      }
      // What stood there before: the segment's own beginning, whole records and all.
      if (tail == 3) append(content, ByteView(whole).subspan(kFirstGroupOffset, 3000));
      MemoryDisk disk;
      disk.set_content(path(), content);
      const ScannedSegment scanned = scan(disk);
      ASSERT_TRUE(scanned.damages.empty()) << cut << " " << tail << " " << scanned.damages[0].to_string();
      ASSERT_EQ(links_of(scanned.index), expected) << "cut at " << cut << ", tail " << tail;
    }
  }
}

TEST_F(Segment, a_segment_that_must_have_been_closed_cannot_be_torn) {
  write_sample(4);
  Bytes content = disk_.content(path());
  content.resize(content.size() - 10);
  disk_.set_content(path(), content);
  const ScannedSegment scanned = scan(disk_, /*was_closed=*/true);
  EXPECT_FALSE(scanned.damages.empty());
}

/// Flips bits of a closed segment and says what each does.
TEST_F(Segment, every_flipped_bit_is_found_and_names_the_event) {
  auto writer = write_sample(3);
  ASSERT_TRUE(writer->close());
  const Bytes whole = disk_.content(path());
  std::mt19937_64 random(3);
  std::size_t named = 0;
  for (std::size_t bit = 0; bit < whole.size() * 8; bit += 1 + random() % 40) {
    Bytes content = whole;
    content[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    MemoryDisk disk;
    disk.set_content(path(), content);
    const ScannedSegment scanned = scan(disk);
    const bool is_found = !scanned.damages.empty() || !scanned.tail.closed;
    ASSERT_TRUE(is_found) << "bit " << bit;
    std::set<ActorId> damaged;
    for (const Damage& damage : scanned.damages) {
      if (damage.actor) damaged.insert(*damage.actor);
    }
    named += damaged.empty() ? 0 : 1;
    for (std::size_t actor = 0; actor < 5; ++actor) {
      const ActorId id = SampleActors::id(actor);
      if (damaged.contains(id)) continue;
      // The others lose nothing.
      ASSERT_TRUE(scanned.index.chains.contains(id)) << "bit " << bit;
      ASSERT_EQ(scanned.index.chains.at(id).head, actors_.head(actor).hash) << "bit " << bit << " actor " << actor;
    }
  }
  EXPECT_GT(named, 0u);
}

TEST_F(Segment, a_lost_sector_breaks_only_the_chains_that_were_in_it) {
  auto writer = write_sample(12);
  ASSERT_TRUE(writer->close());
  const Bytes whole = disk_.content(path());
  for (std::size_t sector = 0; sector * 512 < whole.size(); ++sector) {
    Bytes content = whole;
    for (std::size_t i = sector * 512; i < std::min(content.size(), (sector + 1) * 512); ++i) content[i] ^= 0x5a;
    MemoryDisk disk;
    disk.set_content(path(), content);
    const ScannedSegment scanned = scan(disk);
    ASSERT_TRUE(!scanned.damages.empty() || !scanned.tail.closed) << "sector " << sector;
    for (const auto& [actor, part] : scanned.index.chains) {
      // Whatever is kept of a chain is its beginning.
      ASSERT_EQ(part.first_sequence, 0u) << "sector " << sector;
      ASSERT_EQ(part.previous, Digest{});
    }
  }
}

TEST_F(Segment, a_payload_that_looks_like_a_group_is_not_taken_for_one) {
  auto writer = create();
  actors_.record(*writer, 0);
  ASSERT_TRUE(writer->write());
  ASSERT_TRUE(writer->sync());
  // All that a guest can know: the format, and where its payload will lie; not the marker.
  Bytes fake(kGroupRecordBytes + 1000);
  const std::uint64_t place = writer->written_bytes() + kGroupRecordBytes + chain::kRecordHeaderBytes;
  GroupHeader group{.marker = {}, .offset = place, .synced = UINT64_MAX, .bytes = 0};
  const auto content = encode(group);
  chain::put_record_header(fake.data(),
                           {.type = static_cast<std::uint8_t>(RecordType::kGroup), .length = content.size()});
  std::ranges::copy(content, fake.begin() + chain::kRecordHeaderBytes);
  const Digest digest = sha256(content);
  std::ranges::copy(digest, fake.begin() + chain::kRecordHeaderBytes + content.size());
  writer->add_payload(sha256(fake), fake);
  ASSERT_TRUE(writer->write());
  Bytes bytes = disk_.content(path());
  bytes.resize(bytes.size() - 1);
  bytes[boundaries_.empty() ? place - 1 : 0] ^= 1;
  disk_.set_content(path(), bytes);
  const ScannedSegment scanned = scan(disk_);
  EXPECT_TRUE(scanned.damages.empty()) << "nothing says that the torn tail was safe";
}

TEST_F(Segment, after_an_error_nothing_more_is_written_and_each_call_says_so) {
  auto writer = write_sample(2);
  disk_.fail_at(MemoryDisk::Operation::kSync, 0, MemoryDisk::Failure::kError);
  ASSERT_FALSE(writer->sync());
  const std::uint64_t writes = disk_.count(MemoryDisk::Operation::kWrite);
  actors_.record(*writer, 0);
  EXPECT_FALSE(writer->write());
  EXPECT_FALSE(writer->sync()) << "a second sync would succeed and prove nothing";
  EXPECT_FALSE(writer->close());
  EXPECT_EQ(disk_.count(MemoryDisk::Operation::kWrite), writes);
}

TEST(SegmentNames, are_read_as_they_are_written_and_nothing_else_is) {
  EXPECT_EQ(segment_file_name(12, 3), "000000000012-003.segment");
  EXPECT_EQ(parse_segment_file_name("000000000012-003.segment"), (std::pair<std::uint64_t, std::uint32_t>(12, 3)));
  for (const auto* name : {"", "12-3.segment", "000000000012-003.segmen", "000000000012-003.segment2", "x-003.segment",
                           "000000000012_003.segment", "catalog.sqlite", "-000000000012-003.segment"}) {
    EXPECT_FALSE(parse_segment_file_name(name)) << name;
  }
}

TEST(SegmentIndexes, are_decoded_as_they_were_encoded_and_every_cut_is_refused) {
  SegmentIndex index;
  for (std::uint8_t i = 0; i < 20; ++i) {
    ChainPart& part = index.chains[chain::sample_actor(i)];
    part = {.first_sequence = i * 1000ull,
            .next_sequence = i * 1000ull + 70,
            .links = 3,
            .first_offset = 400,
            .last_offset = 1ull << 40,
            .started_offset = i};
    if (i % 7 > 0) part.stopped = static_cast<StopReason>(i % 7);
    part.head.fill(i);
    index.payloads.push_back({part.head, i * 5ull});
  }
  const Bytes bytes = encode(index);
  const auto decoded = decode_index(bytes);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, index);
  for (std::size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(decode_index(ByteView(bytes).first(size)));
  Bytes longer = bytes;
  longer.push_back(0);
  EXPECT_FALSE(decode_index(longer));
}

}  // namespace
}  // namespace theater::store
