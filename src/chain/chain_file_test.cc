#include "chain/chain_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "chain/sample_chain.h"

namespace theater::chain {
namespace {

/// A folder of its own for each test.
class ChainFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "/theater_chain_XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name = "a.chain") const { return folder_ / name; }

  static SealedLink sealed(const ChainSnapshot& snapshot, std::size_t i) {
    const auto& link = snapshot.links[i];
    return {snapshot.actor, link.first_sequence, link.event_count, snapshot.link_bytes(link), link.hash, {}};
  }

  /// Writes the sample chain with its payloads where they belong.
  void write_sample(bool close = true) {
    const ChainSnapshot snapshot = sample_chain();
    auto writer = ChainFileWriter::create(path());
    ASSERT_TRUE(writer) << writer.error().to_string();
    for (std::size_t i = 0; i < snapshot.links.size(); ++i) {
      SealedLink link = sealed(snapshot, i);
      std::vector<RecordedPayload> payloads;
      LinkDecoder decoder(link.bytes);
      EventView event;
      while (decoder.next(event)) {
        visit_digests(event, [&](ByteView digest, std::uint64_t) {
          for (const auto& payload : snapshot.payloads) {
            if (std::equal(digest.begin(), digest.end(), payload.digest.begin())) payloads.push_back(payload);
          }
        });
      }
      link.payloads = payloads;
      ASSERT_TRUE((*writer)->append(link));
    }
    if (close) {
      ASSERT_TRUE((*writer)->close());
    } else {
      ASSERT_TRUE((*writer)->flush());
    }
  }

  Bytes read_all() const {
    std::ifstream file(path(), std::ios::binary);
    return Bytes(std::istreambuf_iterator<char>(file), {});
  }
  void write_all(ByteView bytes, const std::string& name = "b.chain") const {
    std::ofstream file(path(name), std::ios::binary | std::ios::trunc);
    file << as_text(bytes);
  }

  std::filesystem::path folder_;
};

TEST_F(ChainFile, what_was_written_is_read_and_verified) {
  write_sample();
  const auto report = verify_chain_file(path());
  ASSERT_TRUE(report) << report.error().to_string();
  EXPECT_TRUE(report->ok()) << report->chain.fault->what;
  EXPECT_TRUE(report->closed);
  EXPECT_EQ(report->torn_bytes, 0u);
  EXPECT_EQ(report->chain.events, 19u);
  EXPECT_EQ(report->chain.payloads_checked, 3u);
  EXPECT_EQ(report->chain.payloads_missing, 0u);
  EXPECT_EQ(report->chain.head_hash, sample_chain().head_hash);
}

TEST_F(ChainFile, only_its_owner_may_read_it) {
  write_sample();
  struct stat status{};
  ASSERT_EQ(stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(ChainFile, an_existing_file_is_not_overwritten) {
  write_sample();
  const auto again = ChainFileWriter::create(path());
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code(), ErrorCode::kAlreadyExists);
  EXPECT_EQ(ChainFileWriter::create(path("no/such/folder")).error().code(), ErrorCode::kIo);
}

TEST_F(ChainFile, a_file_that_was_not_closed_says_so) {
  write_sample(false);
  const auto report = verify_chain_file(path());
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->ok());
  EXPECT_FALSE(report->closed);
  EXPECT_EQ(report->chain.events, 19u);
}

TEST_F(ChainFile, what_is_no_chain_file_is_an_error) {
  EXPECT_EQ(verify_chain_file(path("none")).error().code(), ErrorCode::kIo);
  EXPECT_EQ(verify_chain_file(folder_).error().code(), ErrorCode::kIo);
  write_all({});
  EXPECT_EQ(verify_chain_file(path("b.chain")).error().code(), ErrorCode::kCorrupt);
  write_all(as_bytes("theater chain 2\n"));
  EXPECT_EQ(verify_chain_file(path("b.chain")).error().code(), ErrorCode::kCorrupt);
}

TEST_F(ChainFile, cut_anywhere_it_holds_exactly_the_whole_links_before_the_cut) {
  write_sample();
  const Bytes whole = read_all();
  // Where each link's record ends.
  std::vector<std::uint64_t> ends;
  {
    auto reader = ChainFileReader::open(path());
    ASSERT_TRUE(reader);
    while (true) {
      auto record = (*reader)->next();
      ASSERT_TRUE(record);
      if (!*record) break;
      if ((*record)->type == ChainFileRecord::Type::kLink) ends.push_back((*reader)->offset());
    }
  }
  ASSERT_EQ(ends.size(), 8u);
  write_all(whole);
  for (std::size_t size = whole.size() - 1; size >= 16; --size) {
    std::filesystem::resize_file(path("b.chain"), size);
    const auto report = verify_chain_file(path("b.chain"));
    ASSERT_TRUE(report);
    ASSERT_TRUE(report->ok()) << size << ": " << report->chain.fault->what;
    ASSERT_FALSE(report->closed);
    const auto links = std::count_if(ends.begin(), ends.end(), [&](std::uint64_t end) { return end <= size; });
    ASSERT_EQ(report->chain.links, static_cast<std::uint64_t>(links)) << size;
  }
}

TEST_F(ChainFile, zeros_and_garbage_after_the_last_record_are_told_apart) {
  write_sample(false);
  Bytes bytes = read_all();
  const std::size_t size = bytes.size();
  bytes.resize(size + 5000);
  write_all(bytes);
  auto report = verify_chain_file(path("b.chain"));
  EXPECT_TRUE(report->ok());
  EXPECT_EQ(report->torn_bytes, 5000u);
  EXPECT_EQ(report->chain.links, 8u);
  bytes.resize(size);
  append(bytes, pattern(5000));
  write_all(bytes);
  report = verify_chain_file(path("b.chain"));
  ASSERT_FALSE(report->ok());
  EXPECT_EQ(report->chain.fault->sequence, 19u);
}

TEST_F(ChainFile, every_flipped_bit_is_found_and_one_in_a_link_with_its_sequence) {
  write_sample();
  const Bytes whole = read_all();
  std::vector<std::pair<std::uint64_t, std::uint64_t>> links;  // where the content begins and ends
  std::vector<std::uint64_t> sequences;
  auto reader = ChainFileReader::open(path());
  for (auto record = (*reader)->next(); *record; record = (*reader)->next()) {
    if ((*record)->type != ChainFileRecord::Type::kLink) continue;
    links.emplace_back((*record)->file_offset + 9, (*reader)->offset());
    sequences.push_back(LinkDecoder((*record)->bytes).header().first_sequence);
  }
  write_all(whole);
  const int file = open(path("b.chain").c_str(), O_WRONLY | O_CLOEXEC);
  ASSERT_GE(file, 0);
  for (std::size_t bit = 16 * 8; bit < whole.size() * 8; ++bit) {
    const std::size_t at = bit / 8;
    const auto flipped = static_cast<std::uint8_t>(whole[at] ^ (1u << (bit % 8)));
    ASSERT_EQ(pwrite(file, &flipped, 1, static_cast<off_t>(at)), 1);
    const auto report = verify_chain_file(path("b.chain"));
    ASSERT_EQ(pwrite(file, &whole[at], 1, static_cast<off_t>(at)), 1);
    ASSERT_TRUE(report);
    ASSERT_FALSE(report->ok()) << "bit " << bit;
    for (std::size_t i = 0; i < links.size(); ++i) {
      if (at < links[i].first || at >= links[i].second) continue;
      ASSERT_EQ(report->chain.fault->sequence, sequences[i]) << "bit " << bit;
    }
  }
  close(file);
}

TEST_F(ChainFile, a_deleted_record_is_found) {
  write_sample();
  const Bytes whole = read_all();
  std::vector<std::uint64_t> starts;
  auto reader = ChainFileReader::open(path());
  for (auto record = (*reader)->next(); *record; record = (*reader)->next()) starts.push_back((*record)->file_offset);
  starts.push_back(whole.size());
  for (std::size_t i = 0; i + 2 < starts.size(); ++i) {
    Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(starts[i]));
    cut.insert(cut.end(), whole.begin() + static_cast<std::ptrdiff_t>(starts[i + 1]), whole.end());
    write_all(cut);
    const auto report = verify_chain_file(path("b.chain"));
    ASSERT_TRUE(report);
    // A payload may be removed, a link may not.
    EXPECT_TRUE(!report->ok() || report->chain.payloads_missing == 1) << i;
  }
}

TEST_F(ChainFile, a_payload_too_large_for_the_buffer_is_written_and_read) {
  ChainHead head;
  LinkBuilder builder;
  const Bytes large = pattern(3'000'000);
  auto writer = ChainFileWriter::create(path());
  ASSERT_TRUE(writer);
  for (int i = 0; i < 3; ++i) {
    builder.begin(sample_actor(1), head, kSampleTimeNs);
    builder.note("a", ByteView(large));
    builder.note("a", ByteView(large));
    ASSERT_TRUE((*writer)->append(builder.seal(head)));
  }
  ASSERT_TRUE((*writer)->close(true));
  auto reader = ChainFileReader::open(path());
  ASSERT_TRUE(reader);
  int payloads = 0;
  for (auto record = (*reader)->next(); *record; record = (*reader)->next()) {
    if ((*record)->type != ChainFileRecord::Type::kPayload) continue;
    ++payloads;
    EXPECT_EQ(sha256((*record)->bytes), (*record)->digest);
    EXPECT_EQ((*record)->bytes.size(), large.size());
  }
  EXPECT_EQ(payloads, 3) << "once a link, however often the link names it";
}

TEST_F(ChainFile, a_write_that_fails_is_an_error_and_stays_one) {
  // A pipe-like target that always refuses: the file size limit of the process.
  const ChainSnapshot snapshot = sample_chain();
  auto writer = ChainFileWriter::create(path());
  ASSERT_TRUE(writer);
  ASSERT_TRUE((*writer)->append(sealed(snapshot, 0)));
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto ignored = signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 10;
  setrlimit(RLIMIT_FSIZE, &small);
  const auto first = (*writer)->flush();
  setrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, ignored);
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().code(), ErrorCode::kIo);
  EXPECT_FALSE((*writer)->flush());
  EXPECT_FALSE((*writer)->append(sealed(snapshot, 1)));
  EXPECT_FALSE((*writer)->close());
}

}  // namespace
}  // namespace theater::chain
