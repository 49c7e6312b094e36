// What guests that never come to an end cost their neighbours: limits_bench [SECONDS] [BUDGET_MS]. While pairs of
// actors throw balls to each other on all shards, an actor loops once in each second until its turn's time is over.
// Shown is how late it is stopped, and which share of their turns the others keep: all together, those of its shard,
// and those of other shards.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <numeric>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "theater/runtime.h"

namespace {

using namespace theater;
using std::chrono::milliseconds;

/// Of one phase, so that pauses of the machine fall on both alike.
constexpr milliseconds kSecond{1000};
/// On each shard.
constexpr std::uint32_t kPairs = 2;

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

/// By shard: the turns that its actors had, a second.
using Rates = std::vector<double>;

class Neighbours {
 public:
  explicit Neighbours(const Runtime& runtime) : runtime_(runtime) {}
  void add(const ActorId& actor) { actors_.push_back(actor); }

  Rates rates_in(const std::function<void()>& meanwhile) const {
    const auto start = std::chrono::steady_clock::now();
    const Rates before = turns();
    meanwhile();
    std::this_thread::sleep_until(start + kSecond);
    Rates rates = turns();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    for (std::size_t i = 0; i < rates.size(); ++i) rates[i] = (rates[i] - before[i]) / seconds;
    return rates;
  }

 private:
  Rates turns() const {
    Rates turns(runtime_.shards());
    for (const ActorId& actor : actors_) {
      const ActorInfo info = value_of(runtime_.info(actor));
      turns[info.shard] += static_cast<double>(info.turns);
    }
    return turns;
  }

  const Runtime& runtime_;
  std::vector<ActorId> actors_;
};

double sum(const Rates& rates) { return std::accumulate(rates.begin(), rates.end(), 0.0); }

/// What is left of the rates, in percent.
class Shares {
 public:
  void add(double beside, double alone) { percent_.push_back(100 * beside / alone); }
  void print(const char* whose) {
    if (percent_.empty()) return;
    std::ranges::sort(percent_);
    std::printf("%s keep of their throughput, by second: median %.1f %%, least %.1f %%\n", whose,
                percent_[percent_.size() / 2], percent_.front());
  }

 private:
  std::vector<double> percent_;
};

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
  Neighbours neighbours(*runtime);
  for (std::uint32_t i = 0; i < kPairs * runtime->shards(); ++i) {
    const ActorId a = value_of(runtime->spawn(bencher));
    const ActorId b = value_of(runtime->spawn(bencher, {.near = a}));
    neighbours.add(a);
    neighbours.add(b);
    send(router, a, to_string(b) + " " + std::string(64, 'x'));
  }
  const Blueprint looper =
      prepare(*runtime, "worker",
              "[limits]\nturn_timeout_ms = " + std::to_string(budget_ms) + "\nfuel_per_turn = 9000000000000000000\n");
  std::vector<double> late;
  Shares all;
  Shares of_its_shard;
  Shares of_others;
  std::this_thread::sleep_for(kSecond);
  for (int i = 0; i < seconds; ++i) {
    const Rates alone = neighbours.rates_in([] {});
    ActorId loops;
    std::uint64_t sent_ns = 0;
    std::uint32_t shard = 0;
    const Rates beside = neighbours.rates_in([&] {
      loops = value_of(runtime->spawn(looper));
      shard = value_of(runtime->info(loops)).shard;
      sent_ns = SystemClock().monotonic_ns();
      send(router, loops, "loop");
    });
    (void)value_of(runtime->wait(loops, milliseconds(60'000)));
    late.push_back(static_cast<double>(ends.failed_ns - sent_ns) / kNsPerMs - static_cast<double>(budget_ms));
    all.add(sum(beside), sum(alone));
    of_its_shard.add(beside[shard], alone[shard]);
    if (runtime->shards() > 1) of_others.add(sum(beside) - beside[shard], sum(alone) - alone[shard]);
  }
  std::ranges::sort(late);
  std::printf("%u shards, %u pairs on each, budget %llu ms\n", runtime->shards(), kPairs,
              static_cast<unsigned long long>(budget_ms));
  std::printf("stopped after the budget: median %.1f ms, latest %.1f ms\n", late[late.size() / 2], late.back());
  all.print("all others");
  of_its_shard.print("those of its shard");
  of_others.print("those of other shards");
  runtime->shut_down();
  return 0;
}
