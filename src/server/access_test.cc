#include "server/access.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>

namespace theater::server {
namespace {

class AccessTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char folder[] = "/tmp/theater_access_XXXXXX";
    ASSERT_NE(mkdtemp(folder), nullptr);
    folder_ = folder;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path file() const { return folder_ / "sub" / "tokens"; }
  std::string text() const {
    std::ifstream stream(file());
    std::stringstream text;
    text << stream.rdbuf();
    return text.str();
  }
  void write(const std::string& text, mode_t mode = 0600) const {
    std::filesystem::create_directories(file().parent_path());
    std::filesystem::remove(file());
    std::ofstream(file()) << text;
    ASSERT_EQ(chmod(file().c_str(), mode), 0);
  }
  Result<Access> open() const { return Access::open(file(), {"Theater.Example:443"}); }

  std::filesystem::path folder_;
};

TEST_F(AccessTest, TheFirstStartMakesTokensThatNobodyElseCanRead) {
  const auto access = open();
  ASSERT_TRUE(access) << access.error().to_string();
  struct stat status{};
  ASSERT_EQ(stat(file().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  const std::string token = best_token(text());
  EXPECT_EQ(token.size(), 43u);
  EXPECT_EQ(access->bearer_of("Bearer " + token).right, Right::kAdmin);
  EXPECT_EQ(access->bearer_of("bearer " + token).right, Right::kAdmin);
  // The next start finds them.
  EXPECT_EQ(open()->bearer_of("Bearer " + token).right, Right::kAdmin);
}

TEST_F(AccessTest, EachTokenHasItsRightAndNoOtherHasAny) {
  write("# mine\nread aaaaaaaaaaaaaaaaaaaaaaaa\n\noperate bbbbbbbbbbbbbbbbbbbbbbbb\r\nadmin cccccccccccccccccccccccc");
  const auto access = open();
  ASSERT_TRUE(access) << access.error().to_string();
  EXPECT_EQ(access->bearer_of("Bearer aaaaaaaaaaaaaaaaaaaaaaaa").right, Right::kRead);
  EXPECT_EQ(access->bearer_of("Bearer bbbbbbbbbbbbbbbbbbbbbbbb").right, Right::kOperate);
  EXPECT_EQ(access->bearer_of("Bearer cccccccccccccccccccccccc").right, Right::kAdmin);
  for (const std::string_view none :
       {"", "Bearer", "Bearer ", "Bearer aaaaaaaaaaaaaaaaaaaaaaa", "Basic aaaaaaaaaaaaaaaaaaaaaaaa",
        "aaaaaaaaaaaaaaaaaaaaaaaa", "Bearer  aaaaaaaaaaaaaaaaaaaaaaaa"}) {
    EXPECT_EQ(access->bearer_of(none).right, Right::kNone) << none;
  }
  EXPECT_EQ(best_token(text()), "cccccccccccccccccccccccc");
}

TEST_F(AccessTest, ATokenMayBeHeldToARate) {
  write("read aaaaaaaaaaaaaaaaaaaaaaaa 50/s\noperate bbbbbbbbbbbbbbbbbbbbbbbb\n");
  const auto access = open();
  ASSERT_TRUE(access) << access.error().to_string();
  EXPECT_EQ(access->bearer_of("Bearer aaaaaaaaaaaaaaaaaaaaaaaa").requests_per_s, 50u);
  EXPECT_EQ(access->bearer_of("Bearer bbbbbbbbbbbbbbbbbbbbbbbb").requests_per_s, 0u);
  EXPECT_EQ(access->bearer_of("Bearer bbbbbbbbbbbbbbbbbbbbbbbb").place, 1u);
  for (const std::string_view wrong : {"50", "0/s", "-1/s", "50/m", "50/s ", "1000001/s", "/s", "50/s 50/s"}) {
    write("read aaaaaaaaaaaaaaaaaaaaaaaa " + std::string(wrong) + "\n");
    EXPECT_FALSE(open()) << wrong;
  }
}

TEST_F(AccessTest, AFileThatOthersCanReadOrThatIsMalformedIsRefused) {
  write("admin cccccccccccccccccccccccc\n", 0640);
  EXPECT_EQ(open().error().code(), ErrorCode::kNotPermitted);
  write("read aaaaaaaaaaaaaaaaaaaaaaaa\nadmin short\n");
  EXPECT_NE(open().error().message().find(":2:"), std::string::npos) << open().error().message();
  write("root aaaaaaaaaaaaaaaaaaaaaaaa\n");
  EXPECT_EQ(open().error().code(), ErrorCode::kInvalidArgument);
}

TEST_F(AccessTest, OnlyKnownHostsAndTheirOwnPagesMayCall) {
  const auto access = open();
  ASSERT_TRUE(access);
  for (const std::string_view host : {"localhost", "LOCALHOST:9000", "127.0.0.1:80", "[::1]:9000", "[::1]",
                                      "theater.example", "theater.example:8443"}) {
    EXPECT_TRUE(access->knows_host(host)) << host;
  }
  for (const std::string_view host : {"", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "[::1",
                                      "localhost:", "localhost:80x", "127.0.0.2", "localhost:80:80"}) {
    EXPECT_FALSE(access->knows_host(host)) << host;
  }
  EXPECT_TRUE(access->knows_origin("", "localhost:9000"));
  EXPECT_TRUE(access->knows_origin("http://localhost:9000", "localhost:9000"));
  EXPECT_FALSE(access->knows_origin("http://localhost:8000", "localhost:9000"));
  EXPECT_FALSE(access->knows_origin("null", "localhost:9000"));
  EXPECT_FALSE(access->knows_origin("https://evil.example", "localhost:9000"));
}

TEST_F(AccessTest, WithoutTokensNobodyHasARight) { EXPECT_EQ(Access().bearer_of("Bearer ").right, Right::kNone); }

}  // namespace
}  // namespace theater::server
