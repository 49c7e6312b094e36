#include "chain/redact.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "chain/bundle.h"
#include "chain/sample_chain.h"

namespace theater::chain {
namespace {

class Redact : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "/theater_redact_XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    snapshot_ = sample_chain();
    write_chain(/*close=*/true);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name = "a.chain") const { return folder_ / name; }
  void write_chain(bool close) {
    std::filesystem::remove(path());
    auto writer = ChainFileWriter::create(path());
    ASSERT_TRUE(writer);
    ASSERT_TRUE((*writer)->keep(as_bytes("name = \"counter\"")));
    for (const auto& link : snapshot_.links) {
      for (const auto& [digest, size] : values_of(snapshot_.link_bytes(link))) {
        const auto content = snapshot_.find(digest);
        if (content) {
          ASSERT_TRUE((*writer)->keep(*content));
        }
      }
      ASSERT_TRUE((*writer)->append(
          {snapshot_.actor, link.first_sequence, link.event_count, snapshot_.link_bytes(link), link.hash, {}}));
    }
    ASSERT_TRUE(close ? (*writer)->close() : (*writer)->flush());
  }
  static NamedValues values_of(ByteView link) {
    NamedValues values;
    LinkDecoder decoder(link);
    EventView event;
    while (decoder.next(event)) {
      visit_digests(event, [&](ByteView named, std::uint64_t size) {
        Digest digest;
        std::ranges::copy(named, digest.begin());
        values.emplace(digest, size);
      });
    }
    return values;
  }
  static std::set<Digest> digests(const NamedValues& values) {
    std::set<Digest> digests;
    for (const auto& one : values) digests.insert(one.first);
    return digests;
  }
  NamedValues named(std::set<std::uint64_t> sequences, bool all = false) const {
    const auto source = open_chain_file(path());
    EXPECT_TRUE(source);
    const auto values = values_of_events(**source, sequences, all);
    EXPECT_TRUE(values) << values.error().to_string();
    return *values;
  }
  static std::string read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  ChainSnapshot snapshot_;
  std::filesystem::path folder_;
};

TEST_F(Redact, the_values_of_an_event_are_those_that_it_names_by_digest) {
  EXPECT_EQ(named({6}).size(), 1u);
  EXPECT_EQ(named({6}).begin()->second, 2048u);
  EXPECT_TRUE(named({3}).empty()) << "a small value stands in the event";
  EXPECT_EQ(named({5, 6, 8}).size(), 3u);
  EXPECT_EQ(named({}, /*all=*/true).size(), 3u);
  const auto source = open_chain_file(path());
  EXPECT_EQ(values_of_events(**source, {6, 99}, false).error().code(), ErrorCode::kNotFound);
}

TEST_F(Redact, a_removed_value_is_gone_from_the_file_and_every_proof_still_holds) {
  const auto before = verify_chain_file(path());
  ASSERT_TRUE(before && before->ok());
  const auto summary = redact_chain_file(path(), path("b.chain"), digests(named({6})));
  ASSERT_TRUE(summary) << summary.error().to_string();
  EXPECT_EQ(summary->values, 1u);
  EXPECT_EQ(summary->bytes, 2048u);
  const auto after = verify_chain_file(path("b.chain"));
  ASSERT_TRUE(after);
  EXPECT_TRUE(after->ok()) << after->chain.fault->what;
  EXPECT_TRUE(after->closed);
  EXPECT_EQ(after->chain.head_hash, before->chain.head_hash);
  EXPECT_EQ(after->chain.payloads_missing, before->chain.payloads_missing + 1);
  const Bytes content = pattern(2048);
  EXPECT_NE(read(path()).find(as_text(content)), std::string::npos);
  EXPECT_EQ(read(path("b.chain")).find(as_text(content)), std::string::npos);
  EXPECT_NE(read(path("b.chain")).find("name = \"counter\""), std::string::npos) << "the manifest stays";
}

TEST_F(Redact, without_a_value_to_remove_the_file_stays_as_it_is) {
  for (const bool close : {true, false}) {
    write_chain(close);
    std::filesystem::remove(path("b.chain"));
    ASSERT_TRUE(redact_chain_file(path(), path("b.chain"), {Digest{}}));
    EXPECT_EQ(read(path()), read(path("b.chain")));
  }
}

TEST_F(Redact, a_broken_chain_and_a_file_that_is_there_are_left_alone) {
  EXPECT_EQ(redact_chain_file(path(), path(), {}).error().code(), ErrorCode::kAlreadyExists);
  std::string bytes = read(path());
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  std::ofstream(path(), std::ios::binary | std::ios::trunc) << bytes;
  EXPECT_EQ(redact_chain_file(path(), path("b.chain"), {}).error().code(), ErrorCode::kCorrupt);
  EXPECT_FALSE(std::filesystem::exists(path("b.chain")));
}

TEST_F(Redact, a_bundle_keeps_all_but_the_removed_values) {
  const auto source = open_chain_file(path());
  ASSERT_TRUE(source);
  BundleExtras extras;
  extras.permissions = "{}";
  ASSERT_TRUE(write_bundle(path("a.bundle"), **source, extras));
  const auto summary = redact_bundle(path("a.bundle"), path("b.bundle"), digests(named({8})));
  ASSERT_TRUE(summary) << summary.error().to_string();
  EXPECT_EQ(summary->values, 1u);
  EXPECT_EQ(summary->bytes, 1500u);
  const auto report = verify_bundle(path("b.bundle"));
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->ok());
  EXPECT_EQ(report->chain.head_hash, snapshot_.head_hash);
  EXPECT_EQ(report->chain.payloads_missing, 1u);
  EXPECT_EQ((*Bundle::open(path("b.bundle")))->permissions(), "{}");
}

}  // namespace
}  // namespace theater::chain
