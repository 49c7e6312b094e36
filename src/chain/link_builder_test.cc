#include "chain/link_builder.h"

#include <gtest/gtest.h>

#include "chain/sample_chain.h"

namespace theater::chain {
namespace {

/// A builder with an open link of a fresh chain.
struct OpenLink {
  explicit OpenLink(Recording recording = Recording::kOn) : builder(recording) {
    builder.begin(sample_actor(1), head, kSampleTimeNs);
  }
  std::vector<EventView> events() {
    sealed = builder.seal(head);
    LinkDecoder decoder(sealed.bytes);
    std::vector<EventView> events;
    EventView event;
    while (decoder.next(event)) events.push_back(event);
    EXPECT_FALSE(decoder.fault()) << decoder.fault()->to_string();
    return events;
  }
  ChainHead head;
  LinkBuilder builder;
  SealedLink sealed;
};

TEST(LinkBuilder, sequences_begin_at_0_and_have_no_gap_over_links) {
  OpenLink link;
  EXPECT_EQ(link.builder.call(0, std::nullopt, ValueRecord()), 0u);
  EXPECT_EQ(link.builder.returned(ValueRecord(), StateRecord::unchanged(), 0), 1u);
  link.events();
  EXPECT_EQ(link.head.next_sequence, 2u);
  link.builder.begin(sample_actor(1), link.head, kSampleTimeNs);
  EXPECT_EQ(link.builder.note("a", ValueRecord()), 2u);
}

TEST(LinkBuilder, sealing_moves_the_head_to_the_links_hash) {
  OpenLink link;
  link.builder.note("a", ValueRecord());
  link.events();
  EXPECT_EQ(link.head.hash, sha256(link.sealed.bytes));
  EXPECT_EQ(link.head.hash, link.sealed.hash);
}

TEST(LinkBuilder, is_full_at_the_bound_of_events) {
  OpenLink link;
  for (std::size_t i = 0; i < limits::kLinkEvents; ++i) {
    EXPECT_FALSE(link.builder.full());
    link.builder.note("a", ValueRecord());
  }
  EXPECT_TRUE(link.builder.full());
  EXPECT_EQ(link.events().size(), limits::kLinkEvents);
  link.builder.begin(sample_actor(1), link.head, kSampleTimeNs);
  EXPECT_FALSE(link.builder.full());
}

TEST(LinkBuilder, a_full_link_still_takes_a_few_events) {
  OpenLink link;
  while (!link.builder.full()) link.builder.note("a", ValueRecord());
  link.builder.note("a", ValueRecord());
  link.builder.host_call(0, ValueRecord(), ValueRecord());
  EXPECT_EQ(link.events().size(), limits::kLinkEvents + 2);
}

TEST(LinkBuilder, is_full_at_the_bound_of_bytes) {
  OpenLink link;
  const std::string long_text(kBacktraceBytesMax, 'x');
  std::size_t count = 0;
  for (; !link.builder.full(); ++count) link.builder.failed(FailureReason::kTrapped, "m", long_text, 1);
  EXPECT_EQ(count, limits::kLinkBytes / kBacktraceBytesMax);
  EXPECT_EQ(link.events().size(), count);
  EXPECT_LE(link.sealed.bytes.size(), kLinkBytesMax);
}

TEST(LinkBuilder, a_large_body_is_recorded_by_digest_and_kept) {
  OpenLink link;
  const Bytes body = pattern(limits::kLargePayloadBytes);
  const Bytes head = length_of(body.size());
  link.builder.call(0, std::nullopt, ValueView{head, body});
  const auto events = link.events();
  const auto& params = std::get<CallView>(events[0].body).params;
  EXPECT_EQ(to_bytes(params.head), head);
  EXPECT_EQ(params.body_size, body.size());
  EXPECT_EQ(to_bytes(params.body_digest), to_bytes(ByteView(sha256(body))));
  ASSERT_EQ(link.sealed.payloads.size(), 1u);
  EXPECT_EQ(to_bytes(link.sealed.payloads[0].content.view()), body);
  EXPECT_EQ(link.sealed.payloads[0].digest, sha256(body));
}

TEST(LinkBuilder, a_body_just_below_the_bound_is_recorded_itself) {
  OpenLink link;
  const Bytes body = pattern(limits::kLargePayloadBytes - 3);
  link.builder.call(0, std::nullopt, ValueView{length_of(body.size()), body});
  const auto events = link.events();
  const auto& params = std::get<CallView>(events[0].body).params;
  EXPECT_FALSE(params.by_digest());
  EXPECT_EQ(params.head.size(), body.size() + 2);
  EXPECT_TRUE(link.sealed.payloads.empty());
}

TEST(LinkBuilder, a_payload_is_shared_and_not_copied) {
  OpenLink link;
  const Payload payload = Payload::copy(pattern(5000));
  link.builder.call(0, std::nullopt, ValueRecord(length_of(5000), payload));
  link.builder.host_call(0, ValueRecord(length_of(5000), payload), ValueRecord());
  link.events();
  ASSERT_EQ(link.sealed.payloads.size(), 2u);
  EXPECT_EQ(link.sealed.payloads[0].content.view().data(), payload.view().data());
}

TEST(LinkBuilder, a_value_with_a_large_head_goes_by_digest_as_a_whole) {
  OpenLink link;
  const Bytes head = pattern(3000);
  const Bytes body = pattern(2000, 1);
  link.builder.call(0, std::nullopt, ValueView{head, body});
  const auto events = link.events();
  const auto& params = std::get<CallView>(events[0].body).params;
  EXPECT_TRUE(params.head.empty());
  EXPECT_EQ(params.body_size, 5000u);
  Bytes all = head;
  append(all, body);
  EXPECT_EQ(to_bytes(params.body_digest), to_bytes(ByteView(sha256(all))));
}

TEST(LinkBuilder, a_state_of_64_bytes_is_inline_and_of_65_by_digest) {
  OpenLink link;
  link.builder.returned(ValueRecord(), StateRecord::changed(pattern(64)), 0);
  link.builder.returned(ValueRecord(), StateRecord::changed(pattern(65)), 0);
  link.builder.returned(ValueRecord(), StateRecord::kept(Payload::copy(pattern(66))), 0);
  link.builder.returned(ValueRecord(), StateRecord::kept(Payload::copy(pattern(6600))), 0);
  const auto events = link.events();
  const auto state = [&](std::size_t i) { return std::get<ReturnedView>(events[i].body).state; };
  EXPECT_EQ(state(0).form, EventState::Form::kInline);
  EXPECT_EQ(to_bytes(state(0).bytes), pattern(64));
  EXPECT_EQ(state(1).form, EventState::Form::kDigest);
  EXPECT_EQ(to_bytes(state(1).digest), to_bytes(ByteView(sha256(pattern(65)))));
  EXPECT_EQ(to_bytes(state(2).digest), to_bytes(ByteView(sha256(pattern(66)))));
  EXPECT_EQ(to_bytes(state(3).digest), to_bytes(ByteView(sha256(pattern(6600)))));
  ASSERT_EQ(link.sealed.payloads.size(), 2u) << "only what was given to be kept is kept";
  EXPECT_EQ(link.sealed.payloads[0].digest, sha256(pattern(66)));
}

TEST(LinkBuilder, texts_are_cut_between_characters_and_made_utf8) {
  OpenLink link;
  std::string text(kMessageBytesMax - 1, 'x');
  text += "\xe2\x82\xac";
  link.builder.failed(FailureReason::kGuestError, text, "", 0);
  link.builder.failed(FailureReason::kGuestError, "broken \xff here", "", 0);
  link.builder.stopped(StopReason::kFailed, std::string(10'000, '\xff'));
  const auto events = link.events();
  EXPECT_EQ(std::get<FailedView>(events[0].body).message, std::string(kMessageBytesMax - 1, 'x'));
  EXPECT_EQ(std::get<FailedView>(events[1].body).message, "broken \\xff here");
  EXPECT_LE(std::get<StoppedView>(events[2].body).message.size(), kMessageBytesMax);
}

TEST(LinkBuilder, a_time_that_goes_back_is_taken_as_no_time) {
  OpenLink link;
  link.builder.set_time(kSampleTimeNs + 50);
  link.builder.note("a", ValueRecord());
  link.builder.set_time(kSampleTimeNs - 50);
  link.builder.note("a", ValueRecord());
  const auto events = link.events();
  EXPECT_EQ(events[0].time_ns, kSampleTimeNs + 50);
  EXPECT_EQ(events[1].time_ns, kSampleTimeNs + 50);
}

TEST(LinkBuilder, a_function_table_that_is_too_large_is_refused_and_adds_nothing) {
  OpenLink link;
  const FunctionTable functions{std::vector<std::string>(10'000, std::string(100, 'f')), {}};
  StartedRecord record;
  record.functions = &functions;
  const auto sequence = link.builder.started(record);
  ASSERT_FALSE(sequence);
  EXPECT_EQ(sequence.error().code(), ErrorCode::kTooLarge);
  EXPECT_TRUE(link.builder.is_empty());
  const FunctionTable not_text{{}, {"\xff"}};
  record.functions = &not_text;
  EXPECT_EQ(link.builder.started(record).error().code(), ErrorCode::kInvalidArgument);
}

TEST(LinkBuilder, the_largest_link_it_makes_is_one_that_readers_take) {
  OpenLink link;
  while (!link.builder.full()) link.builder.failed(FailureReason::kTrapped, "m", std::string(15'000, 'x'), 1);
  link.builder.abandon();
  link.builder.begin(sample_actor(1), link.head, kSampleTimeNs);
  for (int i = 0; i < 4; ++i) link.builder.failed(FailureReason::kTrapped, "m", std::string(16'300, 'x'), 1);
  ASSERT_FALSE(link.builder.full());
  const FunctionTable functions{std::vector<std::string>(5'000, std::string(100, 'f')), {}};
  StartedRecord record;
  record.functions = &functions;
  ASSERT_TRUE(link.builder.started(record));
  EXPECT_EQ(link.events().size(), 5u);
  EXPECT_GT(link.sealed.bytes.size(), 500'000u);
}

TEST(LinkBuilder, an_abandoned_link_leaves_no_trace) {
  OpenLink link;
  link.builder.call(0, std::nullopt, ValueView{{}, pattern(2000)});
  link.builder.abandon();
  EXPECT_FALSE(link.builder.is_open());
  link.builder.begin(sample_actor(1), link.head, kSampleTimeNs);
  EXPECT_EQ(link.builder.note("a", ValueRecord()), 0u);
  EXPECT_EQ(link.events().size(), 1u);
  EXPECT_TRUE(link.sealed.payloads.empty());
}

TEST(LinkBuilder, with_recording_off_only_sequences_advance) {
  OpenLink link(Recording::kOff);
  EXPECT_EQ(link.builder.call(0, std::nullopt, ValueView{{}, pattern(2000)}), 0u);
  EXPECT_EQ(link.builder.returned(ValueRecord(), StateRecord::changed(pattern(100)), 0), 1u);
  const SealedLink sealed = link.builder.seal(link.head);
  EXPECT_TRUE(sealed.bytes.empty());
  EXPECT_TRUE(sealed.payloads.empty());
  EXPECT_EQ(link.head.next_sequence, 2u);
  EXPECT_EQ(link.head.hash, Digest{});
}

}  // namespace
}  // namespace theater::chain
