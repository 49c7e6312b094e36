#include "store/content_store.h"

#include <gtest/gtest.h>

#include "store/memory_disk.h"

namespace theater::store {
namespace {

constexpr std::uint64_t kMax = 1u << 20;

class Content : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(disk_.make_directory("/c")); }
  MemoryDisk disk_;
  ContentStore store_{disk_, "/c"};
};

TEST_F(Content, what_was_put_is_found_by_its_digest) {
  const auto digest = store_.put(as_bytes("hello"));
  ASSERT_TRUE(digest) << digest.error().to_string();
  EXPECT_EQ(*digest, sha256(as_bytes("hello")));
  EXPECT_EQ(as_text(*store_.get(*digest, kMax)), "hello");
  EXPECT_TRUE(*store_.has(*digest));
}

TEST_F(Content, putting_it_again_writes_nothing) {
  ASSERT_TRUE(store_.put(as_bytes("hello")));
  const std::uint64_t writes = disk_.count(MemoryDisk::Operation::kWrite);
  ASSERT_TRUE(store_.put(as_bytes("hello")));
  EXPECT_EQ(disk_.count(MemoryDisk::Operation::kWrite), writes);
}

TEST_F(Content, changed_content_is_found_out_and_put_right_by_putting_it_again) {
  const Digest digest = *store_.put(as_bytes("hello"));
  disk_.set_content(store_.path_of(digest), to_bytes("jello"));
  const auto read = store_.get(digest, kMax);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code(), ErrorCode::kCorrupt);
  ASSERT_TRUE(store_.put(as_bytes("hello")));
  EXPECT_TRUE(store_.get(digest, kMax));
}

TEST_F(Content, removed_content_is_not_there_and_removing_twice_is_no_error) {
  const Digest digest = *store_.put(as_bytes("secret"));
  ASSERT_TRUE(store_.remove(digest));
  EXPECT_EQ(store_.get(digest, kMax).error().code(), ErrorCode::kNotFound);
  EXPECT_TRUE(store_.remove(digest));
}

TEST_F(Content, more_than_allowed_is_not_read) {
  const Digest digest = *store_.put(Bytes(1000));
  EXPECT_EQ(store_.get(digest, 999).error().code(), ErrorCode::kTooLarge);
}

TEST_F(Content, what_put_returned_for_is_there_after_a_power_loss) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    MemoryDisk disk;
    ASSERT_TRUE(disk.make_directory("/c"));
    ContentStore store(disk, "/c");
    const auto digest = store.put(Bytes(2000, static_cast<std::uint8_t>(seed)));
    ASSERT_TRUE(digest);
    disk.lose_power(seed);
    EXPECT_TRUE(store.get(*digest, kMax)) << "seed " << seed;
  }
}

TEST_F(Content, a_put_that_fails_anywhere_leaves_nothing_under_the_digest) {
  const Digest digest = sha256(as_bytes("hello"));
  using Operation = MemoryDisk::Operation;
  for (const Operation operation :
       {Operation::kWrite, Operation::kSync, Operation::kRename, Operation::kMakeDirectory}) {
    for (const auto failure : {MemoryDisk::Failure::kError, MemoryDisk::Failure::kShortWrite}) {
      MemoryDisk disk;
      ASSERT_TRUE(disk.make_directory("/c"));
      ContentStore store(disk, "/c");
      disk.fail_at(operation, 0, failure);
      EXPECT_FALSE(store.put(as_bytes("hello")));
      disk.stop_failing();
      EXPECT_FALSE(*store.has(digest));
      EXPECT_TRUE(store.put(as_bytes("hello"))) << "what the failed one left is no obstacle";
    }
  }
}

}  // namespace
}  // namespace theater::store
