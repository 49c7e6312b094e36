#include "cli/explorer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace theater::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Kind = Key::Kind;

ActorId id(std::uint8_t number) { return ActorId({number}); }

ExploredEvent event(std::uint64_t sequence, std::string kind, std::string description,
                    std::optional<Cause> cause = std::nullopt) {
  return {.sequence = sequence,
          .time_ms = 0,
          .kind = std::move(kind),
          .type = "type",
          .description = std::move(description),
          .cause = cause};
}

/// Events that a test made up.
class MadeUpSource final : public ExploreSource {
 public:
  const std::string& name() const override { return name_; }
  Result<std::vector<ExploredActor>> actors() override {
    std::vector<ExploredActor> actors;
    for (const auto& [actor, events] : chains) actors.push_back({.id = actor, .name = names[actor]});
    return actors;
  }
  Result<std::optional<ActorId>> chosen() override { return first; }
  Result<std::vector<ExploredEvent>> events(const ActorId& actor, std::uint64_t from) override {
    if (!chains.contains(actor)) return fail(ErrorCode::kNotFound, "no such chain");
    std::vector<ExploredEvent> found;
    for (const ExploredEvent& event : chains[actor]) {
      if (event.sequence >= from) found.push_back(event);
    }
    return found;
  }
  Result<EventSheet> sheet(const ActorId&, std::uint64_t sequence) override {
    return EventSheet{{"number", std::to_string(sequence)}, {"value", std::string(100, 'v') + "end"}};
  }
  bool is_live() const override { return live; }

  std::map<ActorId, std::vector<ExploredEvent>> chains;
  std::map<ActorId, std::string> names;
  std::optional<ActorId> first;
  bool live = false;

 private:
  const std::string name_ = "made up";
};

class ExplorerTest : public ::testing::Test {
 protected:
  ExplorerTest() {
    source_.names = {{id(1), "sender"}, {id(2), "receiver"}};
    source_.chains[id(1)] = {event(0, "started", "sender started"), event(1, "call", "go"),
                             event(2, "host-call", "send to receiver"), event(3, "returned", "done")};
    source_.chains[id(2)] = {event(0, "started", "receiver started"),
                             event(1, "call", "got it", Cause{.actor = id(1), .sequence = 2}),
                             event(2, "host-call", "log"), event(3, "failed", "trapped")};
  }

  void begin(bool follows = false) {
    explorer_.emplace(source_, follows);
    const auto begun = explorer_->begin();
    ASSERT_TRUE(begun) << begun.error().to_string();
  }
  bool press(Kind kind) { return explorer_->press({.kind = kind}, 20); }
  bool type(const std::string& text) {
    bool goes_on = true;
    for (const char c : text) goes_on = explorer_->press({.kind = Kind::kText, .text = std::string(1, c)}, 20);
    return goes_on;
  }
  std::string screen(ScreenSize size = {.columns = 60, .rows = 12}) const {
    std::string text;
    for (const ScreenLine& line : explorer_->render(size)) text += line.text + "\n";
    return text;
  }
  std::string selected() const {
    for (const ScreenLine& line : explorer_->render({.columns = 60, .rows = 12})) {
      if (line.style == LineStyle::kSelected) return line.text;
    }
    return "none";
  }

  MadeUpSource source_;
  std::optional<Explorer> explorer_;
};

TEST_F(ExplorerTest, actors_are_listed_and_one_is_opened) {
  begin();
  EXPECT_THAT(screen(), HasSubstr("2 actors"));
  EXPECT_THAT(selected(), HasSubstr("sender"));
  press(Kind::kDown);
  press(Kind::kEnter);
  EXPECT_THAT(screen(), HasSubstr("receiver 02000000  4 events"));
  EXPECT_THAT(selected(), HasSubstr("0  00:00:00.000  started         receiver started"));
  press(Kind::kEscape);
  EXPECT_THAT(selected(), HasSubstr("receiver"));
}

TEST_F(ExplorerTest, a_row_says_nothing_twice_and_its_keys_fit_a_small_terminal) {
  source_.chains[id(1)].push_back(event(4, "call", "call theater:simple/actor.init(\"x\")"));
  source_.first = id(1);
  source_.live = true;
  begin();
  press(Kind::kEnd);
  EXPECT_THAT(selected(), HasSubstr("  call            actor.init(\"x\")"));
  EXPECT_LE(explorer_->render({.columns = 80, .rows = 12}).back().text.size(), 80u);
}

TEST_F(ExplorerTest, the_only_actor_and_a_chosen_one_are_opened_at_once) {
  source_.first = id(2);
  begin();
  EXPECT_THAT(screen(), HasSubstr("receiver started"));
  source_.first.reset();
  source_.chains.erase(id(2));
  begin();
  EXPECT_THAT(screen(), HasSubstr("sender started"));
  source_.first = id(7);
  Explorer lost(source_, false);
  EXPECT_FALSE(lost.begin());
}

TEST_F(ExplorerTest, a_screen_is_filled_and_the_selected_row_stays_on_it) {
  for (std::uint64_t i = 4; i < 500; ++i)
    source_.chains[id(1)].push_back(event(i, "note", "number " + std::to_string(i)));
  source_.first = id(1);
  begin();
  for (const Kind kind : {Kind::kEnd, Kind::kUp, Kind::kPageUp, Kind::kHome, Kind::kPageDown, Kind::kDown}) {
    press(kind);
    EXPECT_EQ(explorer_->render({.columns = 60, .rows = 12}).size(), 12u);
    EXPECT_NE(selected(), "none");
  }
  press(Kind::kEnd);
  EXPECT_THAT(selected(), HasSubstr("number 499"));
  EXPECT_EQ(explorer_->render({.columns = 1, .rows = 1}).size(), 3u);
}

TEST_F(ExplorerTest, a_filter_narrows_while_it_is_typed_and_the_selection_stays) {
  source_.first = id(1);
  begin();
  press(Kind::kEnd);
  type("/");
  type("send");
  EXPECT_THAT(screen(), HasSubstr("4 events, 2 with \"send\""));
  EXPECT_THAT(screen(), HasSubstr("/send"));
  EXPECT_THAT(screen(), Not(HasSubstr("done")));
  press(Kind::kBackspace);
  type("dx");
  EXPECT_THAT(screen(), HasSubstr("nothing"));
  press(Kind::kEscape);
  EXPECT_THAT(screen(), HasSubstr("done"));
  type("/");
  type("host");
  press(Kind::kEnter);
  EXPECT_THAT(selected(), HasSubstr("send to receiver"));
  EXPECT_TRUE(type("j"));
  press(Kind::kEscape);
  EXPECT_THAT(screen(), Not(HasSubstr("with")));
}

TEST_F(ExplorerTest, an_event_is_taken_apart_below_the_list) {
  source_.first = id(1);
  begin();
  press(Kind::kDown);
  press(Kind::kEnter);
  EXPECT_THAT(screen(), HasSubstr("number     1"));
  EXPECT_THAT(screen({.columns = 60, .rows = 20}), HasSubstr("vend"));
  press(Kind::kDown);
  EXPECT_THAT(screen(), HasSubstr("number     2"));
  type(" ");
  EXPECT_THAT(screen(), Not(HasSubstr("number     2")));
  press(Kind::kEscape);
  EXPECT_THAT(screen(), Not(HasSubstr("vvv")));
}

TEST_F(ExplorerTest, causes_lead_to_the_sender_and_back) {
  source_.first = id(2);
  begin();
  press(Kind::kEnd);
  type("c");
  EXPECT_THAT(screen(), HasSubstr("sender 01000000"));
  EXPECT_THAT(selected(), HasSubstr("send to receiver"));
  type("c");
  EXPECT_THAT(screen(), HasSubstr("its message came from outside"));
  type("b");
  EXPECT_THAT(selected(), HasSubstr("trapped"));
  type("b");
  EXPECT_THAT(screen(), HasSubstr("no cause was followed"));
  press(Kind::kHome);
  type("c");
  EXPECT_THAT(screen(), HasSubstr("outside of any call"));
}

TEST_F(ExplorerTest, a_cause_that_is_not_there_is_said_so) {
  source_.chains[id(2)][1].cause = Cause{.actor = id(9), .sequence = 1};
  source_.first = id(2);
  begin();
  press(Kind::kEnd);
  type("c");
  EXPECT_THAT(screen(), HasSubstr("no such chain"));
  EXPECT_THAT(selected(), HasSubstr("trapped"));
  source_.chains[id(2)][1].cause = Cause{.actor = id(1), .sequence = 99};
  begin();
  press(Kind::kEnd);
  type("c");
  EXPECT_THAT(screen(), HasSubstr("event 99 of sender 01000000 is not among these"));
}

TEST_F(ExplorerTest, a_live_list_grows_and_follows_when_it_is_asked_to) {
  source_.live = true;
  source_.first = id(1);
  begin();
  source_.chains[id(1)].push_back(event(4, "call", "later"));
  explorer_->look_for_more();
  EXPECT_THAT(screen(), HasSubstr("5 events  live"));
  EXPECT_THAT(selected(), HasSubstr("sender started"));
  type("f");
  source_.chains[id(1)].push_back(event(5, "returned", "latest"));
  explorer_->look_for_more();
  EXPECT_THAT(selected(), HasSubstr("latest"));
  begin(/*follows=*/true);
  EXPECT_THAT(selected(), HasSubstr("latest"));
}

TEST_F(ExplorerTest, q_and_interrupt_end_it_but_not_while_a_filter_is_typed) {
  begin();
  EXPECT_FALSE(type("q"));
  EXPECT_FALSE(press(Kind::kInterrupt));
  press(Kind::kEnter);
  type("/");
  EXPECT_TRUE(type("q"));
  EXPECT_FALSE(press(Kind::kInterrupt));
}

}  // namespace
}  // namespace theater::cli
