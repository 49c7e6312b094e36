#include "cli/configuration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

namespace theater::cli {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ConfigurationTest : public ::testing::Test {
 protected:
  ConfigurationTest() {
    std::string pattern = (fs::temp_directory_path() / "theater-config-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~ConfigurationTest() override { fs::remove_all(folder_); }

  Result<Configuration> load(std::string_view text, std::map<std::string, std::string> environment = {}) {
    std::ofstream(file(), std::ios::binary) << text;
    return Configuration::load(file(), [&](const char* name) {
      const auto found = environment.find(name);
      return found == environment.end() ? nullptr : found->second.c_str();
    });
  }
  std::string error_of(std::string_view text, std::map<std::string, std::string> environment = {}) {
    const auto loaded = load(text, std::move(environment));
    return loaded ? "none" : loaded.error().to_string();
  }
  fs::path file() const { return folder_ / "config.toml"; }

  fs::path folder_;
};

TEST_F(ConfigurationTest, without_a_file_the_defaults_apply) {
  const auto loaded = Configuration::load(folder_ / "none", [](const char*) { return nullptr; });
  ASSERT_TRUE(loaded);
  for (const Setting& setting : known_settings()) {
    EXPECT_EQ(loaded->text(setting.name()), setting.default_text);
    EXPECT_EQ(loaded->value(setting.name()).origin, "");
  }
  EXPECT_TRUE(loaded->flag("output.timestamps"));
  EXPECT_EQ(loaded->duration("server.retry_delay"), milliseconds(1000));
}

TEST_F(ConfigurationTest, the_environment_comes_before_the_file) {
  const std::string text = "[server]\ndefault_address = \"file:1\"\ntoken_file = '/file'\n";
  const auto loaded = load(text, {{"THEATER_SERVER_ADDRESS", "environment:1"}, {"THEATER_TOKEN_FILE", ""}});
  ASSERT_TRUE(loaded) << loaded.error().to_string();
  EXPECT_EQ(loaded->text("server.default_address"), "environment:1");
  EXPECT_EQ(loaded->value("server.default_address").origin, "$THEATER_SERVER_ADDRESS");
  EXPECT_EQ(loaded->text("server.token_file"), "/file");
  EXPECT_EQ(loaded->value("server.token_file").origin, file().string() + ":3");
}

TEST_F(ConfigurationTest, a_file_of_an_older_theater_is_taken_as_it_is) {
  const auto loaded = load(R"([server]
default_address = "127.0.0.1:9000"
timeout = "30s"
retry_attempts = 3
retry_delay = "1s"
[output]
default_format = "pretty"
colors = true
timestamps = false
max_width = 120
[logging]
level = "warn"
file = "/var/log/theater.log"
structured = false
[templates]
directories = ["/a", "/b"]
auto_update = true
cache_dir = "/c"
)");
  ASSERT_TRUE(loaded) << loaded.error().to_string();
  EXPECT_EQ(loaded->duration("server.timeout"), milliseconds(30'000));
  EXPECT_EQ(loaded->number("server.retry_attempts"), 3u);
  EXPECT_FALSE(loaded->flag("output.timestamps"));
  EXPECT_EQ(loaded->number("output.max_width"), 120u);
  EXPECT_THAT(loaded->texts("templates.directories"), ElementsAre("/a", "/b"));
}

TEST_F(ConfigurationTest, times_are_seconds_or_have_a_unit) {
  const auto timeout = [&](const std::string& text) { return load("[server]\ntimeout = " + text + "\n"); };
  EXPECT_EQ(timeout("2")->duration("server.timeout"), milliseconds(2000));
  EXPECT_EQ(timeout("0.5")->duration("server.timeout"), milliseconds(500));
  EXPECT_EQ(timeout("\"250ms\"")->duration("server.timeout"), milliseconds(250));
  EXPECT_EQ(timeout("\"2m\"")->duration("server.timeout"), milliseconds(120'000));
  for (const char* wrong : {"\"soon\"", "-1", "\"\"", "\"1e300h\"", "\"nan\"", "[1, 2]", "true"}) {
    EXPECT_FALSE(timeout(wrong)) << wrong;
  }
}

TEST_F(ConfigurationTest, errors_name_the_file_the_line_and_the_nearest_key) {
  EXPECT_EQ(error_of("[server]\ndefault_adress = 'x:1'\n"),
            file().string() + ":2:1: unknown key \"default_adress\" in [server]; did you mean \"default_address\"?");
  EXPECT_THAT(error_of("[output]\ncolors = 'blue'\n"),
              HasSubstr(":2:10: \"colors\" must be one of auto always never true false"));
  EXPECT_EQ(error_of("", {{"THEATER_COLORS", "blue"}}),
            "$THEATER_COLORS must be one of auto always never true false, not \"blue\"");
  EXPECT_THAT(error_of("[output]\nmax_width = -1\n"), HasSubstr("must be a number from 0 to"));
  EXPECT_THAT(error_of("[output]\ntimestamps = 'yes'\n"), HasSubstr("must be true or false"));
}

TEST_F(ConfigurationTest, a_list_in_the_environment_has_colons_between_its_parts) {
  EXPECT_THAT(load("", {{"THEATER_TEMPLATES", "/a::/b"}})->texts("templates.directories"), ElementsAre("/a", "/b"));
}

}  // namespace
}  // namespace theater::cli
