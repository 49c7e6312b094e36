#include "manifest/nearest.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace theater {
namespace {

TEST(Nearest, distance_counts_inserts_deletes_replacements_and_swaps) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("abc", ""), 3u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("handler", "handlers"), 1u);
  EXPECT_EQ(edit_distance("version", "verison"), 1u);
  EXPECT_EQ(edit_distance("timer", "timing"), 3u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
}

TEST(Nearest, distance_is_the_same_both_ways) {
  const std::vector<std::string> words = {"", "a", "ab", "ba", "abc", "acb", "name", "mane", "limits", "limit"};
  for (const std::string& a : words) {
    for (const std::string& b : words) EXPECT_EQ(edit_distance(a, b), edit_distance(b, a)) << a << " " << b;
  }
}

TEST(Nearest, a_slip_finds_its_key) {
  const std::vector<std::string> keys = {"name", "version", "component", "save_chain"};
  EXPECT_EQ(nearest("sav_chain", keys), "save_chain");
  EXPECT_EQ(nearest("save-chain", keys), "save_chain");
  EXPECT_EQ(nearest("compnoent", keys), "component");
  EXPECT_EQ(nearest("Name", keys), "name");
}

TEST(Nearest, another_word_finds_nothing) {
  const std::vector<std::string> keys = {"name", "version", "component", "save_chain"};
  EXPECT_EQ(nearest("supervision", keys), std::nullopt);
  EXPECT_EQ(nearest("x", keys), std::nullopt);
  EXPECT_EQ(nearest("nix", keys), std::nullopt) << "three edits are too many for a short word";
  EXPECT_EQ(nearest("", keys), std::nullopt);
  EXPECT_EQ(nearest(std::string(1'000'000, 'n'), keys), std::nullopt);
}

TEST(Nearest, the_nearer_of_two_wins_and_the_first_of_equals) {
  const std::vector<std::string> keys = {"max_bytes", "max_byte", "mix_bytes"};
  EXPECT_EQ(nearest("max_byts", keys), "max_bytes");
  EXPECT_EQ(nearest("max_byte", keys), "max_byte");
}

}  // namespace
}  // namespace theater
