#include "chain/event_stream.h"

#include <gtest/gtest.h>

#include "chain/sample_chain.h"

namespace theater::chain {
namespace {

std::unique_ptr<ChainSource> sample() { return make_chain_source(sample_chain(), "the sample"); }

std::vector<Event> all(const ChainSource& source, std::uint64_t from,
                       EventStream::Values values = EventStream::Values::kInline) {
  auto stream = EventStream::open(source, from, values);
  EXPECT_TRUE(stream) << stream.error().to_string();
  std::vector<Event> events;
  while (stream) {
    auto more = (*stream)->next();
    EXPECT_TRUE(more) << more.error().to_string();
    if (!more || more->empty()) break;
    for (Event& event : *more) events.push_back(std::move(event));
  }
  return events;
}

TEST(EventStream, gives_all_events_in_order) {
  const auto source = sample();
  const auto events = all(*source, 0);
  ASSERT_EQ(events.size(), 19u);
  for (std::size_t i = 0; i < events.size(); ++i) EXPECT_EQ(events[i].sequence, i);
}

TEST(EventStream, from_any_event_on_gives_what_the_whole_gives) {
  const auto source = sample();
  for (const auto values : {EventStream::Values::kInline, EventStream::Values::kFilled}) {
    const auto whole = all(*source, 0, values);
    for (std::uint64_t from = 0; from <= whole.size(); ++from) {
      const auto part = all(*source, from, values);
      ASSERT_EQ(part.size(), whole.size() - from);
      for (std::size_t i = 0; i < part.size(); ++i) {
        // Hashes and names of functions included: the end of a host call names the call that an earlier link holds.
        EXPECT_EQ(to_json(part[i]), to_json(whole[from + i])) << "event " << from + i << " read from " << from;
      }
    }
  }
}

TEST(EventStream, large_values_are_filled_in_when_asked_for) {
  const auto source = sample();
  EXPECT_EQ(all(*source, 6)[0].params.body, std::nullopt);
  EXPECT_EQ(all(*source, 6, EventStream::Values::kFilled)[0].params.body, pattern(2048));
}

TEST(EventStream, ends_with_an_error_at_a_broken_link) {
  ChainSnapshot snapshot = sample_chain();
  snapshot.bytes[snapshot.links[4].offset + 70] ^= 1;
  const auto source = make_chain_source(snapshot, "the sample");
  auto stream = EventStream::open(*source);
  ASSERT_TRUE(stream);
  std::uint64_t events = 0;
  while (true) {
    const auto more = (*stream)->next();
    if (!more) {
      EXPECT_EQ(more.error().code(), ErrorCode::kCorrupt);
      break;
    }
    ASSERT_FALSE(more->empty());
    events += more->size();
  }
  EXPECT_EQ(events, snapshot.links[4].first_sequence);
}

TEST(FindEvent, tells_the_call_that_an_event_stands_in) {
  const auto source = sample();
  // 0 started, 1-2, 3-5, 6 call, 7 begin, 8 end, 9 note, 10 failed, 11-12, 13-14, 15-16, 17 note, 18 stopped
  const std::optional<std::uint64_t> calls[] = {{}, 1, 1, 3, 3, 3, 6, 6, 6, 6, 6, 11, 11, 13, 13, 15, 15, {}, {}};
  for (std::uint64_t sequence = 0; sequence < 19; ++sequence) {
    const auto found = find_event(*source, sequence);
    ASSERT_TRUE(found) << found.error().to_string();
    EXPECT_EQ(found->event.sequence, sequence);
    EXPECT_EQ(found->call ? std::optional(found->call->sequence) : std::nullopt, calls[sequence]) << sequence;
    ASSERT_TRUE(found->component);
    EXPECT_EQ((*found->component)[0], 0xc0);
  }
  const auto end = find_event(*source, 8);
  EXPECT_EQ(end->event.function, "theater:simple/message-server-host.request");
  EXPECT_EQ(end->event.result.body, pattern(1500));
}

TEST(FindEvent, names_the_component_that_ran_then) {
  ChainRecorder recorder(sample_actor(1), 1u << 20);
  recorder.started();
  recorder.turn("before");
  recorder.link([](LinkBuilder& builder) {
    builder.call(1, std::nullopt, ValueRecord());
    builder.returned(ValueRecord(), StateRecord::unchanged(), 1);
    const FunctionTable functions = sample_functions();
    StartedRecord record;
    record.reason = StartReason::kUpdated;
    record.component.fill(0xdd);
    record.functions = &functions;
    static_cast<void>(builder.started(record));
    builder.note("a.b", ValueRecord());
  });
  const auto source = make_chain_source(recorder.snapshot(), "updated");
  for (std::uint64_t sequence = 0; sequence < 8; ++sequence) {
    const auto found = find_event(*source, sequence);
    ASSERT_TRUE(found);
    EXPECT_EQ((*found->component)[0], sequence < 6 ? 0xc0 : 0xdd) << sequence;
  }
}

TEST(FindEvent, an_event_that_is_not_there_is_not_found) {
  EXPECT_EQ(find_event(*sample(), 19).error().code(), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace theater::chain
