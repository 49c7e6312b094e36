#include <gtest/gtest.h>

#include "theater/manifest.h"

namespace theater {
namespace {

Result<Manifest> read(std::string_view more) {
  ParseOptions options;
  options.source_name = "m.toml";
  options.base_directory = "/actors";
  return parse_manifest("name = \"a\"\ncomponent = \"a.wasm\"\n" + std::string(more), options);
}

Manifest parse_with(std::string_view more) {
  auto manifest = read(more);
  EXPECT_TRUE(manifest) << manifest.error().to_string();
  return manifest ? std::move(*manifest) : Manifest();
}

/// Lines of `more` begin at 3.
std::string error_with(std::string_view more) {
  const auto manifest = read(more);
  return manifest ? "accepted" : manifest.error().message();
}

TEST(ManifestChain, every_key_of_chain_is_read) {
  const Manifest manifest = parse_with(R"(
resume = true
[chain]
durability = "sync"
snapshot_turns = 100
snapshot_bytes = "1MiB"
retain_hours = 48
retain_bytes = "1GiB"
)");
  EXPECT_TRUE(manifest.resume);
  EXPECT_EQ(manifest.chain, (ChainPolicy{.durability = Durability::kSync,
                                         .snapshot_turns = 100,
                                         .snapshot_bytes = 1u << 20,
                                         .retain_hours = 48,
                                         .retain_bytes = 1u << 30}));
}

TEST(ManifestInstance, is_kept_unless_the_manifest_says_after_how_long_it_goes) {
  EXPECT_EQ(parse_with("").instance, InstancePolicy());
  EXPECT_EQ(parse_with("[instance]\nevict_after_ms = 250").instance, InstancePolicy{.evict_after_ms = 250});
  EXPECT_EQ(error_with("[instance]\nevict_after = 250"),
            "m.toml:4:1: unknown key \"evict_after\" in [instance]; did you mean \"evict_after_ms\"?");
}

TEST(ManifestChain, a_chain_that_is_not_to_be_saved_stays_in_memory_unless_chain_says_otherwise) {
  EXPECT_EQ(parse_with("save_chain = false").chain.durability, Durability::kNone);
  EXPECT_EQ(parse_with("save_chain = true").chain.durability, Durability::kBatched);
  EXPECT_EQ(parse_with("save_chain = false\n[chain]\nsnapshot_turns = 1").chain.durability, Durability::kNone);
  EXPECT_EQ(parse_with("save_chain = false\n[chain]\ndurability = \"sync\"").chain.durability, Durability::kSync);
}

TEST(ManifestChain, what_needs_a_chain_on_disk_contradicts_one_in_memory) {
  EXPECT_EQ(error_with("resume = true\nsave_chain = false"),
            "m.toml:3:10: resume = true needs a chain on disk; save_chain = false keeps it in memory only");
  EXPECT_EQ(error_with("save_chain = true\n[chain]\ndurability = \"none\""),
            "m.toml:3:14: save_chain = true needs a chain on disk; durability = \"none\" keeps it in memory only");
}

}  // namespace
}  // namespace theater
