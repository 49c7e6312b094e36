// Guests that try to harm the host, their neighbours or themselves: each takes at most its quota, and leaves the
// process and a well-behaved neighbour as they were.
#include <gmock/gmock.h>

#include <set>

#include "../runtime/runtime_fixture.h"
#include "../support/process_memory.h"

namespace theater::testing {
namespace {

using ::testing::HasSubstr;

enum class End : std::uint8_t {
  kDoesNotStart,  ///< spawn gives an error
  kFails,         ///< its turn ends it
  kLeaves,        ///< it asked for its end
  kLives,         ///< it goes on, until it is stopped
};

struct Attempt {
  /// The component, of tests/guests or tests/hostile; its first lines say what it tries.
  const char* guest;
  End end;
  /// What is part of the error, of how it ended, or of its log.
  const char* says = "";
  /// What it is sent.
  const char* message = "go";
};

constexpr const char* kTrapped = "trapped";
/// Fuel or time, whichever ends first.
constexpr const char* kLimit = "limits.";

constexpr Attempt kAttempts[] = {
    // Its own memory and time.
    {"guests/eats_memory", End::kLives, " 0"},
    {"guests/eats_table", End::kLives, " 0"},
    {"guests/loops_in_handler", End::kFails, kLimit},
    {"guests/loops_in_init", End::kDoesNotStart, kLimit},
    {"guests/loops_in_start", End::kDoesNotStart},
    {"guests/recurses", End::kFails, kTrapped, "x"},
    {"guests/recurses", End::kFails, kTrapped, "a long message"},
    {"guests/traps", End::kFails, "unreachable"},
    {"hostile/asks_host_without_end", End::kFails, kLimit},
    {"hostile/calls_by_another_type", End::kFails, "indirect call type mismatch"},
    {"hostile/calls_nothing", End::kFails, kTrapped},
    {"hostile/changes_large_state", End::kLives},
    {"hostile/converts_what_is_no_number", End::kFails, kTrapped},
    {"hostile/divides_by_zero", End::kFails, kTrapped},
    {"hostile/fills_memory_for_ever", End::kFails, kLimit},
    {"hostile/grows_in_init", End::kLives},
    {"hostile/leaks", End::kFails, kTrapped},
    {"hostile/overflows_its_stack", End::kFails, kTrapped},
    {"hostile/reads_beyond_memory", End::kFails, "out of bounds"},
    {"hostile/reads_its_chain_without_end", End::kFails, kTrapped},
    {"hostile/traps_in_start", End::kDoesNotStart},
    {"hostile/wipes_its_memory", End::kLives},
    // What crosses to the host.
    {"guests/logs_in_start", End::kDoesNotStart, "while the instance is being made"},
    {"guests/returns_bad_pointer", End::kFails, kTrapped},
    {"guests/returns_bad_tag", End::kFails, kTrapped},
    {"guests/returns_invalid_utf8", End::kFails, kTrapped},
    {"guests/returns_large_state", End::kFails, kTrapped, "20000000"},
    {"hostile/calls_host_after_return", End::kFails, kTrapped},
    {"hostile/calls_host_in_realloc", End::kDoesNotStart, kTrapped},
    {"hostile/fails_with_a_long_text", End::kLives, "xxxx"},
    {"hostile/lies_in_realloc", End::kDoesNotStart, kTrapped},
    {"hostile/logs_terminal_codes", End::kLives, "before"},
    {"hostile/logs_without_end", End::kFails, kLimit},
    {"hostile/loops_after_return", End::kFails, kLimit},
    {"hostile/loops_in_realloc", End::kDoesNotStart, kLimit},
    {"hostile/passes_bad_pointer", End::kFails, kTrapped},
    {"hostile/passes_bad_text", End::kFails, kTrapped},
    {"hostile/passes_endless_text", End::kFails, kTrapped},
    {"hostile/refuses_to_start", End::kDoesNotStart, "not today"},
    {"hostile/returns_endless_state", End::kFails, kTrapped},
    {"hostile/returns_odd_pointer", End::kFails, kTrapped},
    {"hostile/takes_result_at_odd_place", End::kFails, kTrapped},
    {"hostile/takes_result_nowhere", End::kFails, kTrapped},
    // Its neighbours.
    {"guests/answers_twice", End::kLives},
    {"guests/asks_back", End::kLives, "", "good"},
    {"guests/opens_channels", End::kLives, "", "good 1000 keep"},
    {"guests/sends_a_million", End::kLives, "", "good 10000"},
    {"guests/sends_too_large", End::kFails, kTrapped, "good 5000000"},
    {"guests/uses_unknown_ids", End::kLives},
    {"hostile/asks_itself", End::kLives, "deadlock"},
    {"hostile/floods_a_channel", End::kFails, kLimit},
    {"hostile/floods_itself", End::kLives},
    {"hostile/opens_channel_to_itself", End::kLives, "deadlock"},
    {"hostile/publishes_without_end", End::kFails, kLimit},
    {"hostile/shuts_down_and_floods", End::kLeaves},
    {"hostile/talks_to_itself", End::kLives},
    {"hostile/uses_closed_channel", End::kLives, "channel closed"},
    // Time, names and children.
    {"guests/sleeps", End::kLives, "Duration too long", "18446744073709551615"},
    {"guests/sleeps", End::kLives, "Invalid deadline", "until 18446744073709551615"},
    {"hostile/forks", End::kLives, "the most allowed"},
    {"hostile/joins_endless_groups", End::kLives, "100 groups already"},
    {"hostile/meddles_with_others", End::kLives, "not permitted"},
    {"hostile/registers_and_dies", End::kFails, "unreachable"},
    {"hostile/sets_endless_timers", End::kLives, "too many timers"},
    {"hostile/sets_fast_timer", End::kLives, "period too short"},
    {"hostile/sets_heavy_timers", End::kLives, "too many bytes"},
    {"hostile/sets_timers_and_dies", End::kFails, "unreachable"},
    {"hostile/shuts_down_in_init", End::kLeaves},
    {"hostile/sleeps_without_end", End::kLives},
    {"hostile/spawns_nonsense", End::kLives, "manifest given to spawn:"},
    {"hostile/takes_all_names", End::kLives, "16 names already"},
    {"hostile/takes_bad_names", End::kLives, "belongs to actor"},
};

constexpr std::chrono::seconds kPatience{60};
constexpr std::uint64_t kMemoryBytes = 4u << 20;
constexpr std::uint32_t kMailboxMessages = 100;
constexpr std::uint64_t kMailboxBytes = 1u << 20;
constexpr std::size_t kActors = 200;
/// What the process may hold more after all of them than after the first few: its own caches and what the allocator
/// keeps.
constexpr std::size_t kGrowthBytes = 32u << 20;

std::string quota() {
  std::string text;
  for (const char* handler : {"supervisor", "registry"})
    text += "[[handler]]\ntype = \"" + std::string(handler) + "\"\n";
  text += "[[handler]]\ntype = \"timers\"\nmax_timers = 50\nmax_bytes = \"1MiB\"\n";
  text +=
      "[limits]\nmemory = " + std::to_string(kMemoryBytes) + "\nfuel_per_turn = 200000000\nturn_timeout_ms = 200\n" +
      "mailbox_messages = " + std::to_string(kMailboxMessages) + "\nmailbox_bytes = " + std::to_string(kMailboxBytes) +
      "\nmessage_max_bytes = 262144\nchannels_max = 10\nchildren_max = 3\nstop_timeout_ms = 20\n";
  return text;
}

class HostileGuests : public RuntimeTest {
 protected:
  void SetUp() override {
    RuntimeOptions options;
    options.actors_max = kActors;
    options.chain_memory_bytes = options.payload_memory_bytes = 1u << 20;
    start(std::move(options));
    good = spawn("good", "guests/echo");
  }
  /// The latest of each actor's log only.
  void actor_logged(const ActorId&, const std::string& name, std::string_view line) override {
    const std::lock_guard lock(mutex);
    std::string& log = logs[name];
    log += std::string(line) + "\n";
    if (log.size() > 100'000) log.erase(0, log.size() - 50'000);
  }

  void try_out(const Attempt& attempt) {
    {
      const std::lock_guard lock(mutex);
      logs.clear();
    }
    const std::string text = manifest_text("hostile", attempt.guest, quota());
    auto manifest = parse(text);
    ASSERT_TRUE(manifest) << manifest.error().to_string();
    auto blueprint = runtime->prepare(std::move(*manifest));
    ASSERT_TRUE(blueprint) << blueprint.error().to_string();
    SpawnOptions options;
    options.state = to_bytes(text);
    const auto id = runtime->spawn(*blueprint, std::move(options));
    if (attempt.end == End::kDoesNotStart) {
      ASSERT_FALSE(id);
      EXPECT_THAT(id.error().to_string(), HasSubstr(attempt.says));
      return;
    }
    ASSERT_TRUE(id) << id.error().to_string();
    const auto sent = router.send(*id, as_bytes(attempt.message));
    EXPECT_TRUE(sent || attempt.end == End::kLeaves) << sent.error().to_string();
    attempt.end == End::kLives ? expect_life(*id, attempt) : expect_end(*id, attempt);
    const auto report = runtime->verify(*id);
    EXPECT_TRUE(report && !report->fault);
    EXPECT_EQ(log_of("hostile").find('\x1b'), std::string::npos) << "no guest writes to anybody's terminal";
  }

  void expect_end(const ActorId& id, const Attempt& attempt) {
    const ActorInfo info = ended(id);
    EXPECT_EQ(info.status, attempt.end == End::kFails ? ActorStatus::kFailed : ActorStatus::kStopped);
    EXPECT_THAT(info.end_message, HasSubstr(attempt.says));
  }

  void expect_life(const ActorId& id, const Attempt& attempt) {
    const auto give_up = std::chrono::steady_clock::now() + kPatience;
    while (log_of("hostile").find(attempt.says) == std::string::npos && std::chrono::steady_clock::now() < give_up) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    EXPECT_THAT(log_of("hostile"), HasSubstr(attempt.says));
    // Beyond its start, its init and the init's end.
    wait_until([&] { return runtime->info(id)->events > 3; });
    const auto info = runtime->info(id);
    ASSERT_TRUE(info);
    EXPECT_EQ(info->status, ActorStatus::kRunning) << info->end_message;
    EXPECT_LE(info->memory_bytes, kMemoryBytes);
    EXPECT_LE(info->mailbox_messages, kMailboxMessages);
    EXPECT_LE(runtime->children(id).size(), 3u);
    EXPECT_LE(runtime->living(), kActors);
    EXPECT_TRUE(runtime->stop(id));
  }

  ActorId good;
};

TEST_F(HostileGuests, take_at_most_their_quota_and_leave_the_process_and_their_neighbour_unharmed) {
  std::set<std::string> files;
  std::size_t tried = 0;
  std::size_t before = 0;
  for (const Attempt& attempt : kAttempts) {
    SCOPED_TRACE(std::string(attempt.guest) + " " + attempt.message);
    try_out(attempt);
    // Its mailbox may be full of what the guest has sent it.
    wait_until([&] { return ask_text(good, "still there?") == "still there?"; });
    wait_until([&] { return runtime->living() == 1; });
    EXPECT_FALSE(router.find("mine")) << "no name stays behind";
    files.insert(attempt.guest);
    if (++tried == 10) before = own_bytes();
  }
  EXPECT_GE(files.size(), 50u);
  if (kMemoryIsMeasured) {
    EXPECT_LE(own_bytes(), before + kGrowthBytes);
  }
}

}  // namespace
}  // namespace theater::testing
