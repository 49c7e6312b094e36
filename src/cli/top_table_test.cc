#include "cli/top_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/clock.h"

namespace theater::cli {
namespace {

using ::testing::HasSubstr;

RemoteEvent event(std::string kind, const std::string& time) {
  return {.actor = {},
          .sequence = 0,
          .kind = std::move(kind),
          .type = {},
          .time_ms = 0,
          .description = {},
          .json = "{\"time\":\"2026-01-31T" + time + "Z\"}"};
}

TopActor actor(std::uint8_t number, std::string name, std::uint64_t events) {
  TopActor actor;
  actor.id = ActorId({number});
  actor.name = std::move(name);
  actor.status = "running";
  actor.events = events;
  return actor;
}

Key letter(std::string text) { return {.kind = Key::Kind::kText, .text = std::move(text)}; }

std::string first_row(const TopTable& table) { return table.render({.columns = 80, .rows = 10}, "").at(2).text; }

TEST(TopTable, a_turns_time_is_from_its_call_to_its_end) {
  EXPECT_EQ(mean_turn_ns({event("returned", "00:00:00.000000001"), event("call", "00:00:01.000000000"),
                          event("host-call", "00:00:01.100000000"), event("returned", "00:00:01.000001000"),
                          event("call", "00:00:02.000000000"), event("failed", "00:00:02.000003000"),
                          event("call", "00:00:03.000000000")}),
            2'000u);
  EXPECT_EQ(mean_turn_ns({event("call", "23:59:59.999999999"), event("returned", "00:00:00.000000000")}), 1u);
  EXPECT_EQ(mean_turn_ns({event("call", "nonsense"), event("returned", "00:00:00.000000000")}), std::nullopt);
  EXPECT_EQ(mean_turn_ns({}), std::nullopt);
}

TEST(TopTable, the_rate_is_what_came_since_the_look_before) {
  TopTable table;
  table.look({actor(1, "slow", 100), actor(2, "fast", 100)}, 5 * kNsPerSecond);
  EXPECT_EQ(table.actors()[0].rate, 0);
  table.look({actor(1, "slow", 110), actor(2, "fast", 3'100), actor(3, "new", 9'000)}, 7 * kNsPerSecond);
  EXPECT_THAT(first_row(table), HasSubstr("1,500"));
  EXPECT_THAT(first_row(table), HasSubstr("fast"));
  EXPECT_THAT(table.render({.columns = 80, .rows = 10}, "").at(0).text, HasSubstr("3 actors live, 1,505 events/s"));
}

TEST(TopTable, keys_choose_what_stands_first) {
  TopTable table;
  TopActor full = actor(1, "full", 0);
  full.mailbox = 7;
  TopActor slow = actor(2, "slow", 0);
  slow.turn_ns = 2'500'000;
  TopActor large = actor(3, "large", 0);
  large.memory_bytes = 1 << 20;
  TopActor unlucky = actor(4, "unlucky", 0);
  unlucky.restarts = 3;
  table.look({full, slow, large, unlucky, actor(5, "a", 0)}, 1);
  const std::pair<const char*, const char*> rows[] = {
      {"b", "full"}, {"t", "slow"}, {"m", "large"}, {"s", "unlucky"}, {"n", "  a"}};
  for (const auto& [key, name] : rows) {
    EXPECT_TRUE(table.press(letter(key)));
    EXPECT_THAT(first_row(table), HasSubstr(name));
  }
  table.press(letter("t"));
  EXPECT_THAT(first_row(table), HasSubstr("2.5 ms"));
  EXPECT_FALSE(table.set_order("size"));
}

TEST(TopTable, a_turns_time_stays_while_nothing_happens) {
  TopTable table;
  TopActor first = actor(1, "x", 1);
  first.turn_ns = 1'500;
  table.look({first}, 1);
  table.look({actor(1, "x", 1)}, 2);
  EXPECT_THAT(first_row(table), HasSubstr("1.5 us"));
}

TEST(TopTable, fuel_is_that_of_a_turn_since_the_look_before) {
  TopTable table;
  TopActor one = actor(1, "x", 1);
  one.turns = 10;
  one.fuel = 1'000;
  table.look({one}, 1);
  EXPECT_EQ(table.actors()[0].fuel_per_turn, 100u);
  one.turns = 20;
  one.fuel = 124'000;
  table.look({one}, 2);
  EXPECT_THAT(first_row(table), HasSubstr(" 12.3k "));
  table.look({one}, 3);
  EXPECT_EQ(table.actors()[0].fuel_per_turn, 12'300u);
  one.turns = 2;
  one.fuel = 10;
  table.look({one}, 4);
  EXPECT_EQ(table.actors()[0].fuel_per_turn, 5u);
}

TEST(TopTable, a_name_is_seen_on_a_small_terminal_and_a_turn_without_a_time_shows_none) {
  TopTable table;
  TopActor one = actor(1, "a-name-of-17-char", 1);
  one.turn_ns = 0;
  table.look({one}, 1);
  EXPECT_THAT(first_row(table).substr(0, 80), HasSubstr("a-name-of-17-char"));
  EXPECT_THAT(first_row(table), HasSubstr(" - "));
  const std::string wide = table.render({.columns = 120, .rows = 10}, "").at(2).text;
  EXPECT_THAT(wide, HasSubstr("a-name-of-17-char  01000000"));
}

TEST(TopTable, rows_beyond_the_screen_are_reached_and_keys_end_it) {
  TopTable table;
  std::vector<TopActor> actors;
  for (std::uint8_t i = 0; i < 30; ++i) actors.push_back(actor(i, "actor-" + std::to_string(100 + i), 0));
  table.look(actors, 1);
  table.press(letter("n"));
  table.press({.kind = Key::Kind::kDown});
  EXPECT_THAT(first_row(table), HasSubstr("actor-101"));
  table.press({.kind = Key::Kind::kEnd});
  EXPECT_THAT(first_row(table), HasSubstr("actor-129"));
  EXPECT_EQ(table.render({.columns = 80, .rows = 10}, "").size(), 10u);
  table.press(letter("p"));
  EXPECT_TRUE(table.is_paused());
  EXPECT_FALSE(table.press(letter("q")));
  EXPECT_FALSE(table.press({.kind = Key::Kind::kInterrupt}));
}

}  // namespace
}  // namespace theater::cli
