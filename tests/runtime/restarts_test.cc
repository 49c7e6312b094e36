// Restarts without end leave nothing behind. `make test` makes some thousands, `make soak` a million.
#include <gmock/gmock.h>

#include <atomic>
#include <cstdlib>

#include "../support/process_memory.h"
#include "runtime_fixture.h"

namespace theater::testing {
namespace {

std::uint64_t restarts_to_make() {
  const char* text = std::getenv("THEATER_SOAK_RESTARTS");
  return text == nullptr ? 24'000 : std::strtoull(text, nullptr, 10);
}

class Restarts : public RuntimeTest {
 protected:
  void SetUp() override {
    RuntimeOptions options;
    // Soon full, and then no larger.
    options.chain_memory_bytes = options.payload_memory_bytes = 128u << 10;
    start(std::move(options));
  }
  void actor_started(const ActorId&, const std::string&) override { ++started; }
  void actor_logged(const ActorId&, const std::string&, std::string_view) override {}

  std::atomic<std::uint64_t> started = 0;
};

TEST_F(Restarts, of_a_million_nothing_is_left_in_memory) {
  // So many that none restarts more often than its bound of a thousand within a second.
  constexpr std::uint64_t kActors = 64;
  std::vector<ActorId> ids;
  for (std::uint64_t i = 0; i < kActors; ++i) {
    ids.push_back(spawn("worker" + std::to_string(i), "worker",
                        "[supervision]\nrestart = \"permanent\"\nmax_restarts = 1000\nwithin_s = 1\n"
                        "backoff_ms = { min = 0, jitter = 0 }\n"));
  }
  const std::uint64_t rounds = restarts_to_make() / kActors + 1;
  // Until then what is bounded fills up, such as the chains' memory.
  const std::uint64_t warm_rounds = rounds < 1'000 ? rounds / 2 : rounds / 10;
  std::size_t before = 0;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    for (const ActorId& id : ids) send(id, "crash");
    wait_until([&] { return started == (round + 2) * kActors; });
    ASSERT_FALSE(HasFailure());
    if (round == warm_rounds) before = own_bytes();
  }
  const std::size_t after = own_bytes();
  std::cout << "[          ] " << rounds * kActors << " restarts: " << before / 1024 << " KiB, then " << after / 1024
            << " KiB\n";
  if (kMemoryIsMeasured) {
    EXPECT_LE(after, before + before / 100);
  }
  EXPECT_EQ(runtime->living(), kActors);
  for (const ActorId& id : ids) EXPECT_EQ(runtime->info(id)->restarts, rounds);
}

}  // namespace
}  // namespace theater::testing
