#include "chain/chain_source.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "chain/chain_file.h"
#include "chain/sample_chain.h"

namespace theater::chain {
namespace {

/// A folder of its own for each test.
class ChainSourceTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "/theater_source_XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string path() const { return folder_ / "a.chain"; }

  /// A chain of a start and so many turns of one link each, a large value in every tenth.
  ChainSnapshot write_chain(std::uint64_t turns) {
    ChainRecorder recorder(sample_actor(1), 1u << 20);
    recorder.started();
    for (std::uint64_t i = 0; i < turns; ++i) {
      recorder.turn(i % 10 == 0 ? std::string(2000, static_cast<char>('a' + i % 26)) : "turn");
    }
    ChainSnapshot snapshot = recorder.snapshot();
    auto writer = ChainFileWriter::create(path());
    EXPECT_TRUE(writer);
    for (const auto& link : snapshot.links) {
      SealedLink sealed{
          snapshot.actor, link.first_sequence, link.event_count, snapshot.link_bytes(link), link.hash, {}};
      std::vector<RecordedPayload> payloads;
      LinkDecoder decoder(sealed.bytes);
      EventView event;
      while (decoder.next(event)) {
        visit_digests(event, [&](ByteView digest, std::uint64_t) {
          for (const auto& payload : snapshot.payloads) {
            if (std::equal(digest.begin(), digest.end(), payload.digest.begin())) payloads.push_back(payload);
          }
        });
      }
      sealed.payloads = payloads;
      EXPECT_TRUE((*writer)->append(sealed));
    }
    EXPECT_TRUE((*writer)->close());
    return snapshot;
  }

  std::unique_ptr<ChainSource> opened() const {
    auto source = open_chain_file(path());
    EXPECT_TRUE(source) << source.error().to_string();
    return source ? std::move(*source) : nullptr;
  }

  std::filesystem::path folder_;
};

/// The hashes of the links from a sequence on.
std::vector<Digest> hashes(const ChainSource& source, std::uint64_t from_sequence) {
  std::vector<Digest> hashes;
  auto links = source.links(from_sequence);
  EXPECT_TRUE(links);
  while (links) {
    const auto link = (*links)->next();
    EXPECT_TRUE(link) << link.error().to_string();
    if (!link || !*link) break;
    EXPECT_EQ(sha256((*link)->bytes), (*link)->hash);
    hashes.push_back((*link)->hash);
  }
  return hashes;
}

std::vector<Digest> hashes(const ChainSnapshot& snapshot, std::uint64_t from_sequence) {
  std::vector<Digest> hashes;
  for (const auto& link : snapshot.links) {
    if (link.first_sequence + link.event_count > from_sequence) hashes.push_back(link.hash);
  }
  return hashes;
}

TEST_F(ChainSourceTest, a_file_and_memory_give_the_same_links_from_every_sequence) {
  const ChainSnapshot snapshot = write_chain(100);
  const auto file = opened();
  const auto memory = make_chain_source(snapshot, "memory");
  EXPECT_EQ(file->actor(), snapshot.actor);
  EXPECT_EQ(file->first_sequence(), 0u);
  EXPECT_EQ(file->next_sequence(), snapshot.next_sequence);
  for (std::uint64_t sequence = 0; sequence <= snapshot.next_sequence; ++sequence) {
    EXPECT_EQ(hashes(*file, sequence), hashes(snapshot, sequence)) << sequence;
    EXPECT_EQ(hashes(*memory, sequence), hashes(snapshot, sequence)) << sequence;
  }
}

TEST_F(ChainSourceTest, large_values_are_found_by_their_digest) {
  const ChainSnapshot snapshot = write_chain(30);
  ASSERT_FALSE(snapshot.payloads.empty());
  const auto file = opened();
  for (const RecordedPayload& payload : snapshot.payloads) {
    EXPECT_EQ(file->find(payload.digest), to_bytes(payload.content.view()));
  }
  EXPECT_EQ(file->find(Digest{}), std::nullopt);
}

TEST_F(ChainSourceTest, a_large_value_that_was_changed_is_not_found) {
  const ChainSnapshot snapshot = write_chain(1);
  std::string bytes;
  {
    std::ifstream in(path(), std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  const auto at = bytes.find(std::string(1500, 'a'));
  ASSERT_NE(at, std::string::npos);
  bytes[at] = 'b';
  std::ofstream(path(), std::ios::binary | std::ios::trunc) << bytes;
  const auto file = opened();
  for (const RecordedPayload& payload : snapshot.payloads) EXPECT_EQ(file->find(payload.digest), std::nullopt);
}

TEST_F(ChainSourceTest, links_before_damage_are_given_and_then_the_error) {
  const ChainSnapshot snapshot = write_chain(10);
  std::uint64_t offset = 0;
  {
    auto reader = ChainFileReader::open(path());
    for (int record = 0; record < 6; ++record) offset = (*(*reader)->next())->file_offset;
  }
  std::fstream file(path(), std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(static_cast<std::streamoff>(offset)).put('\x7f');
  file.close();
  const auto source = opened();
  auto links = source->links(0);
  std::size_t good = 0;
  while (true) {
    const auto link = (*links)->next();
    if (!link) {
      EXPECT_EQ(link.error().code(), ErrorCode::kCorrupt);
      break;
    }
    ASSERT_TRUE(*link);
    ++good;
  }
  EXPECT_GT(good, 0u);
  EXPECT_LT(good, snapshot.links.size());
}

TEST_F(ChainSourceTest, a_manifest_kept_in_a_file_is_found_and_no_fault) {
  ChainRecorder recorder(sample_actor(1));
  recorder.started();
  const ChainSnapshot snapshot = recorder.snapshot();
  const ChainSnapshot::Link& link = snapshot.links.front();
  {
    auto writer = ChainFileWriter::create(path());
    ASSERT_TRUE((*writer)->keep(as_bytes("name = \"counter\"")));
    ASSERT_TRUE((*writer)->append({snapshot.actor, 0, link.event_count, snapshot.link_bytes(link), link.hash, {}}));
    ASSERT_TRUE((*writer)->close());
  }
  EXPECT_EQ(opened()->manifest(sha256(as_bytes("name = \"counter\""))), "name = \"counter\"");
  const auto report = verify_chain_file(path());
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->ok());
  EXPECT_EQ(report->chain.payloads_missing, 0u);
}

TEST_F(ChainSourceTest, a_file_without_a_link_is_refused) {
  {
    auto writer = ChainFileWriter::create(path());
    ASSERT_TRUE((*writer)->close());
  }
  const auto source = open_chain_file(path());
  ASSERT_FALSE(source);
  EXPECT_EQ(source.error().code(), ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace theater::chain
