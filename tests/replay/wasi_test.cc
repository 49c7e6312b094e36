// What an actor has of WASI, and that whatever it does with it re-runs without a difference.
#include <gmock/gmock.h>

#include "replay_fixture.h"

namespace theater::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kGuest = "guests/wasi";

class WasiTest : public ReplayTest {
 protected:
  ActorId spawn_guest() { return spawn("guest", kGuest); }

  std::vector<Event> events(const ActorId& id) {
    auto events = runtime->events(id);
    EXPECT_TRUE(events) << events.error().to_string();
    return events ? std::move(*events) : std::vector<Event>();
  }
  /// Names of the host calls, without the packages.
  std::vector<std::string> host_calls(const ActorId& id) {
    std::vector<std::string> names;
    for (const Event& event : events(id)) {
      if (event.kind != EventKind::kHostCall && event.kind != EventKind::kHostCallBegin) continue;
      const std::string name = event_type(event);
      names.push_back(name.substr(name.find('/') + 1));
    }
    return names;
  }
  /// How the actor failed.
  std::string failure(const ActorId& id, const std::string& message) {
    send(id, message);
    const ActorInfo info = ended(id);
    EXPECT_EQ(info.status, ActorStatus::kFailed);
    return info.end_message;
  }
};

TEST_F(WasiTest, there_is_nothing_of_the_machine) {
  const ActorId id = spawn_guest();
  EXPECT_EQ(send_and_ask(id, "look"), "00000000");
  EXPECT_THAT(host_calls(id), IsEmpty());
  expect_same(id, kGuest);
}

TEST_F(WasiTest, clocks_and_random_numbers_are_recorded_and_come_from_the_chain_when_it_is_re_run) {
  const ActorId id = spawn_guest();
  const auto before = std::chrono::system_clock::now();
  const std::string measured = send_and_ask(id, "measure");
  const auto after = std::chrono::system_clock::now();
  const auto seconds = std::stoll(measured);
  EXPECT_GE(seconds, std::chrono::duration_cast<std::chrono::seconds>(before.time_since_epoch()).count());
  EXPECT_LE(seconds, std::chrono::duration_cast<std::chrono::seconds>(after.time_since_epoch()).count());
  EXPECT_THAT(measured, EndsWith(" 0"));
  EXPECT_THAT(host_calls(id),
              ElementsAre("wall-clock@0.2.8.now", "wall-clock@0.2.8.resolution", "monotonic-clock@0.2.8.now",
                          "random@0.2.3.get-random-bytes", "insecure@0.2.3.get-insecure-random-bytes",
                          "insecure-seed@0.2.3.insecure-seed", "random@0.2.3.get-random-u64",
                          "insecure@0.2.3.get-insecure-random-u64", "monotonic-clock@0.2.8.now",
                          "monotonic-clock@0.2.8.resolution"));
  const ReplayReport report = expect_same(id, kGuest);
  ASSERT_TRUE(report.state);
  EXPECT_EQ(as_text(*report.state), measured);
}

TEST_F(WasiTest, two_actors_get_different_random_numbers) {
  const auto numbers = [&](const std::string& name) {
    const ActorId id = spawn(name, kGuest);
    EXPECT_THAT(send_and_ask(id, "measure"), EndsWith(" 0"));
    Bytes all;
    for (const Event& event : events(id)) {
      if (event_type(event).find("wasi:random") != std::string::npos) append(all, event.result.head);
    }
    return all;
  };
  EXPECT_NE(numbers("one"), numbers("other"));
}

TEST_F(WasiTest, output_goes_to_the_log_line_by_line) {
  const ActorId id = spawn_guest();
  EXPECT_EQ(send_and_ask(id, "say one\ntwo\n"), "done");
  EXPECT_EQ(log_of("guest"), "one\ntwo\n");
  EXPECT_EQ(send_and_ask(id, "complain three\n\nfour"), "done");
  EXPECT_EQ(log_of("guest"), "one\ntwo\nthree\n\nfour\n");
  EXPECT_THAT(host_calls(id),
              ElementsAre("stdout@0.2.0.write-line", "stdout@0.2.0.write-line", "stderr@0.2.0.write-line",
                          "stderr@0.2.0.write-line", "stderr@0.2.0.write-line"));
  expect_same(id, kGuest);
}

TEST_F(WasiTest, a_long_line_is_cut_between_characters_and_what_is_no_text_is_made_some) {
  const ActorId id = spawn_guest();
  std::string line;
  // 40,002 bytes, no multiple of which is the bound of 16 KiB.
  for (int i = 0; i < 13'334; ++i) line += "€";
  EXPECT_EQ(send_and_ask(id, "say " + line + "\n"), "done");
  std::string log = log_of("guest");
  EXPECT_EQ(std::ranges::count(log, '\n'), 3);
  std::erase(log, '\n');
  EXPECT_EQ(log, line);
  EXPECT_EQ(send_and_ask(id, "say \xff!"), "done");
  EXPECT_THAT(log_of("guest"), EndsWith("\n\uFFFD!\n"));
  EXPECT_EQ(send_and_ask(id, "zeroes 3"), "done");
  expect_same(id, kGuest);
}

TEST_F(WasiTest, a_sleep_suspends_the_guest_and_not_its_shard) {
  const ActorId id = spawn("guest", kGuest, "[limits]\nstop_timeout_ms = 50\n");
  send(id, "sleep 60000");
  wait_until([&] { return runtime->info(id)->events >= 5; });
  // Both shards go on.
  const ActorId one = spawn("one", kGuest);
  const ActorId other = spawn("other", kGuest);
  EXPECT_EQ(send_and_ask(one, "sleep 20"), "0 3");
  EXPECT_EQ(send_and_ask(other, "sleep 20"), "0 3");
  EXPECT_EQ(std::ranges::count(events(one), EventKind::kHostCallEnd, &Event::kind), 1);
  expect_same(one, kGuest);
  // One that is stopped while it waits re-runs as well.
  expect_same(id, kGuest);
}

TEST_F(WasiTest, polling_says_all_that_are_ready_and_waits_if_none_is) {
  const ActorId id = spawn_guest();
  EXPECT_EQ(send_and_ask(id, "poll input"), "0");
  EXPECT_EQ(send_and_ask(id, "poll 60000 0"), "1");
  EXPECT_EQ(send_and_ask(id, "poll input 60000 0"), "02");
  EXPECT_EQ(send_and_ask(id, "poll 60000 20"), "1");
  expect_same(id, kGuest);
}

TEST_F(WasiTest, polling_nothing_ends_the_guest) {
  const ActorId id = spawn_guest();
  EXPECT_THAT(failure(id, "poll-nothing"), HasSubstr("polled nothing"));
  expect_same(id, kGuest);
}

TEST_F(WasiTest, exit_ends_the_guest_and_its_last_line_is_kept) {
  const ActorId id = spawn_guest();
  EXPECT_THAT(failure(id, "exit bye"), HasSubstr("ended itself as failed, by `wasi:cli/exit`"));
  EXPECT_EQ(log_of("guest"), "bye\n");
  expect_same(id, kGuest);
}

TEST_F(WasiTest, what_a_guest_printed_before_it_trapped_is_kept) {
  const ActorId id = spawn_guest();
  EXPECT_THAT(failure(id, "crash no end of line"), HasSubstr("unreachable"));
  EXPECT_EQ(log_of("guest"), "no end of line\n");
  expect_same(id, kGuest);
}

TEST_F(WasiTest, handles_are_bounded_and_those_given_back_do_not_count) {
  const ActorId id = spawn_guest();
  EXPECT_EQ(send_and_ask(id, "cycle 10000"), "done");
  EXPECT_THAT(failure(id, "hoard"), HasSubstr("4096"));
  expect_same(id, kGuest);
}

TEST_F(WasiTest, random_bytes_are_bounded) {
  const ActorId id = spawn_guest();
  EXPECT_EQ(send_and_ask(id, "random 1048576"), "1048576 0");
  EXPECT_THAT(failure(id, "random 1048577"), HasSubstr("1048577 random bytes at once: at most 1048576"));
  expect_same(id, kGuest);
}

TEST_F(WasiTest, a_manifest_need_not_and_cannot_grant_it) {
  const auto named = try_spawn("guest", kGuest, "[[handler]]\ntype = \"wasi\"\n");
  ASSERT_FALSE(named);
  EXPECT_THAT(named.error().to_string(), HasSubstr("wasi"));
}

}  // namespace
}  // namespace theater::testing
