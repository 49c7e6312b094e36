#include "toolchain/create.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

#include "toolchain/project.h"

namespace theater::toolchain {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A folder that goes when the test ends, with an SDK of one template.
class CreateTest : public ::testing::Test {
 protected:
  CreateTest() {
    std::string pattern = (fs::temp_directory_path() / "theater-create-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    write("sdk/templates/cpp/basic/@NAME@.cc.in", "struct @TYPE@; // @NAME@ and @NAME@\n");
    write("sdk/templates/cpp/basic/run.sh", "echo @NAME@\n");
    fs::permissions(folder_ / "sdk/templates/cpp/basic/run.sh", fs::perms::owner_all);
  }
  ~CreateTest() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

  void write(const fs::path& name, std::string_view content) {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << content;
  }
  CreateOptions options(std::string name) const {
    return {.name = std::move(name),
            .template_name = "basic",
            .language = "cpp",
            .parent = folder_ / "projects",
            .template_folders = {folder_ / "own"},
            .sdk = folder_ / "sdk"};
  }
  std::string text(const fs::path& name) const { return read_text(folder_ / name).value_or("none"); }

  fs::path folder_;
};

TEST_F(CreateTest, a_template_is_copied_with_the_projects_name_and_its_type) {
  const auto created = create_project(options("ping-pong_2x"));
  ASSERT_TRUE(created) << created.error().to_string();
  EXPECT_THAT(created->files, ElementsAre("ping-pong_2x.cc", "run.sh"));
  EXPECT_EQ(text("projects/ping-pong_2x/ping-pong_2x.cc"), "struct PingPong2x; // ping-pong_2x and ping-pong_2x\n");
  EXPECT_EQ(text("projects/ping-pong_2x/run.sh"), "echo ping-pong_2x\n");
  const auto permissions = fs::status(created->folder / "run.sh").permissions();
  EXPECT_NE(permissions & fs::perms::owner_exec, fs::perms::none);
}

TEST_F(CreateTest, what_is_there_is_never_written_over) {
  ASSERT_TRUE(create_project(options("once")));
  write("projects/once/once.cc", "mine\n");
  write("projects/file", "a file\n");
  fs::create_symlink("nowhere", folder_ / "projects/link");
  for (const char* name : {"once", "file", "link"}) {
    const auto again = create_project(options(name));
    ASSERT_FALSE(again) << name;
    EXPECT_EQ(again.error().code(), ErrorCode::kAlreadyExists);
    EXPECT_THAT(again.error().message(), HasSubstr("exists already"));
  }
  EXPECT_EQ(text("projects/once/once.cc"), "mine\n");
  EXPECT_EQ(text("projects/file"), "a file\n");
}

TEST_F(CreateTest, a_name_that_is_no_name_is_refused_and_nothing_is_made) {
  for (const char* name : {"", "..", "a/b", "Upper", "2nd", "-a", "a-", "a--b", "a b", "\xc3\xa4", "@TYPE@"}) {
    const auto created = create_project(options(name));
    ASSERT_FALSE(created) << name;
    EXPECT_EQ(created.error().code(), ErrorCode::kInvalidArgument);
  }
  EXPECT_FALSE(check_project_name(std::string(65, 'a')));
  EXPECT_TRUE(check_project_name(std::string(64, 'a')));
  EXPECT_FALSE(fs::exists(folder_ / "projects"));
}

TEST_F(CreateTest, a_template_that_is_not_there_is_told_with_the_nearest) {
  CreateOptions wrong = options("x");
  wrong.template_name = "basics";
  EXPECT_EQ(create_project(wrong).error().message(), "there is no template \"basics\" in cpp; did you mean basic?");
  wrong.template_name = "http-server";
  EXPECT_EQ(create_project(wrong).error().message(), "there is no template \"http-server\" in cpp; there are basic");
  wrong.language = "java";
  EXPECT_EQ(create_project(wrong).error().message(), "there are no templates for the language \"java\"; there are cpp");
}

TEST_F(CreateTest, the_users_own_templates_come_first) {
  write("own/cpp/basic/mine.txt", "mine\n");
  write("own/cpp/team/ours.txt", "ours\n");
  EXPECT_THAT(create_project(options("one"))->files, ElementsAre("mine.txt"));
  CreateOptions team = options("two");
  team.template_name = "team";
  EXPECT_THAT(create_project(team)->files, ElementsAre("ours.txt"));
}

TEST_F(CreateTest, a_name_that_a_template_uses_itself_is_refused) {
  write("sdk/templates/cpp/basic/worker.cc.in", "");
  const auto created = create_project(options("worker"));
  ASSERT_FALSE(created);
  EXPECT_THAT(created.error().message(), HasSubstr("has a file worker.cc of its own"));
  EXPECT_FALSE(fs::exists(folder_ / "projects/worker"));
}

TEST_F(CreateTest, a_template_that_is_no_template_is_refused) {
  for (int i = 0; i <= 1'000; ++i) write("own/cpp/home/" + std::to_string(i), "");
  CreateOptions home = options("x");
  home.template_name = "home";
  EXPECT_EQ(create_project(home).error().code(), ErrorCode::kTooLarge);
}

}  // namespace
}  // namespace theater::toolchain
