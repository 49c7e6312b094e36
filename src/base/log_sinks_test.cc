#include "base/log_sinks.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

namespace theater {
namespace {

TEST(LogSinks, LinesFromTheLevelOnAreAddedToTheFile) {
  char folder[] = "/tmp/theater_log_XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  const std::filesystem::path file = std::filesystem::path(folder) / "sub" / "log";
  for (const std::string_view line : {"first", "second"}) {
    const auto log = make_log({.level = LogLevel::kWarning, .file = file, .standard_output = false});
    ASSERT_TRUE(log) << log.error().to_string();
    (*log)->warning(line);
    (*log)->info("unheard");
    EXPECT_FALSE((*log)->enabled(LogLevel::kInfo));
  }
  std::ifstream stream(file);
  const std::string text((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  EXPECT_NE(text.find("first"), std::string::npos);
  EXPECT_NE(text.find("second"), std::string::npos);
  EXPECT_EQ(text.find("unheard"), std::string::npos);
  std::filesystem::remove_all(folder);
  EXPECT_EQ(make_log({.file = "/proc/none/log"}).error().code(), ErrorCode::kIo);
}

TEST(LogSinks, AFilterIsReadForWhatItSaysOfThisProgram) {
  EXPECT_EQ(level_of_filter("debug"), LogLevel::kDebug);
  EXPECT_EQ(level_of_filter("info,theater=error"), LogLevel::kError);
  EXPECT_EQ(level_of_filter("theater_server=warn,info"), LogLevel::kWarning);
  EXPECT_EQ(level_of_filter("hyper=trace"), std::nullopt);
  EXPECT_EQ(level_of_filter(""), std::nullopt);
  EXPECT_EQ(level_of_filter("loud"), std::nullopt);
}

}  // namespace
}  // namespace theater
