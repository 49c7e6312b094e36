#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/file_system.h"

namespace theater::store {
namespace {

class PosixFiles : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "/theater_store_XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_;
  FileSystem& files_ = posix_file_system();
};

TEST_F(PosixFiles, a_file_reads_as_it_was_written) {
  auto file = files_.open(folder_ / "a", OpenMode::kCreate);
  ASSERT_TRUE(file) << file.error().to_string();
  ASSERT_TRUE((*file)->write(0, as_bytes("hello world")));
  ASSERT_TRUE((*file)->write(6, as_bytes("there")));
  ASSERT_TRUE((*file)->sync());
  Bytes bytes(20);
  const auto count = (*file)->read(0, bytes);
  ASSERT_TRUE(count);
  EXPECT_EQ(as_text(ByteView(bytes).first(*count)), "hello there");
  ASSERT_TRUE((*file)->truncate(5));
  EXPECT_EQ(*(*file)->size(), 5u);
}

TEST_F(PosixFiles, a_hole_reads_as_zeros_and_the_rest_stays) {
  auto file = files_.open(folder_ / "a", OpenMode::kCreate);
  ASSERT_TRUE((*file)->write(0, Bytes(20'000, 7)));
  ASSERT_TRUE((*file)->punch_hole(100, 10'000));
  Bytes bytes(20'000);
  ASSERT_TRUE((*file)->read(0, bytes));
  for (std::size_t i = 0; i < bytes.size(); ++i) ASSERT_EQ(bytes[i], i >= 100 && i < 10'100 ? 0 : 7) << i;
}

TEST_F(PosixFiles, files_and_folders_are_for_this_user_only) {
  ASSERT_TRUE(files_.make_directory(folder_ / "x" / "y"));
  ASSERT_TRUE(files_.make_directory(folder_ / "x" / "y")) << "one that is there is no error";
  ASSERT_TRUE(files_.open(folder_ / "x" / "y" / "f", OpenMode::kCreate));
  struct stat status{};
  ASSERT_EQ(stat((folder_ / "x" / "y").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
  ASSERT_EQ(stat((folder_ / "x" / "y" / "f").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_EQ(*files_.list(folder_ / "x" / "y"), std::vector<std::string>{"f"});
}

TEST_F(PosixFiles, what_is_not_there_and_what_is_there_already_have_codes_of_their_own) {
  EXPECT_EQ(files_.open(folder_ / "no", OpenMode::kRead).error().code(), ErrorCode::kNotFound);
  ASSERT_TRUE(files_.open(folder_ / "a", OpenMode::kCreate));
  EXPECT_EQ(files_.open(folder_ / "a", OpenMode::kCreate).error().code(), ErrorCode::kAlreadyExists);
  EXPECT_EQ(files_.remove(folder_ / "no").error().code(), ErrorCode::kNotFound);
  EXPECT_FALSE(*files_.exists(folder_ / "no"));
  EXPECT_EQ(files_.make_directory(folder_ / "a" / "b").error().code(), ErrorCode::kIo);
}

TEST_F(PosixFiles, a_second_owner_is_told_the_firsts_process) {
  auto lock = files_.lock(folder_ / "lock");
  ASSERT_TRUE(lock) << lock.error().to_string();
  const auto second = files_.lock(folder_ / "lock");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::kUnavailable);
  EXPECT_NE(second.error().message().find("process " + std::to_string(getpid())), std::string::npos)
      << second.error().message();
  lock->reset();
  EXPECT_TRUE(files_.lock(folder_ / "lock"));
}

TEST_F(PosixFiles, a_lock_ends_with_its_process) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto lock = files_.lock(folder_ / "lock");
    _exit(lock ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  EXPECT_TRUE(files_.lock(folder_ / "lock"));
}

TEST_F(PosixFiles, a_file_is_replaced_as_a_whole) {
  ASSERT_TRUE(write_file(files_, folder_ / "a", as_bytes("one")));
  ASSERT_TRUE(write_file(files_, folder_ / "a", as_bytes("second")));
  EXPECT_EQ(as_text(*read_file(files_, folder_ / "a", 100)), "second");
  EXPECT_EQ(*files_.list(folder_), std::vector<std::string>{"a"});
  EXPECT_EQ(read_file(files_, folder_ / "a", 5).error().code(), ErrorCode::kTooLarge);
}

}  // namespace
}  // namespace theater::store
