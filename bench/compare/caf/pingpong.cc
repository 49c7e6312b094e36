// Ping-pong for bench/compare.sh: ACTORS event-based actors in pairs, one message of 64 bytes in flight in each pair.
// Prints messages a second, all pairs together. For CAF 0.17, as Debian 12 has it: `pingpong ACTORS SECONDS THREADS`.
#include <array>
#include <atomic>
#include <caf/all.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

namespace {

// Bytes inside the message itself: a std::string would add an allocation a message that the other systems do not make.
struct Ball {
  std::array<unsigned char, 64> bytes;
};

// Only its own actor writes it, so neither a locked instruction nor a shared cache line is measured.
struct alignas(64) Counter {
  std::atomic<std::uint64_t> received{0};
  void add_one() { received.store(received.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed); }
};

}  // namespace

// Messages stay in this process, so nothing need be said of how to write the type to a network.
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(Ball)

namespace {

caf::behavior play(caf::event_based_actor* self, Counter* counter) {
  return {[=](const caf::actor& partner) {
    self->become([=](const Ball& ball) {
      counter->add_one();
      self->send(partner, ball);
    });
  }};
}

std::uint64_t sum(const std::vector<Counter>& counters) {
  std::uint64_t total = 0;
  for (const Counter& counter : counters) total += counter.received.load(std::memory_order_relaxed);
  return total;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 4) {
    std::fprintf(stderr, "usage: pingpong ACTORS SECONDS THREADS\n");
    return 2;
  }
  const std::size_t actors = std::strtoul(arguments[1], nullptr, 10) / 2 * 2;
  const double seconds = std::strtod(arguments[2], nullptr);
  const std::size_t threads = std::strtoul(arguments[3], nullptr, 10);

  caf::actor_system_config config;
  config.set("scheduler.max-threads", threads);  // CAF would take four where there are fewer processors.
  std::vector<Counter> counters(actors);         // Before the system, which ends its actors as it goes.
  caf::actor_system system(config);
  std::vector<caf::actor> players;
  for (std::size_t i = 0; i < actors; ++i) players.push_back(system.spawn(play, &counters[i]));
  for (std::size_t i = 0; i < actors; i += 2) {
    caf::anon_send(players[i], players[i + 1]);
    caf::anon_send(players[i + 1], players[i]);
  }
  Ball ball;
  ball.bytes.fill(0x5a);
  for (std::size_t i = 0; i < actors; i += 2) caf::anon_send(players[i], ball);

  using Clock = std::chrono::steady_clock;
  std::this_thread::sleep_for(std::chrono::milliseconds(300));  // Warms up.
  const Clock::time_point start = Clock::now();
  const std::uint64_t before = sum(counters);
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  const std::chrono::duration<double> took = Clock::now() - start;
  const std::uint64_t messages = sum(counters) - before;
  std::printf("%.0f\n", static_cast<double>(messages) / took.count());
  std::fflush(stdout);
  // Partners hold each other; taking each actor apart is not what is measured.
  std::_Exit(0);
}
