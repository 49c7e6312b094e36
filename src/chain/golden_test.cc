// The format's golden files: a change of any byte of it fails here. To write them anew after a deliberate change, run
// this test with THEATER_WRITE_GOLDEN=1 and review the difference.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "chain/chain_file.h"
#include "chain/sample_chain.h"

namespace theater::chain {
namespace {

std::string golden_path(const std::string& name) { return std::string(THEATER_GOLDEN_DIR) + "/" + name; }

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void expect_golden(const std::string& name, const std::string& content) {
  if (const char* write = std::getenv("THEATER_WRITE_GOLDEN"); write != nullptr && std::string_view(write) == "1") {
    std::ofstream(golden_path(name), std::ios::binary | std::ios::trunc) << content;
  }
  const std::string golden = read_file(golden_path(name));
  EXPECT_FALSE(golden.empty()) << golden_path(name);
  EXPECT_TRUE(content == golden) << name << " differs; it is now:\n" << (name.ends_with(".chain") ? "" : content);
}

TEST(Golden, links_have_the_recorded_bytes_and_hashes) {
  const ChainSnapshot snapshot = sample_chain();
  std::string text;
  for (const auto& link : snapshot.links) {
    text += to_hex(snapshot.link_bytes(link)) + " " + to_hex(link.hash) + "\n";
  }
  expect_golden("every_kind.links", text);
}

TEST(Golden, events_have_the_recorded_text) {
  std::string lines;
  std::string json;
  const auto events = sample_chain().events();
  ASSERT_TRUE(events);
  for (const Event& event : *events) {
    lines += to_line(event) + "\n";
    json += to_json(event) + "\n";
  }
  expect_golden("every_kind.txt", lines);
  expect_golden("every_kind.jsonl", json);
}

TEST(Golden, a_chain_file_has_the_recorded_bytes) {
  const std::string path = testing::TempDir() + "/theater_golden_" + std::to_string(getpid()) + ".chain";
  std::filesystem::remove(path);
  const ChainSnapshot snapshot = sample_chain();
  auto writer = ChainFileWriter::create(path);
  ASSERT_TRUE(writer);
  for (const auto& link : snapshot.links) {
    ASSERT_TRUE(
        (*writer)->append({snapshot.actor, link.first_sequence, link.event_count, snapshot.link_bytes(link), link.hash,
                           link.first_sequence == 6 ? snapshot.payloads : std::span<const RecordedPayload>()}));
  }
  ASSERT_TRUE((*writer)->close());
  expect_golden("every_kind.chain", read_file(path));
  std::filesystem::remove(path);
}

TEST(Golden, the_recorded_chain_file_verifies) {
  const auto report = verify_chain_file(golden_path("every_kind.chain"));
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->ok() && report->closed);
  EXPECT_EQ(report->chain.events, 19u);
}

}  // namespace
}  // namespace theater::chain
