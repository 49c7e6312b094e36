#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <string>
#include <vector>

#include "greeter_handler.h"
#include "theater/replay.h"
#include "theater/runtime.h"

namespace greeter {
namespace {

using namespace theater;

const std::filesystem::path kFolder = GREETER_FOLDER;

class Greeting : public testing::Test {
 protected:
  static HandlerRegistry handlers_with_greeter(MessageRouter& router) {
    HandlerRegistry handlers = builtin_handlers(router);
    EXPECT_TRUE(handlers.add(std::make_shared<GreeterHandler>()));
    return handlers;
  }
  void start(HandlerRegistry handlers) {
    auto started = Runtime::start({}, std::move(handlers), router_);
    ASSERT_TRUE(started) << started.error().to_string();
    runtime_ = std::move(*started);
  }
  /// The manifest with more lines at its end, which belong to the greeter's block.
  Result<ActorId> spawn_with(const std::string& lines) {
    std::ifstream file(kFolder / "manifest.toml");
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    const std::vector<HandlerSchema> schemas = {GreeterHandler().schema()};
    ParseOptions options;
    options.base_directory = kFolder;
    options.extra_handlers = schemas;
    auto manifest = parse_manifest(text + lines, options);
    if (!manifest) return fail(std::move(manifest.error()));
    auto blueprint = runtime_->prepare(std::move(*manifest));
    if (!blueprint) return fail(std::move(blueprint.error()));
    return runtime_->spawn(*blueprint);
  }
  Result<std::string> ask(const ActorId& actor, std::string_view name) {
    auto promise = std::make_shared<std::promise<Result<Bytes>>>();
    router_.request(actor, as_bytes(name), 10'000,
                    [promise](Result<Bytes> answer) { promise->set_value(std::move(answer)); });
    auto answer = promise->get_future().get();
    if (!answer) return fail(std::move(answer.error()));
    return std::string(as_text(*answer));
  }

  MessageRouter router_;
  std::unique_ptr<Runtime> runtime_;
};

TEST_F(Greeting, GoesFromTheGuestToTheHandlerAndBack) {
  start(handlers_with_greeter(router_));
  const auto actor = runtime_->spawn(kFolder / "manifest.toml");
  ASSERT_TRUE(actor) << actor.error().to_string();
  EXPECT_EQ(ask(*actor, "Ada").value(), "Hello, Ada!");
}

TEST_F(Greeting, IsReplayedWithoutTheHandler) {
  start(handlers_with_greeter(router_));
  const auto actor = runtime_->spawn(kFolder / "manifest.toml");
  ASSERT_TRUE(actor) << actor.error().to_string();
  EXPECT_EQ(ask(*actor, "Ada").value(), "Hello, Ada!");
  const auto chain = std::filesystem::path(testing::TempDir()) / (to_string(*actor) + ".chain");
  ASSERT_TRUE(runtime_->save_chain(*actor, chain));
  std::ifstream wasm(kFolder / "build/greeter.wasm", std::ios::binary);
  ReplayOptions options;
  options.components = {Bytes(std::istreambuf_iterator<char>(wasm), {})};
  const auto replayed = replay_chain(chain, options);
  std::filesystem::remove(chain);
  ASSERT_TRUE(replayed) << replayed.error().to_string();
  EXPECT_TRUE(replayed->same());
}

TEST_F(Greeting, IsWordedByTheManifest) {
  start(handlers_with_greeter(router_));
  const auto actor = spawn_with("greeting = \"Good morning, {}.\"\n");
  ASSERT_TRUE(actor) << actor.error().to_string();
  EXPECT_EQ(ask(*actor, "Ada").value(), "Good morning, Ada.");
}

TEST_F(Greeting, AnErrorOfTheHandlerIsTheGuestsToHandle) {
  start(handlers_with_greeter(router_));
  const auto actor = runtime_->spawn(kFolder / "manifest.toml");
  ASSERT_TRUE(actor) << actor.error().to_string();
  EXPECT_EQ(ask(*actor, "").error().message(),
            "the request failed in greeter: the host has no greeting: nobody to greet");
  EXPECT_EQ(ask(*actor, "Ada").value(), "Hello, Ada!");
}

TEST_F(Greeting, AManifestThatTheHandlerRefusesStartsNoActor) {
  start(handlers_with_greeter(router_));
  const auto actor = spawn_with("greeting = \"Good morning.\"\n");
  ASSERT_FALSE(actor);
  EXPECT_EQ(actor.error().message(), "greeter: greeting needs a {} for the name");
  const auto slip = spawn_with("greting = \"Hi {}\"\n");
  ASSERT_FALSE(slip);
  EXPECT_NE(slip.error().message().find("did you mean \"greeting\"?"), std::string::npos) << slip.error().message();
}

TEST_F(Greeting, WithoutTheHandlerTheManifestIsRefused) {
  start(builtin_handlers(router_));
  const auto actor = runtime_->spawn(kFolder / "manifest.toml");
  ASSERT_FALSE(actor);
  EXPECT_NE(actor.error().message().find("unknown handler type \"greeter\""), std::string::npos)
      << actor.error().message();
}

}  // namespace
}  // namespace greeter
