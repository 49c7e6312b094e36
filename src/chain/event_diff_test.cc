#include "chain/event_diff.h"

#include <gtest/gtest.h>

#include <functional>

#include "chain/sample_chain.h"

namespace theater::chain {
namespace {

std::vector<Event> events_of(const ActorId& actor) { return sample_chain(actor).events().value(); }

/// A chain whose first call gets the actor's own id, as init does.
std::vector<Event> told_its_id(const ActorId& actor, const std::string& state) {
  ChainRecorder recorder(actor);
  recorder.started();
  recorder.link([&](LinkBuilder& builder) {
    builder.call(0, std::nullopt, ByteView(texts({to_string(actor)})));
    builder.returned(ByteView(texts({"I am " + to_string(actor) + "!"})), StateRecord::changed(as_bytes(state)), 300);
  });
  return recorder.snapshot().events().value();
}

TEST(EventComparison, two_runs_of_one_program_are_alike) {
  const ActorId first = sample_actor(1);
  const ActorId second = sample_actor(200);
  const EventComparison comparison(first, second);
  const auto ones = told_its_id(first, to_string(first));
  auto others = told_its_id(second, to_string(second));
  ASSERT_EQ(ones.size(), others.size());
  for (std::size_t i = 0; i < ones.size(); ++i) {
    others[i].time_ns += 12345;
    others[i].fuel += 7;
    EXPECT_TRUE(comparison.differences(ones[i], others[i]).empty()) << i;
  }
}

TEST(EventComparison, each_event_differs_from_each_other_one) {
  const auto events = events_of(sample_actor(1));
  const EventComparison comparison(sample_actor(1), sample_actor(1));
  for (std::size_t i = 0; i < events.size(); ++i) {
    for (std::size_t j = 0; j < events.size(); ++j) {
      EXPECT_EQ(comparison.differences(events[i], events[j]).empty(), i == j) << i << " and " << j;
    }
  }
}

struct Change {
  const char* field;
  std::size_t event;
  std::function<void(Event& event)> change;
};

TEST(EventComparison, names_the_field_that_differs) {
  const Change changes[] = {
      {"params", 3, [](Event& event) { event.params.head.back() ^= 1; }},
      {"params", 6, [](Event& event) { event.params.body->back() ^= 1, (*event.params.body_digest)[0] ^= 1; }},
      {"params", 6, [](Event& event) { (*event.params.body)[7] ^= 1, (*event.params.body_digest)[0] ^= 1; }},
      {"cause", 3, [](Event& event) { event.cause.reset(); }},
      {"result", 11, [](Event& event) { event.result.head.push_back(1); }},
      {"result", 8, [](Event& event) { ++event.result.body_size; }},
      {"state", 2, [](Event& event) { (*event.state.bytes)[0] ^= 1; }},
      {"state", 5, [](Event& event) { event.state.form = EventState::Form::kUnchanged; }},
      {"data", 9, [](Event& event) { event.note.head[0] ^= 1; }},
      {"failure", 10, [](Event& event) { event.failure = FailureReason::kTimedOut; }},
      {"message", 10, [](Event& event) { event.message += "!"; }},
      {"reason", 18, [](Event& event) { event.stop = StopReason::kParent; }},
      {"component", 0, [](Event& event) { event.component[0] ^= 1; }},
      {"manifest", 0, [](Event& event) { event.manifest[0] ^= 1; }},
      {"event", 9, [](Event& event) { event.note_type = "another.type"; }},
      {"event", 3, [](Event& event) { event.function = "a.b"; }},
  };
  const auto events = events_of(sample_actor(1));
  const EventComparison comparison(sample_actor(1), sample_actor(1));
  for (const Change& change : changes) {
    Event changed = events[change.event];
    change.change(changed);
    const auto differences = comparison.differences(events[change.event], changed);
    ASSERT_EQ(differences.size(), 1u) << change.field << " of event " << change.event;
    EXPECT_EQ(differences[0].field, change.field);
    EXPECT_NE(differences[0].first, differences[0].second) << change.field;
  }
}

}  // namespace
}  // namespace theater::chain
