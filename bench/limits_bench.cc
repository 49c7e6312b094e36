// What guests that never come to an end cost their neighbours: limits_bench [SECONDS] [BUDGET_MS]. While pairs of
// actors throw balls to each other on all shards, an actor loops in each second until its turn's time is over. Shown is
// how late it is stopped, and which share of their turns the others keep.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "theater/runtime.h"

namespace {

using namespace theater;
using std::chrono::milliseconds;

/// Of one phase, so that pauses of the machine fall on both alike.
constexpr milliseconds kSecond{1000};
constexpr int kPairs = 4;

[[noreturn]] void give_up(const Error& error) {
  std::fprintf(stderr, "limits_bench: %s\n", error.to_string().c_str());
  std::exit(1);
}

template <class Value>
Value value_of(Result<Value> result) {
  if (!result) give_up(result.error());
  return std::move(*result);
}

Blueprint prepare(Runtime& runtime, const std::string& component, const std::string& limits) {
  ParseOptions options;
  options.base_directory = THEATER_COMPONENTS;
  const std::string text = "name = \"" + component + "\"\ncomponent = \"" + component +
                           ".wasm\"\n[[handler]]\ntype = \"message-server\"\n[[handler]]\ntype = "
                           "\"runtime\"\n[[handler]]\ntype = \"timing\"\n" +
                           limits;
  return value_of(runtime.prepare(value_of(parse_manifest(text, options))));
}

void send(MessageRouter& router, const ActorId& to, const std::string& message) {
  if (auto sent = router.send(to, as_bytes(message)); !sent) give_up(sent.error());
}

/// When the last actor failed.
class Ends final : public RuntimeListener {
 public:
  void actor_ended(const ActorInfo& info) override {
    if (info.status == ActorStatus::kFailed) failed_ns = SystemClock().monotonic_ns();
  }
  std::atomic<std::uint64_t> failed_ns = 0;
};

double turns_in(const Runtime& runtime, const std::function<void()>& meanwhile) {
  const std::uint64_t before = runtime.turns();
  const auto start = std::chrono::steady_clock::now();
  meanwhile();
  std::this_thread::sleep_until(start + kSecond);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return static_cast<double>(runtime.turns() - before) / seconds;
}

}  // namespace

int main(int argc, char** argv) {
  const int seconds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 10;
  const auto budget_ms = static_cast<std::uint64_t>(argc > 2 ? std::max(1, std::atoi(argv[2])) : 50);
  MessageRouter router;
  Ends ends;
  RuntimeOptions options;
  options.listener = &ends;
  const auto runtime = value_of(Runtime::start(std::move(options), builtin_handlers(router), router));
  const Blueprint bencher = prepare(*runtime, "bencher", "");
  for (int i = 0; i < kPairs; ++i) {
    const ActorId a = value_of(runtime->spawn(bencher));
    const ActorId b = value_of(runtime->spawn(bencher, {.near = a}));
    send(router, a, to_string(b) + " " + std::string(64, 'x'));
  }
  const Blueprint looper =
      prepare(*runtime, "worker",
              "[limits]\nturn_timeout_ms = " + std::to_string(budget_ms) + "\nfuel_per_turn = 9000000000000000000\n");
  std::vector<double> late;
  std::vector<double> shares;
  std::this_thread::sleep_for(kSecond);
  for (int i = 0; i < seconds; ++i) {
    const double alone = turns_in(*runtime, [] {});
    ActorId loops;
    std::uint64_t sent_ns = 0;
    const double beside = turns_in(*runtime, [&] {
      loops = value_of(runtime->spawn(looper));
      sent_ns = SystemClock().monotonic_ns();
      send(router, loops, "loop");
    });
    (void)value_of(runtime->wait(loops, milliseconds(60'000)));
    late.push_back(static_cast<double>(ends.failed_ns - sent_ns) / kNsPerMs - static_cast<double>(budget_ms));
    shares.push_back(beside / alone);
  }
  std::ranges::sort(late);
  std::ranges::sort(shares);
  std::printf("%u shards, %d pairs, budget %llu ms\n", runtime->shards(), kPairs,
              static_cast<unsigned long long>(budget_ms));
  std::printf("stopped after the budget: median %.1f ms, latest %.1f ms\n", late[late.size() / 2], late.back());
  std::printf("neighbours keep of their throughput, by second: median %.1f %%, least %.1f %%\n",
              100 * shares[shares.size() / 2], 100 * shares.front());
  runtime->shut_down();
  return 0;
}
