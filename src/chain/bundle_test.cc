#include "chain/bundle.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "chain/sample_chain.h"
#include "chain/tar.h"

namespace theater::chain {
namespace {

const Bytes kComponent = pattern(300);
const std::string kManifest = "name = \"counter\"\n";

/// A log whose last entry is the head of a chain.
struct SignedLog {
  note::SigningKey key;
  std::vector<HeadEntry> entries;
  explicit SignedLog(std::uint64_t seed = 1)
      : key([&] {
          SeededRandom random(seed);
          return make_log_key(random);
        }()) {}

  std::vector<Digest> leaves(std::size_t size) const {
    std::vector<Digest> leaves;
    for (std::size_t i = 0; i < size; ++i) leaves.push_back(entries[i].leaf());
    return leaves;
  }
  std::string note(std::size_t size) const {
    return key.sign(Checkpoint{key.verifier().name(), size, merkle::root_of(leaves(size))}.to_text());
  }
  HeadProof proof(std::size_t index, std::size_t size) const {
    return {.entry = entries[index],
            .key = key.verifier().key(),
            .index = index,
            .path = merkle::prove_inclusion(leaves(size), index),
            .checkpoint_note = note(size)};
  }
};

class BundleTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "/theater_bundle_XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    ChainRecorder recorder(sample_actor(1), 1u << 20);
    recorder.link([](LinkBuilder& builder) {
      const FunctionTable functions = sample_functions();
      StartedRecord record;
      record.name = "counter";
      record.component = sha256(kComponent);
      record.manifest = sha256(as_bytes(kManifest));
      record.functions = &functions;
      static_cast<void>(builder.started(record));
    });
    for (int i = 0; i < 6; ++i) {
      recorder.turn(i % 3 == 1 ? std::string(2000, 'x') : "turn " + std::to_string(i));
      log_.entries.push_back({sample_actor(1), recorder.head().next_sequence, recorder.head().hash});
      log_.entries.push_back({sample_actor(2), recorder.head().next_sequence, Digest{}});
    }
    snapshot_ = recorder.snapshot();
    source_ = make_chain_source(snapshot_, "memory");
    extras_.components = {kComponent};
    extras_.manifests = {kManifest};
    extras_.permissions = "{}\n";
    extras_.proofs = {log_.proof(10, 12), log_.proof(4, 6)};
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name = "a.bundle") const { return folder_ / name; }
  BundleSummary write(const std::string& name = "a.bundle") const {
    const auto summary = write_bundle(path(name), *source_, extras_);
    EXPECT_TRUE(summary) << summary.error().to_string();
    return summary ? *summary : BundleSummary();
  }
  static Bytes read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    const std::string text(std::istreambuf_iterator<char>(file), {});
    return to_bytes(text);
  }
  void put(const Bytes& bytes) const { std::ofstream(path(), std::ios::binary | std::ios::trunc) << as_text(bytes); }

  /// The bundle's files, changed and packed anew.
  void repack(const std::function<void(std::vector<std::pair<std::string, Bytes>>& files)>& change) const {
    const auto members = tar::list(path());
    ASSERT_TRUE(members);
    std::vector<std::pair<std::string, Bytes>> files;
    for (const tar::Member& member : *members) {
      files.emplace_back(member.name, tar::read_section(path(), member.content, 1u << 20).value());
    }
    change(files);
    std::filesystem::remove(path());
    auto writer = tar::Writer::create(path());
    ASSERT_TRUE(writer);
    for (const auto& [name, content] : files) ASSERT_TRUE((*writer)->add(name, content));
    ASSERT_TRUE((*writer)->finish());
  }
  bool is_found_true(BundleVerifyOptions options = {}) const {
    const auto report = verify_bundle(path(), std::move(options));
    return report && report->ok();
  }

  SignedLog log_;
  ChainSnapshot snapshot_;
  std::unique_ptr<ChainSource> source_;
  BundleExtras extras_;
  std::filesystem::path folder_;
};

TEST_F(BundleTest, has_all_that_went_in_and_is_found_true) {
  const BundleSummary summary = write();
  EXPECT_EQ(summary.actor, sample_actor(1));
  EXPECT_EQ(summary.events, 19u);
  EXPECT_EQ(summary.head, snapshot_.head_hash);
  EXPECT_EQ(summary.values_missing, 2u) << "states that nobody kept";
  EXPECT_EQ(summary.components, 1u);
  EXPECT_EQ(summary.manifests, 1u);
  EXPECT_EQ(summary.proofs, 2u);
  EXPECT_TRUE(is_bundle(path()));
  const auto report = verify_bundle(path());
  ASSERT_TRUE(report) << report.error().to_string();
  EXPECT_TRUE(report->ok()) << report->fault.value_or(report->chain.fault ? report->chain.fault->what : "");
  EXPECT_EQ(report->chain.events, 19u);
  EXPECT_EQ(report->chain.payloads_checked, 2u);
  EXPECT_EQ(report->chain.heads_checked, 2u);
  EXPECT_EQ(report->components, 1u);
  EXPECT_EQ(report->manifests_missing, 0u);
  ASSERT_EQ(report->checkpoints.size(), 2u);
  EXPECT_EQ(report->checkpoints[1].size, 12u);
}

TEST_F(BundleTest, is_a_source_like_any_other) {
  write();
  const auto source = open_bundle(path());
  ASSERT_TRUE(source) << source.error().to_string();
  EXPECT_EQ((*source)->actor(), sample_actor(1));
  EXPECT_EQ((*source)->next_sequence(), snapshot_.next_sequence);
  EXPECT_EQ((*source)->component(sha256(kComponent)), kComponent);
  EXPECT_EQ((*source)->manifest(sha256(as_bytes(kManifest))), kManifest);
  EXPECT_EQ((*source)->component(Digest{}), std::nullopt);
  for (const RecordedPayload& payload : snapshot_.payloads) {
    EXPECT_EQ((*source)->find(payload.digest), to_bytes(payload.content.view()));
  }
  for (const std::uint64_t from : {0u, 7u, 18u}) {
    auto links = (*source)->links(from);
    ASSERT_TRUE(links);
    const auto link = (*links)->next();
    ASSERT_TRUE(link && *link);
    const LinkDecoder decoder((*link)->bytes);
    EXPECT_LE(decoder.header().first_sequence, from);
    EXPECT_GT(decoder.header().first_sequence + decoder.header().event_count, from);
  }
}

TEST_F(BundleTest, bundled_again_it_is_the_same_file) {
  write();
  const auto source = open_bundle(path());
  ASSERT_TRUE(source);
  BundleExtras extras;
  extras.permissions = extras_.permissions;
  extras.proofs = extras_.proofs;
  ASSERT_TRUE(write_bundle(path("b.bundle"), **source, extras));
  EXPECT_EQ(read(path("a.bundle")), read(path("b.bundle")));
}

TEST_F(BundleTest, what_is_not_kept_is_told_as_missing) {
  extras_ = {};
  snapshot_.payloads.clear();
  source_ = make_chain_source(snapshot_, "memory");
  const BundleSummary summary = write();
  EXPECT_EQ(summary.components_missing, 1u);
  EXPECT_EQ(summary.manifests_missing, 1u);
  EXPECT_EQ(summary.values_missing, 4u);
  const auto report = verify_bundle(path());
  ASSERT_TRUE(report && report->ok());
  EXPECT_EQ(report->components_missing, 1u);
  EXPECT_EQ(report->chain.payloads_missing, 4u);
}

TEST_F(BundleTest, what_does_not_belong_to_the_chain_is_refused) {
  extras_.components.push_back(to_bytes("another"));
  EXPECT_EQ(write_bundle(path(), *source_, extras_).error().code(), ErrorCode::kInvalidArgument);
  extras_.components.pop_back();
  extras_.proofs = {log_.proof(11, 12)};
  EXPECT_EQ(write_bundle(path(), *source_, extras_).error().code(), ErrorCode::kInvalidArgument);
  log_.entries[10].head[0] ^= 1;
  extras_.proofs = {log_.proof(10, 12)};
  EXPECT_EQ(write_bundle(path(), *source_, extras_).error().code(), ErrorCode::kCorrupt);
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(BundleTest, a_broken_chain_is_not_bundled) {
  snapshot_.bytes[snapshot_.links[3].offset + 60] ^= 1;
  source_ = make_chain_source(snapshot_, "memory");
  const auto written = write_bundle(path(), *source_, extras_);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code(), ErrorCode::kCorrupt);
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(BundleTest, any_byte_changed_is_found) {
  write();
  const Bytes whole = read(path());
  const auto members = tar::list(path());
  ASSERT_TRUE(members);
  std::fstream file(path(), std::ios::binary | std::ios::in | std::ios::out);
  const auto put_byte = [&](std::size_t at, std::uint8_t byte) {
    file.seekp(static_cast<std::streamoff>(at));
    file.put(static_cast<char>(byte)).flush();
  };
  for (std::size_t at = 0; at < whole.size(); at += 5) {
    put_byte(at, whole[at] ^ static_cast<std::uint8_t>(1u << (at % 8)));
    // What explains the format, and what is for people; and what fills up a block. Nobody is to believe those.
    bool is_judged = false;
    for (const tar::Member& member : *members) {
      const bool is_content = at >= member.content.offset && at < member.content.offset + member.content.size;
      const bool is_header = at >= member.content.offset - 512 && at < member.content.offset &&
                             at != member.content.offset - 512 + 154 && at != member.content.offset - 512 + 155;
      is_judged |= is_header || (is_content && member.name != "permissions.json" && !member.name.ends_with(".txt"));
    }
    EXPECT_FALSE(is_judged && is_found_true()) << "byte " << at;
    put_byte(at, whole[at]);
  }
}

TEST_F(BundleTest, files_out_of_place_are_found) {
  using Files = std::vector<std::pair<std::string, Bytes>>;
  const std::function<void(Files&)> kChanges[] = {
      [](Files& files) { std::swap(files[1], files[2]); },
      [](Files& files) { std::swap(files[2], files[3]); },
      [](Files& files) { std::swap(files[3], files[4]); },
      [](Files& files) { std::swap(files[5], files[6]); },
      [](Files& files) { files.erase(files.begin()); },
      [](Files& files) { files.erase(files.begin() + 1); },
      [](Files& files) { files.push_back(files.back()); },
      [](Files& files) { files.insert(files.begin() + 2, files[2]); },
      [](Files& files) { files.push_back({"more", {}}); },
      [](Files& files) { files.push_back({"../more", {}}); },
      [](Files& files) { files[1].first = "AC700000-0000-4000-8000-000000000001.chain"; },
      [](Files& files) { files[1].first = "ac700000-0000-4000-8000-000000000002.chain"; },
      [](Files& files) { files[2].first = "components/" + to_hex(sha256(as_bytes("x"))) + ".wasm"; },
      [](Files& files) { files[2] = {"components/" + to_hex(sha256(as_bytes("x"))) + ".wasm", to_bytes("x")}; },
      [](Files& files) { files[4].second = {0xff}; },
      [](Files& files) { files[5].first = "proofs/7.tlog-proof"; },
      [](Files& files) { files[1].second.resize(files[1].second.size() - 60); },
  };
  int number = 0;
  for (const auto& change : kChanges) {
    std::filesystem::remove(path());
    write();
    repack(change);
    const auto report = verify_bundle(path());
    EXPECT_FALSE(report && report->ok()) << "change " << number;
    ++number;
  }
  std::filesystem::remove(path());
  write();
  repack([](Files&) {});
  EXPECT_TRUE(is_found_true());
}

TEST_F(BundleTest, an_older_checkpoint_must_be_led_to_by_a_proof) {
  write();
  BundleVerifyOptions options;
  options.older_note = log_.note(6);
  EXPECT_TRUE(is_found_true(options));
  options.older_note = log_.note(8);
  EXPECT_FALSE(is_found_true(options));
  SignedLog other(2);
  other.entries = log_.entries;
  options.older_note = other.note(6);
  EXPECT_FALSE(is_found_true(options)) << "the same log under another key";
}

TEST_F(BundleTest, the_log_must_have_the_name_that_is_asked_for) {
  write();
  BundleVerifyOptions options;
  options.log_name = log_.key.verifier().name();
  EXPECT_TRUE(is_found_true(options));
  options.log_name = SignedLog(2).key.verifier().name();
  EXPECT_FALSE(is_found_true(options));
  extras_.proofs.clear();
  std::filesystem::remove(path());
  write();
  options.log_name = log_.key.verifier().name();
  EXPECT_FALSE(is_found_true(options)) << "it is in no log at all";
}

TEST_F(BundleTest, a_chain_that_was_written_anew_misses_the_proofs_of_the_true_one) {
  write();
  auto links = stored_links(snapshot_);
  links[4].bytes.back() ^= 1;
  reseal(links, 4);
  const std::string chain_path = folder_ / "forged.chain";
  auto writer = ChainFileWriter::create(chain_path);
  ASSERT_TRUE(writer);
  for (const StoredLink& link : links) {
    const LinkDecoder decoder(link.bytes);
    ASSERT_TRUE((*writer)->append(
        {sample_actor(1), link.first_sequence, decoder.header().event_count, link.bytes, link.hash, {}}));
  }
  ASSERT_TRUE((*writer)->close());
  ASSERT_TRUE(verify_chain_file(chain_path)->ok()) << "nobody can tell";
  repack([&](auto& files) { files[1].second = read(chain_path); });
  const auto report = verify_bundle(path());
  ASSERT_TRUE(report);
  ASSERT_TRUE(report->chain.fault);
  EXPECT_EQ(report->chain.fault->sequence, 10u) << "the first head, of the log's fifth entry, does not fit it";
}

TEST_F(BundleTest, what_is_no_bundle_is_an_error) {
  put(to_bytes("hello"));
  EXPECT_FALSE(is_bundle(path()));
  EXPECT_FALSE(verify_bundle(path()));
  EXPECT_EQ(verify_bundle(path("none")).error().code(), ErrorCode::kIo);
}

}  // namespace
}  // namespace theater::chain
