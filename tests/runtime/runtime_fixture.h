#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "theater/runtime.h"

namespace theater::testing {

/// Where the build put the components.
std::string components_folder();

/// A runtime with real components components_folder(), and what its actors logged.
class RuntimeTest : public ::testing::Test, public RuntimeListener {
 protected:
  void SetUp() override { start(RuntimeOptions()); }
  void TearDown() override {
    if (!runtime) return;
    for (const ActorInfo& actor : runtime->list()) {
      EXPECT_TRUE(runtime->stop(actor.id));
      const auto report = runtime->verify(actor.id);
      EXPECT_TRUE(report && !report->fault) << actor.name;
    }
    runtime->shut_down();
    const MessageTotals totals = router.totals();
    EXPECT_EQ(totals.sent, totals.delivered + totals.refused + totals.dead_letters);
  }

  void start(RuntimeOptions options) {
    options.listener = this;
    if (options.shards == 0) options.shards = 2;
    auto started = Runtime::start(std::move(options), builtin_handlers(router), router);
    ASSERT_TRUE(started) << started.error().to_string();
    runtime = std::move(*started);
  }

  static std::string manifest_text(const std::string& name, const std::string& component,
                                   const std::string& more = "") {
    return "name = \"" + name + "\"\nversion = \"1.0.0\"\ncomponent = \"" + components_folder() + "/" + component +
           ".wasm\"\n[[handler]]\ntype = \"message-server\"\n[[handler]]\ntype = \"runtime\"\n[[handler]]\ntype = "
           "\"timing\"\n" +
           more;
  }
  static Result<Manifest> parse(const std::string& text) {
    ParseOptions options;
    options.base_directory = "/";
    return parse_manifest(text, options);
  }
  /// An actor from build/…/components/<component>.wasm that others reach by its name.
  Result<ActorId> try_spawn(const std::string& name, const std::string& component, const std::string& more = "") {
    auto manifest = parse(manifest_text(name, component, more));
    if (!manifest) return fail(std::move(manifest.error()));
    auto blueprint = runtime->prepare(std::move(*manifest));
    if (!blueprint) return fail(std::move(blueprint.error()));
    SpawnOptions options;
    options.register_name = true;
    return runtime->spawn(*blueprint, std::move(options));
  }
  ActorId spawn(const std::string& name, const std::string& component, const std::string& more = "") {
    auto id = try_spawn(name, component, more);
    EXPECT_TRUE(id) << id.error().to_string();
    return id.value_or(ActorId());
  }

  void send(const ActorId& id, std::string_view text) {
    const auto sent = router.send(id, as_bytes(text));
    EXPECT_TRUE(sent) << sent.error().to_string();
  }
  Result<Bytes> ask(const ActorId& id, std::string_view text, std::uint64_t timeout_ms = 0) {
    std::promise<Result<Bytes>> promise;
    auto future = promise.get_future();
    router.request(id, as_bytes(text), timeout_ms, [&](Result<Bytes> answer) { promise.set_value(std::move(answer)); });
    return future.get();
  }
  std::string ask_text(const ActorId& id, std::string_view text) {
    const auto answer = ask(id, text);
    return answer ? std::string(as_text(*answer)) : "error: " + answer.error().to_string();
  }
  /// How the actor ended, once it has.
  ActorInfo ended(const ActorId& id) {
    const auto info = runtime->wait(id, std::chrono::seconds(60));
    EXPECT_TRUE(info) << info.error().to_string();
    return info.value_or(ActorInfo());
  }
  /// Waits until it holds; fails the test after a minute.
  void wait_until(const std::function<bool()>& holds) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!holds()) {
      ASSERT_LT(std::chrono::steady_clock::now(), give_up);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  /// Waits until the actor has logged this.
  void wait_for_log(const std::string& name, const std::string& text) {
    wait_until([&] { return log_of(name).find(text) != std::string::npos; });
  }
  /// The next line of what a guest that keeps its result as its state tells when asked.
  std::string send_and_ask(const ActorId& id, std::string_view text) {
    send(id, text);
    return ask_text(id, "?");
  }
  std::string log_of(const std::string& name) {
    const std::lock_guard lock(mutex);
    return logs[name];
  }

  void actor_logged(const ActorId&, const std::string& name, std::string_view line) override {
    const std::lock_guard lock(mutex);
    logs[name] += std::string(line) + "\n";
  }

  MessageRouter router;
  std::unique_ptr<Runtime> runtime;
  std::mutex mutex;
  std::map<std::string, std::string> logs;
};

}  // namespace theater::testing
