// A runtime with a handler that has a defect, for the sanitizers to find.
//
//   defective_handler MANIFEST race|heap|stack|undefined      MANIFEST: examples/custom_handler/manifest.toml
//
// Its calls run on stacks of the engine's own, since its function says that it may suspend.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <future>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "theater/runtime.h"

namespace {

using namespace theater;

constexpr int kActors = 2;

class DefectiveHandler final : public HandlerInstance {
 public:
  explicit DefectiveHandler(std::string_view defect) : defect_(defect) {}

  HostStatus call(HostCall& call) override {
    if (defect_ == "race") {
      meet();
      unguarded_ = unguarded_ + 1;
    } else if (defect_ == "heap") {
      std::vector<int> numbers(limit_);
      int* const begin = numbers.data();
      begin[limit_] = 1;
    } else if (defect_ == "stack") {
      int numbers[4] = {};
      int* volatile const begin = numbers;
      begin[limit_] = 1;
    } else {
      limit_ = limit_ + std::numeric_limits<int>::max();
    }
    ValueWriter result = call.result();
    result.ok();
    result.string("nothing was found");
    return call.done();
  }

 private:
  /// Returns when as many calls have come as there are actors, on as many threads; orders nothing between them.
  static void meet() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    arrived_.fetch_add(1, std::memory_order_relaxed);
    while (arrived_.load(std::memory_order_relaxed) < kActors && std::chrono::steady_clock::now() < deadline) {
    }
  }

  static inline std::atomic<int> arrived_ = 0;
  static inline volatile int unguarded_ = 0;
  const std::string_view defect_;
  volatile int limit_ = 4;
};

class Defective final : public Handler {
 public:
  explicit Defective(std::string_view defect) : defect_(defect) {}
  std::string_view type() const override { return "greeter"; }
  std::span<const HandlerInterface> imports() const override {
    static const std::vector<HandlerInterface> interfaces = {
        {.name = "example:greeter/greet", .functions = {{.name = "greet", .suspends = true}}}};
    return interfaces;
  }
  Result<std::unique_ptr<HandlerInstance>> create(const HandlerSetup&) const override {
    return std::make_unique<DefectiveHandler>(defect_);
  }

 private:
  const std::string_view defect_;
};

Result<void> run(const char* manifest, std::string_view defect) {
  MessageRouter router;
  HandlerRegistry handlers = builtin_handlers(router);
  if (auto added = handlers.add(std::make_shared<Defective>(defect)); !added) return added;
  RuntimeOptions options;
  options.shards = kActors;
  auto runtime = Runtime::start(std::move(options), std::move(handlers), router);
  if (!runtime) return fail(std::move(runtime.error()));
  std::vector<ActorId> actors;
  for (int i = 0; i < kActors; ++i) {
    const auto actor = (*runtime)->spawn(manifest);
    if (!actor) return fail(actor.error());
    actors.push_back(*actor);
  }
  std::vector<std::future<Result<Bytes>>> answers;
  for (const ActorId& actor : actors) {
    auto promise = std::make_shared<std::promise<Result<Bytes>>>();
    answers.push_back(promise->get_future());
    router.request(actor, as_bytes("anybody"), 60'000,
                   [promise](Result<Bytes> answer) { promise->set_value(std::move(answer)); });
  }
  for (auto& future : answers) {
    const auto answer = future.get();
    if (!answer) return fail(answer.error());
    std::printf("%s\n", std::string(as_text(*answer)).c_str());
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: defective_handler MANIFEST race|heap|stack|undefined\n", stderr);
    return 1;
  }
  const auto ran = run(argv[1], argv[2]);
  if (ran) return 0;
  std::fprintf(stderr, "defective_handler: %s\n", ran.error().to_string().c_str());
  return 1;
}
