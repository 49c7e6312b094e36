#include "engine/code_cache.h"

#include <sys/stat.h>

#include <fstream>
#include <thread>

#include "fixture.h"

namespace theater::engine::test {
namespace {

namespace fs = std::filesystem;

class CodeCacheTest : public testing::Test {
 protected:
  fs::path folder() const { return temporary_.path() / "cache"; }
  std::unique_ptr<CodeCache> open(std::uint64_t max_bytes = 1u << 30) {
    return must(CodeCache::open(folder(), max_bytes));
  }
  static Bytes component(int result) {
    return must(wat_to_wasm("(component (core module $m (func (export \"f\") (result i32) i32.const " +
                            std::to_string(result) +
                            ")) (core instance $i (instantiate $m)) (func (export \"f\") (result u32) (canon lift "
                            "(core func $i \"f\"))))"));
  }
  std::vector<fs::path> files(std::string_view suffix) const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(folder())) {
      if (entry.path().native().ends_with(suffix)) found.push_back(entry.path());
    }
    return found;
  }
  /// Calls f of the component.
  static std::uint64_t result_of(const std::shared_ptr<const Component>& component) {
    const auto linked = must(LinkedComponent::link(component, TestHost::callback, {}));
    Instance instance = must(Instance::create(linked, {}, nullptr));
    te_call_args args{};
    args.fuel = UINT64_MAX;
    args.deadline_ticks = UINT64_MAX;
    const Bytes bytes = joined(must(instance.call(args))->result);
    return ValueReader(bytes).unsigned_integer();
  }

 private:
  TemporaryFolder temporary_;
};

TEST_F(CodeCacheTest, the_second_time_comes_from_the_cache) {
  const auto cache = open();
  const auto first = must(cache->get(shared_engine(), component(7)));
  EXPECT_FALSE(first.from_cache);
  EXPECT_EQ(first.warning, "");
  const auto second = must(open()->get(shared_engine(), component(7)));
  EXPECT_TRUE(second.from_cache);
  EXPECT_EQ(second.component->digest(), sha256(component(7)));
  EXPECT_EQ(result_of(second.component), 7u);
  EXPECT_FALSE(must(cache->get(shared_engine(), component(8))).from_cache);
}

TEST_F(CodeCacheTest, only_the_owner_can_read_it) {
  must(open()->get(shared_engine(), component(7)));
  struct stat status{};
  ASSERT_EQ(::stat(folder().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
  for (const auto& entry : fs::directory_iterator(folder())) {
    ASSERT_EQ(::stat(entry.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u) << entry.path();
  }
}

TEST_F(CodeCacheTest, a_changed_byte_anywhere_compiles_again_and_replaces) {
  const auto cache = open();
  must(cache->get(shared_engine(), component(7)));
  const fs::path file = files(".code").at(0);
  const Bytes good = read_bytes(file);
  for (std::size_t at = 0; at < good.size(); at += good.size() / 7) {
    Bytes bad = good;
    bad[at] ^= 1;
    write_file(file, bad);
    const auto found = must(cache->get(shared_engine(), component(7)));
    EXPECT_FALSE(found.from_cache);
    EXPECT_NE(found.warning.find("digest"), std::string::npos) << found.warning;
    EXPECT_EQ(result_of(found.component), 7u);
    EXPECT_TRUE(must(cache->get(shared_engine(), component(7))).from_cache);
  }
}

TEST_F(CodeCacheTest, a_truncated_empty_or_missing_part_compiles_again) {
  const auto cache = open();
  must(cache->get(shared_engine(), component(7)));
  const fs::path code = files(".code").at(0);
  const fs::path digest = files(".sha256").at(0);
  const auto spoil = [&](auto&& change) {
    change();
    EXPECT_FALSE(must(cache->get(shared_engine(), component(7))).from_cache);
    EXPECT_TRUE(must(cache->get(shared_engine(), component(7))).from_cache);
  };
  spoil([&] { fs::resize_file(code, fs::file_size(code) / 2); });
  spoil([&] { fs::resize_file(code, 0); });
  spoil([&] { fs::remove(code); });
  spoil([&] { fs::resize_file(digest, 10); });
  spoil([&] { fs::remove(digest); });
  spoil([&] { fs::remove(code), fs::create_directory(code), fs::remove(code); });
}

TEST_F(CodeCacheTest, a_file_with_a_right_digest_that_is_no_code_of_this_engine_compiles_again) {
  const auto cache = open();
  must(cache->get(shared_engine(), component(7)));
  const Bytes junk = to_bytes("not code at all");
  write_file(files(".code").at(0), junk);
  write_file(files(".sha256").at(0), as_bytes(to_hex(sha256(junk))));
  const auto found = must(cache->get(shared_engine(), component(7)));
  EXPECT_FALSE(found.from_cache);
  EXPECT_NE(found.warning, "");
}

TEST_F(CodeCacheTest, a_file_that_others_can_write_is_not_believed) {
  const auto cache = open();
  must(cache->get(shared_engine(), component(7)));
  ASSERT_EQ(::chmod(files(".code").at(0).c_str(), 0666), 0);
  const auto found = must(cache->get(shared_engine(), component(7)));
  EXPECT_FALSE(found.from_cache);
  EXPECT_NE(found.warning.find("writable by others"), std::string::npos) << found.warning;
  EXPECT_TRUE(must(cache->get(shared_engine(), component(7))).from_cache);
}

TEST_F(CodeCacheTest, a_link_in_place_of_a_file_is_not_followed) {
  const auto cache = open();
  must(cache->get(shared_engine(), component(7)));
  const fs::path file = files(".code").at(0);
  fs::rename(file, folder() / "elsewhere");
  fs::create_symlink(folder() / "elsewhere", file);
  EXPECT_FALSE(must(cache->get(shared_engine(), component(7))).from_cache);
  EXPECT_FALSE(fs::is_symlink(file));
}

TEST_F(CodeCacheTest, a_folder_that_others_can_write_is_refused) {
  fs::create_directory(folder());
  ASSERT_EQ(::chmod(folder().c_str(), 0777), 0);
  const auto cache = CodeCache::open(folder(), 1u << 20);
  ASSERT_FALSE(cache);
  EXPECT_EQ(cache.error().code(), ErrorCode::kNotPermitted);
}

TEST_F(CodeCacheTest, engines_with_other_settings_have_code_of_their_own) {
  const auto cache = open();
  must(cache->get(shared_engine(), component(7)));
  const auto other = must(Engine::create({.allocation = Allocation::kOnDemand, .fuel = false}));
  EXPECT_FALSE(must(cache->get(*other, component(7))).from_cache);
  EXPECT_EQ(files(".code").size(), 2u);
}

TEST_F(CodeCacheTest, over_its_bound_the_oldest_go) {
  must(open()->get(shared_engine(), component(0)));
  const std::uint64_t one = fs::file_size(files(".code").at(0));
  const auto cache = open(one * 7 / 2);
  for (int i = 1; i < 6; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    must(cache->get(shared_engine(), component(i)));
    EXPECT_TRUE(must(cache->get(shared_engine(), component(0))).from_cache) << "used each time, so never the oldest";
  }
  EXPECT_EQ(files(".code").size(), 3u);
  EXPECT_EQ(files(".sha256").size(), 3u);
}

TEST_F(CodeCacheTest, an_error_of_the_component_is_the_callers) {
  const auto found = open()->get(shared_engine(), as_bytes("nonsense"));
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code(), ErrorCode::kInvalidComponent);
}

TEST_F(CodeCacheTest, threads_may_share_it) {
  const auto cache = open();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 8; ++i)
        EXPECT_EQ(result_of(must(cache->get(shared_engine(), component(i % 3))).component), i % 3u);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace theater::engine::test
