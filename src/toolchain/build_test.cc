#include "toolchain/build.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <array>
#include <chrono>
#include <fstream>

#include "toolchain/process.h"
#include "toolchain/project.h"

namespace theater::toolchain {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;

constexpr const char* kActor = R"(#include <theater.hpp>
struct Greeter : theater::Actor {
  theater::Status on_send(theater::View message) {
    theater::log("hello ", message);
    return theater::ok();
  }
};
template struct theater::Component<Greeter>;
)";

/// An empty folder that goes when the test ends, and environment variables as they were.
class ToolchainTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    std::string pattern = (fs::temp_directory_path() / "theater-toolchain-sdk-XXXXXX").string();
    shared_folder_ = mkdtemp(pattern.data());
  }
  static void TearDownTestSuite() {
    std::error_code ignored;
    fs::remove_all(shared_folder_, ignored);
  }

  ToolchainTest() {
    std::string pattern = (fs::temp_directory_path() / "theater-toolchain-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~ToolchainTest() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
    for (const auto& [name, value] : saved_) value ? setenv(name.c_str(), value->c_str(), 1) : unsetenv(name.c_str());
  }

  fs::path write(const fs::path& name, std::string_view content) {
    const fs::path file = folder_ / name;
    fs::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << content;
    return file;
  }
  void set_variable(const std::string& name, const std::string& value) {
    const char* const before = getenv(name.c_str());
    saved_.emplace_back(name, before == nullptr ? std::nullopt : std::optional<std::string>(before));
    setenv(name.c_str(), value.c_str(), 1);
  }
  BuildOptions options() const {
    BuildOptions options;
    options.directory = folder_;
    options.sdk_objects = shared_folder_;
    return options;
  }
  Result<BuildReport> run_build() { return build(options()); }
  std::string error_of_build() {
    const Result<BuildReport> report = run_build();
    return report ? "it was built" : report.error().to_string();
  }

  /// The SDK's objects, compiled once for all tests.
  static inline fs::path shared_folder_;
  fs::path folder_;
  std::vector<std::pair<std::string, std::optional<std::string>>> saved_;
};

TEST_F(ToolchainTest, a_folder_with_one_source_becomes_a_component_of_the_folder_s_name) {
  write("greeter.cc", kActor);
  const Result<BuildReport> report = run_build();
  ASSERT_TRUE(report) << report.error().to_string();
  ASSERT_EQ(report->components.size(), 1u);
  const BuiltComponent& built = report->components[0];
  EXPECT_EQ(built.path, folder_ / "build" / (folder_.filename().string() + ".wasm"));
  EXPECT_EQ(built.bytes, fs::file_size(built.path));
  EXPECT_THAT(built.imports, ElementsAre("theater:simple/runtime.log"));
  EXPECT_THAT(built.exports,
              IsSupersetOf({"theater:simple/actor.init", "theater:simple/message-server-client.handle-send"}));
  EXPECT_THAT(built.warnings, IsEmpty());
}

TEST_F(ToolchainTest, the_manifest_says_where_the_component_goes) {
  write("src/greeter.cpp", kActor);
  write("manifest.toml",
        "# comment\nname = \"greet\"\ncomponent = \"out/it.wasm\" # here\n[[handler]]\ntype = \"runtime\"\n");
  const Result<BuildReport> report = run_build();
  ASSERT_TRUE(report) << report.error().to_string();
  EXPECT_EQ(report->components[0].name, "greet");
  EXPECT_TRUE(fs::exists(folder_ / "out/it.wasm"));
}

TEST_F(ToolchainTest, several_manifests_share_out_the_sources_by_name) {
  write("a.cc", kActor);
  write("b.cc", std::string(kActor) + "extern int shared; int use() { return shared; }\n");
  write("shared.c", "int shared = 5;\n");
  write("a.toml", "name = \"a\"\ncomponent = \"build/a.wasm\"\n");
  write("a_again.toml", "name = \"a-again\"\ncomponent = \"build/a.wasm\"\n");
  write("b.toml", "name = \"b\"\ncomponent = \"build/b.wasm\"\n");
  const Result<BuildReport> report = run_build();
  ASSERT_TRUE(report) << report.error().to_string();
  EXPECT_EQ(report->components.size(), 2u);
  EXPECT_TRUE(fs::exists(folder_ / "build/a.wasm"));
  EXPECT_TRUE(fs::exists(folder_ / "build/b.wasm"));
}

TEST_F(ToolchainTest, a_second_build_does_nothing_and_a_changed_source_is_built_again) {
  const fs::path source = write("greeter.cc", kActor);
  ASSERT_TRUE(run_build());
  Result<BuildReport> report = run_build();
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->components[0].unchanged);
  EXPECT_EQ(report->components[0].compiled, 0u);

  std::string changed = kActor;
  changed.replace(changed.find("hello"), 5, "hallo");
  write("greeter.cc", changed);
  fs::last_write_time(source, fs::file_time_type::clock::now() + std::chrono::seconds(2));
  report = run_build();
  ASSERT_TRUE(report);
  EXPECT_FALSE(report->components[0].unchanged);
  EXPECT_EQ(report->components[0].compiled, 1u);
}

TEST_F(ToolchainTest, a_changed_header_is_noticed) {
  write("greeter.cc", std::string("#include \"word.h\"\n") + kActor);
  const fs::path header = write("word.h", "#define WORD 1\n");
  ASSERT_TRUE(run_build());
  fs::last_write_time(header, fs::file_time_type::clock::now() + std::chrono::seconds(2));
  const Result<BuildReport> report = run_build();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->components[0].compiled, 1u);
}

TEST_F(ToolchainTest, clean_builds_everything_again_and_leaves_other_files_of_the_folder) {
  write("greeter.cc", kActor);
  write("build/notes.txt", "mine");
  ASSERT_TRUE(run_build());
  BuildOptions options;
  options.directory = folder_;
  options.clean = true;
  options.release = true;
  const Result<BuildReport> report = build(options);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->components[0].reused, 0u);
  EXPECT_TRUE(fs::exists(folder_ / "build/notes.txt"));
}

TEST_F(ToolchainTest, an_error_in_the_source_is_shown_as_the_compiler_words_it) {
  write("greeter.cc", "#include <theater.hpp>\nint main() { return nothing; }\n");
  EXPECT_THAT(error_of_build(), HasSubstr("greeter.cc:2:21: error: use of undeclared identifier 'nothing'"));
}

TEST_F(ToolchainTest, a_missing_function_names_it_and_says_what_there_is) {
  write("greeter.c",
        "#include <theater.h>\nint strtol(const char*);\n"
        "theater_status theater_on_send(theater_state* s, theater_view m) { (void)s; (void)m; strtol(\"x\"); return "
        "theater_ok(); }\n");
  EXPECT_THAT(error_of_build(),
              ::testing::AllOf(HasSubstr("undefined symbol: strtol"), HasSubstr("no C or C++ library")));
}

TEST_F(ToolchainTest, a_folder_without_sources_says_what_is_looked_for) {
  EXPECT_THAT(error_of_build(), HasSubstr("no sources in"));
  folder_ /= "not-there";
  EXPECT_THAT(error_of_build(), HasSubstr("there is no folder"));
}

TEST_F(ToolchainTest, a_missing_compiler_says_what_to_install) {
  write("greeter.cc", kActor);
  set_variable("PATH", (folder_ / "empty").string());
  set_variable("THEATER_CLANG", "");
  EXPECT_THAT(error_of_build(), ::testing::AllOf(HasSubstr("no clang found"), HasSubstr("apt-get install clang-19")));
}

TEST_F(ToolchainTest, a_compiler_named_wrongly_is_said_to_be) {
  write("greeter.cc", kActor);
  set_variable("THEATER_CLANG", "/no/such/clang");
  EXPECT_THAT(error_of_build(), HasSubstr("THEATER_CLANG names /no/such/clang, which is not a program"));
}

TEST_F(ToolchainTest, an_sdk_named_wrongly_is_said_to_be) {
  write("greeter.cc", kActor);
  set_variable("THEATER_SDK", folder_.string());
  EXPECT_THAT(error_of_build(), HasSubstr("is not an SDK"));
}

TEST_F(ToolchainTest, a_project_s_own_interface_is_bound) {
  write("wit/mine.wit",
        "package my:words;\ninterface words { say: func(word: string) -> u32; }\n"
        "world mine { include theater:sdk/actor; import words; }\n");
  write("actor.cc", R"(#include <mine.h>
#include <theater.hpp>
struct Mine : theater::Actor {
  theater::Reply on_request(theater::View word) {
    mine_string_t text{reinterpret_cast<uint8_t*>(const_cast<char*>(word.data())), word.size()};
    return theater::reply(my_words_words_say(&text));
  }
};
template struct theater::Component<Mine>;
)");
  const Result<BuildReport> report = run_build();
  ASSERT_TRUE(report) << report.error().to_string();
  EXPECT_THAT(report->components[0].imports, ElementsAre("my:words/words.say"));
}

TEST_F(ToolchainTest, a_world_without_the_sdk_is_implemented_by_its_bindings_alone) {
  write("wit/mine.wit", "package my:words;\nworld mine { export shout: func(word: string) -> string; }\n");
  write("actor.c", R"(#include <mine.h>
#include <string.h>
void exports_mine_shout(mine_string_t *word, mine_string_t *ret) {
  mine_string_dup_n(ret, "!", 1);
  mine_string_free(word);
}
)");
  const Result<BuildReport> report = run_build();
  ASSERT_TRUE(report) << report.error().to_string();
  EXPECT_THAT(report->components[0].exports, ElementsAre("shout"));
}

TEST_F(ToolchainTest, a_world_that_is_not_there_is_an_error) {
  write("greeter.cc", kActor);
  write("wit/mine.wit", "package my:words;\nworld mine { include theater:sdk/actor; }\n");
  BuildOptions options = this->options();
  options.world = "yours";
  const Result<BuildReport> report = build(options);
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().to_string(), HasSubstr("yours"));
}

TEST_F(ToolchainTest, malformed_wit_is_an_error_with_the_user_s_file_and_line) {
  write("greeter.cc", kActor);
  const fs::path wit = write("wit/mine.wit", "package my:words;\nworld mine { include }\n");
  const std::string error = error_of_build();
  EXPECT_THAT(error, HasSubstr("expected an identifier"));
  EXPECT_THAT(error, HasSubstr(wit.string() + ":2:22"));
  EXPECT_THAT(error, HasSubstr("world mine { include }"));
}

TEST_F(ToolchainTest, wit_that_names_what_there_is_not_is_an_error_with_the_user_s_file_and_line) {
  write("greeter.cc", kActor);
  const fs::path wit = write("wit/mine.wit", "package my:words;\nworld mine {\n  import nobody:knows/this;\n}\n");
  const std::string error = error_of_build();
  EXPECT_THAT(error, HasSubstr("package 'nobody:knows' not found"));
  EXPECT_THAT(error, HasSubstr(wit.string() + ":3:10"));
}

/// The first block of that language in a guide.
std::string code_block(const std::string& guide, const std::string& language) {
  const Result<std::string> text = read_text(fs::path(THEATER_DOCS) / guide);
  if (!text) return {};
  const std::string fence = "```" + language + "\n";
  const std::size_t start = text->find(fence);
  if (start == std::string::npos) return {};
  return text->substr(start + fence.size(), text->find("\n```", start) - start - fence.size() + 1);
}

TEST_F(ToolchainTest, the_guides_actors_are_built_without_a_warning) {
  const std::vector<std::array<std::string, 3>> guides = {
      {"first-actor.md", "cpp", "hello.cc"}, {"sdk-cpp.md", "cpp", "counter.cc"}, {"sdk-c.md", "c", "keeper.c"}};
  for (const auto& [guide, language, file] : guides) {
    const fs::path source = write(file, code_block(guide, language));
    BuildOptions options = this->options();
    options.sources = {source};
    options.output = folder_ / (guide + ".wasm");
    const Result<BuildReport> report = build(options);
    ASSERT_TRUE(report) << guide << ": " << report.error().to_string();
    EXPECT_THAT(report->components[0].warnings, IsEmpty()) << guide;
  }
}

TEST_F(ToolchainTest, progress_is_told) {
  write("greeter.cc", kActor);
  std::vector<std::string> lines;
  BuildOptions options = this->options();
  options.progress = [&](std::string_view line) { lines.emplace_back(line); };
  ASSERT_TRUE(build(options));
  EXPECT_THAT(lines, Contains(HasSubstr("compiling")));
  EXPECT_THAT(lines, Contains(HasSubstr("linking")));
}

TEST_F(ToolchainTest, programs_run_side_by_side_without_a_shell_and_with_bounded_output) {
  const std::vector<Command> commands = {{"/bin/echo", {"$HOME; exit 3"}},
                                         {"/bin/sh", {"-c", "exit 7"}},
                                         {"/bin/sh", {"-c", "kill -9 $$"}},
                                         {"/usr/bin/head", {"-c", "3000000", "/dev/zero"}}};
  const auto results = run(commands, 3);
  ASSERT_TRUE(results);
  EXPECT_EQ((*results)[0].output, "$HOME; exit 3\n");
  EXPECT_EQ((*results)[1].status, 7);
  EXPECT_EQ((*results)[2].status, 128 + 9);
  EXPECT_EQ((*results)[3].output.size(), kOutputMaxBytes);
  const auto missing = run(std::vector<Command>{{"/no/such/program", {}}}, 1);
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message(), HasSubstr("/no/such/program"));
}

TEST(TopLevelString, reads_a_key_before_the_first_table_only) {
  EXPECT_EQ(top_level_string("name = \"a\"\n", "name"), "a");
  EXPECT_EQ(top_level_string("  name='b' # c\n", "name"), "b");
  EXPECT_EQ(top_level_string("[t]\nname = \"a\"\n", "name"), "");
  EXPECT_EQ(top_level_string("names = \"a\"\nname = 5\n", "name"), "");
  EXPECT_EQ(top_level_string("", "name"), "");
}

}  // namespace
}  // namespace theater::toolchain
