#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "../runtime/runtime_fixture.h"
#include "theater/replay.h"

namespace theater::testing {

/// Real actors whose chains are saved and re-run.
class ReplayTest : public RuntimeTest {
 protected:
  void SetUp() override {
    folder =
        std::filesystem::path(::testing::TempDir()) / ("theater_replay_" + std::to_string(::getpid()) + "_" +
                                                       ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(folder);
    RuntimeOptions options;
    // Few, so that their memories are of the kind that a replay has, also where a sanitizer took most of the address
    // space: stacks overflow at the same depth then.
    options.actors_max = 256;
    start(std::move(options));
  }
  void TearDown() override {
    RuntimeTest::TearDown();
    std::filesystem::remove_all(folder);
  }

  static Bytes component(const std::string& name) {
    std::ifstream file(components_folder() + "/" + name + ".wasm", std::ios::binary);
    EXPECT_TRUE(file) << name;
    return Bytes(std::istreambuf_iterator<char>(file), {});
  }

  /// The chain as it is kept now, in a file.
  std::filesystem::path saved(const ActorId& id) {
    const auto file = folder / (to_string(id) + "-" + std::to_string(files_++) + ".chain");
    const auto saved = runtime->save_chain(id, file);
    EXPECT_TRUE(saved) << saved.error().to_string();
    return file;
  }
  ReplayOptions with(const std::string& component_name) const {
    ReplayOptions options;
    options.components = {component(component_name)};
    options.code_cache = components_folder() + "/replay-code";
    return options;
  }
  ReplayReport replayed(const std::filesystem::path& source, const ReplayOptions& options) {
    auto report = replay_chain(source, options);
    EXPECT_TRUE(report) << report.error().to_string();
    return report.value_or(ReplayReport());
  }
  /// Stops the actor if it still runs, and re-runs its chain.
  ReplayReport replayed(const ActorId& id, const std::string& component_name) {
    EXPECT_TRUE(runtime->stop(id));
    return replayed(saved(id), with(component_name));
  }
  /// Expects that the re-run of the whole chain is as recorded.
  ReplayReport expect_same(const ActorId& id, const std::string& component_name) {
    ReplayReport report = replayed(id, component_name);
    EXPECT_TRUE(report.same()) << in_words(report);
    EXPECT_EQ(report.next_sequence, runtime->info(id)->events) << in_words(report);
    return report;
  }

  static std::string in_words(const ReplayReport& report) {
    std::string text = std::to_string(report.next_sequence) + " events";
    if (report.stop) text += "; stopped at " + std::to_string(report.stop->sequence) + ": " + report.stop->what;
    if (const auto& divergence = report.divergence) {
      text += "; differs at " + std::to_string(divergence->sequence) + " (" + std::string(to_string(divergence->kind)) +
              " " + divergence->function + ") in " + divergence->call.value_or("no call");
      for (const ReplayDifference& difference : divergence->differences) {
        text += "\n  " + difference.field + "\n    recorded: " + difference.recorded +
                "\n    replayed: " + difference.replayed;
      }
      text += "\n" + divergence->backtrace;
    }
    for (const std::string& remark : report.remarks) text += "\n  " + remark;
    return text;
  }

  std::filesystem::path folder;

 private:
  int files_ = 0;
};

}  // namespace theater::testing
