#include "server/query.h"

#include <gtest/gtest.h>

namespace theater::server {
namespace {

TEST(Query, GivesWhatItWasAskedForAndNothingIsLeft) {
  Query query("name=a%20b+c&limit=10&follow=true&order=up");
  EXPECT_EQ(query.text("name"), "a b c");
  EXPECT_EQ(query.number("limit", 1, 10), 10u);
  EXPECT_TRUE(query.flag("follow"));
  EXPECT_EQ(query.choice("order", {"up", "down"}), "up");
  EXPECT_FALSE(query.text("other"));
  EXPECT_TRUE(query.check());
}

TEST(Query, SaysWhatIsWrong) {
  const auto message = [](std::string_view text) {
    Query query(text);
    (void)query.number("limit", 1, 10);
    (void)query.choice("order", {"up", "down"});
    const auto checked = query.check();
    return checked ? "" : checked.error().message();
  };
  EXPECT_EQ(message("limit=11"), "limit must be a number from 1 to 10, not \"11\"");
  EXPECT_EQ(message("limit=0"), "limit must be a number from 1 to 10, not \"0\"");
  EXPECT_EQ(message("limit=1x"), "limit must be a number from 1 to 10, not \"1x\"");
  EXPECT_EQ(message("limit=-1"), "limit must be a number from 1 to 10, not \"-1\"");
  EXPECT_EQ(message("limit="), "limit must be a number from 1 to 10, not \"\"");
  EXPECT_EQ(message("limit=99999999999999999999999"),
            "limit must be a number from 1 to 10, not \"99999999999999999999999\"");
  EXPECT_EQ(message("order=left"), "order must be one of up, down, not \"left\"");
  EXPECT_EQ(message("limti=1"), "no such parameter: \"limti\"");
  EXPECT_EQ(message("limit=1&limit=2"), "the parameter \"limit\" is given twice");
  EXPECT_EQ(message("limit=%4"), "the query is not percent-encoded as it should be");
  EXPECT_EQ(message("limit=1&order=up"), "");
}

TEST(Query, PercentDecodingTakesWellFormedTextOnly) {
  EXPECT_EQ(percent_decode("a%2Fb%2fc", false), "a/b/c");
  EXPECT_EQ(percent_decode("a+b", false), "a+b");
  EXPECT_EQ(percent_decode("%00", false), std::string(1, '\0'));
  EXPECT_FALSE(percent_decode("%", false));
  EXPECT_FALSE(percent_decode("%a", false));
  EXPECT_FALSE(percent_decode("%zz", false));
}

}  // namespace
}  // namespace theater::server
