#include "cli/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/program.h"

namespace theater::cli {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

/// The whole program, never run.
class CompletionTest : public ::testing::Test {
 protected:
  CompletionTest() { add_program(app_, context_); }

  Completion completed(const std::vector<std::string>& words) const { return complete(app_, words); }
  std::vector<std::string> words(const std::vector<std::string>& words) const {
    std::vector<std::string> texts;
    for (const Candidate& candidate : completed(words).candidates) texts.push_back(candidate.text);
    return texts;
  }
  AlsoThere also(const std::vector<std::string>& words) const { return completed(words).also; }

  Output output_{false};
  const std::unique_ptr<Log> log_ = make_silent_log();
  const Configuration configuration_;
  Context context_{.output = output_, .log = *log_, .configuration = configuration_};
  CLI::App app_{"", "theater"};
};

TEST_F(CompletionTest, commands_are_told_with_what_they_do) {
  EXPECT_THAT(words({"termi"}), ElementsAre("terminate"));
  const auto found = completed({"termi"});
  EXPECT_EQ(found.candidates.front().description, "End an actor without waiting for its turn");
  EXPECT_THAT(words({}), Contains("server"));
  EXPECT_THAT(words({"nonsense-"}), IsEmpty());
}

TEST_F(CompletionTest, commands_below_a_command_are_found) {
  EXPECT_THAT(words({"channel", ""}), ElementsAre("open"));
  EXPECT_THAT(words({"-v", "server", "st"}), ElementsAre("status"));
}

TEST_F(CompletionTest, options_are_a_commands_own_and_those_for_all) {
  EXPECT_THAT(words({"events", "--fo"}), ElementsAre("--format"));
  EXPECT_THAT(words({"events", "--"}), Contains("--json"));
  EXPECT_THAT(words({"list", "--"}), Not(Contains("--format")));
  EXPECT_THAT(words({"list", "--", "--"}), IsEmpty());
}

TEST_F(CompletionTest, values_that_can_be_listed_are) {
  EXPECT_THAT(words({"events", "x", "-s", ""}), ElementsAre("chain", "time", "type", "size"));
  EXPECT_THAT(words({"events", "x", "--sort", "t"}), ElementsAre("time", "type"));
  EXPECT_THAT(words({"events", "x", "--sort=t"}), ElementsAre("--sort=time", "--sort=type"));
  EXPECT_THAT(words({"completion", "z"}), ElementsAre("zsh"));
  EXPECT_THAT(words({"bench", "p"}), Contains("ping-pong"));
}

TEST_F(CompletionTest, files_folders_and_actors_are_meant_where_they_are) {
  EXPECT_EQ(also({"start", ""}), AlsoThere::kFiles);
  EXPECT_EQ(also({"run", "one", "two", ""}), AlsoThere::kFiles);
  EXPECT_EQ(also({"build", ""}), AlsoThere::kFolders);
  EXPECT_EQ(also({"stop", ""}), AlsoThere::kActors);
  EXPECT_EQ(also({"stop", "one", ""}), AlsoThere::kNothing);
  EXPECT_EQ(also({"events", ""}), AlsoThere::kActorsAndFiles);
  EXPECT_EQ(also({"show", ""}), AlsoThere::kActorsAndFiles);
  EXPECT_EQ(also({"verify", ""}), AlsoThere::kFiles);
  EXPECT_EQ(also({"update", ""}), AlsoThere::kActors);
  EXPECT_EQ(also({"update", "one", ""}), AlsoThere::kFiles);
  EXPECT_EQ(also({"doctor", "one", ""}), AlsoThere::kFiles);
  EXPECT_EQ(also({"diff", "one", ""}), AlsoThere::kFiles);
  EXPECT_EQ(also({"create", "-t", ""}), AlsoThere::kTemplates);
  EXPECT_EQ(also({"list", "--children-of="}), AlsoThere::kActors);
  EXPECT_EQ(completed({"list", "--children-of="}).prefix, "--children-of=");
}

TEST_F(CompletionTest, an_options_value_is_no_argument) {
  EXPECT_EQ(also({"message", "-f", "file", ""}), AlsoThere::kActors);
  EXPECT_EQ(also({"message", "-ffile", ""}), AlsoThere::kActors);
  EXPECT_EQ(also({"message", "-r", ""}), AlsoThere::kActors);
  EXPECT_EQ(also({"message", "-f", ""}), AlsoThere::kFiles);
  EXPECT_EQ(also({"message", "-rf", ""}), AlsoThere::kFiles);
}

TEST_F(CompletionTest, the_server_that_was_typed_is_asked) {
  EXPECT_EQ(completed({"stop", "-a", "unix:/x", ""}).address, "unix:/x");
  EXPECT_EQ(completed({"stop", "--address=here:1", ""}).address, "here:1");
  EXPECT_EQ(completed({"stop", "-ahere:2", ""}).address, "here:2");
}

TEST_F(CompletionTest, there_is_a_script_for_each_shell) {
  for (const char* shell : {"bash", "zsh", "fish"}) EXPECT_NE(completion_script(shell), "") << shell;
  EXPECT_EQ(completion_script("tcsh"), "");
}

}  // namespace
}  // namespace theater::cli
