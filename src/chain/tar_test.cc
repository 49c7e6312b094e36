#include "chain/tar.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "chain/sample_chain.h"

namespace theater::tar {
namespace {

using chain::pattern;

class Tar : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "/theater_tar_XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name = "a.tar") const { return folder_ / name; }
  Bytes read(const std::string& name = "a.tar") const {
    std::ifstream file(path(name), std::ios::binary);
    const std::string text(std::istreambuf_iterator<char>(file), {});
    return to_bytes(text);
  }
  void put(const Bytes& bytes) const { std::ofstream(path(), std::ios::binary | std::ios::trunc) << as_text(bytes); }
  void write(const std::string& name = "a.tar") const {
    auto writer = Writer::create(path(name));
    ASSERT_TRUE(writer) << writer.error().to_string();
    ASSERT_TRUE((*writer)->add("first.txt", as_bytes("hello")));
    ASSERT_TRUE((*writer)->add("folder/empty", {}));
    const auto descriptor = (*writer)->begin("folder/second");
    ASSERT_TRUE(descriptor);
    const Bytes content = pattern(1500);
    ASSERT_EQ(::write(*descriptor, content.data(), content.size()), 1500);
    ASSERT_TRUE((*writer)->end());
    ASSERT_TRUE((*writer)->add("third", pattern(512)));
    ASSERT_TRUE((*writer)->finish());
  }

  std::filesystem::path folder_;
};

TEST_F(Tar, what_was_added_is_listed_and_read) {
  write();
  const auto members = list(path());
  ASSERT_TRUE(members) << members.error().to_string();
  ASSERT_EQ(members->size(), 4u);
  EXPECT_EQ((*members)[0].name, "first.txt");
  EXPECT_EQ(read_section(path(), (*members)[0].content, 100).value(), to_bytes("hello"));
  EXPECT_EQ((*members)[1].content.size, 0u);
  EXPECT_EQ(read_section(path(), (*members)[2].content, 1500).value(), pattern(1500));
  EXPECT_EQ(read_section(path(), (*members)[2].content, 1499).error().code(), ErrorCode::kTooLarge);
  EXPECT_EQ((*members)[3].name, "third");
}

TEST_F(Tar, equal_contents_make_equal_files) {
  write("a.tar");
  write("b.tar");
  EXPECT_EQ(read("a.tar"), read("b.tar"));
}

TEST_F(Tar, the_systems_tar_reads_it_and_what_it_packs_is_read) {
  write();
  const std::string in = "cd " + folder_.string() + " && ";
  ASSERT_EQ(std::system((in + "tar -xf a.tar").c_str()), 0);
  EXPECT_EQ(read("first.txt"), to_bytes("hello"));
  EXPECT_EQ(read("folder/second"), pattern(1500));
  for (const char* format : {"ustar", "gnu"}) {
    ASSERT_EQ(std::system((in + "tar --format=" + format + " -cf b.tar first.txt folder/second").c_str()), 0);
    const auto members = list(path("b.tar"));
    ASSERT_TRUE(members) << format << ": " << members.error().to_string();
    EXPECT_EQ(members->size(), 2u);
  }
  ASSERT_EQ(std::system((in + "tar -cf b.tar folder").c_str()), 0);
  EXPECT_FALSE(list(path("b.tar"))) << "a folder is no plain file";
}

TEST_F(Tar, a_file_that_is_there_is_left_alone) {
  put(to_bytes("precious"));
  EXPECT_EQ(Writer::create(path()).error().code(), ErrorCode::kAlreadyExists);
  EXPECT_EQ(read(), to_bytes("precious"));
}

TEST_F(Tar, one_that_was_not_finished_is_removed) {
  {
    auto writer = Writer::create(path());
    ASSERT_TRUE(writer);
    ASSERT_TRUE((*writer)->add("first.txt", as_bytes("hello")));
  }
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(Tar, every_changed_bit_of_a_header_and_every_cut_is_found) {
  write();
  const Bytes whole = read();
  const auto members = list(path());
  ASSERT_TRUE(members);
  for (std::size_t size = 0; size < whole.size(); size += 37) {
    put({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)});
    EXPECT_EQ(list(path()).error().code(), ErrorCode::kCorrupt) << size;
  }
  put(whole);
  std::fstream file(path(), std::ios::binary | std::ios::in | std::ios::out);
  const auto put_byte = [&](std::size_t at, std::uint8_t byte) {
    file.seekp(static_cast<std::streamoff>(at));
    file.put(static_cast<char>(byte)).flush();
  };
  for (const Member& member : *members) {
    for (std::size_t bit = 0; bit < 512 * 8; ++bit) {
      const std::size_t at = member.content.offset - 512 + bit / 8;
      put_byte(at, whole[at] ^ static_cast<std::uint8_t>(1u << (bit % 8)));
      const auto listed = list(path());
      // A blank or NUL behind the checksum's digits ends them either way.
      const bool is_terminator = bit / 8 == 154 || bit / 8 == 155;
      ASSERT_TRUE(is_terminator || !listed) << member.name << " bit " << bit;
      put_byte(at, whole[at]);
    }
  }
  EXPECT_TRUE(list(path()));
}

TEST_F(Tar, anything_behind_the_end_is_found) {
  write();
  Bytes bytes = read();
  bytes.resize(bytes.size() + 9000);
  put(bytes);
  EXPECT_TRUE(list(path())) << "zeros up to a full block of tapes are usual";
  bytes.back() = 1;
  put(bytes);
  EXPECT_FALSE(list(path()));
}

}  // namespace
}  // namespace theater::tar
