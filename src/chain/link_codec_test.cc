#include "chain/link_codec.h"

#include <gtest/gtest.h>

#include <random>

#include "chain/sample_chain.h"

namespace theater::chain {
namespace {

std::vector<EventView> decode(ByteView link, LinkHeader& header) {
  LinkDecoder decoder(link);
  EXPECT_TRUE(decoder.ok());
  header = decoder.header();
  std::vector<EventView> events;
  EventView event;
  while (decoder.next(event)) events.push_back(event);
  EXPECT_FALSE(decoder.fault()) << decoder.fault()->to_string();
  return events;
}

/// Whether the bytes are a link, and if so, whether they are the only bytes for it.
enum class Outcome { kRefused, kCanonical, kTwoForms };
Outcome decode_and_encode(ByteView link) {
  LinkDecoder decoder(link);
  std::vector<EventView> events;
  EventView event;
  while (decoder.next(event)) events.push_back(event);
  if (decoder.fault()) return Outcome::kRefused;
  const Bytes again = encode_link(decoder.header(), events);
  return std::equal(again.begin(), again.end(), link.begin(), link.end()) ? Outcome::kCanonical : Outcome::kTwoForms;
}

std::string fault_of(ByteView link) {
  LinkDecoder decoder(link);
  EventView event;
  while (decoder.next(event)) {
  }
  return decoder.fault() ? decoder.fault()->to_string() : "none";
}

/// A header of first sequence 7, base time 1000 and this many events, to be followed by event bytes.
Bytes link_of(std::uint8_t count, std::initializer_list<int> event_bytes) {
  Bytes link{kLinkVersion};
  append(link, sample_actor(1).bytes());
  append(link, Digest{});
  append(link, Bytes{7, 0xe8, 0x07, count});
  for (const int byte : event_bytes) link.push_back(static_cast<std::uint8_t>(byte));
  return link;
}

TEST(LinkCodec, a_decoded_link_encodes_to_the_same_bytes) {
  const ChainSnapshot snapshot = sample_chain();
  for (const auto& link : snapshot.links) {
    EXPECT_EQ(decode_and_encode(snapshot.link_bytes(link)), Outcome::kCanonical);
  }
}

TEST(LinkCodec, the_header_holds_what_the_builder_was_given) {
  const ChainSnapshot snapshot = sample_chain();
  LinkHeader header;
  const auto events = decode(snapshot.link_bytes(snapshot.links[2]), header);
  EXPECT_EQ(header.actor, sample_actor(1));
  EXPECT_EQ(header.previous, snapshot.links[1].hash);
  EXPECT_EQ(header.first_sequence, 3u);
  EXPECT_EQ(header.base_time_ns, kSampleTimeNs + 3000);
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0].time_ns, kSampleTimeNs + 3000);
  EXPECT_EQ(events[2].time_ns, kSampleTimeNs + 5'000'000);
  EXPECT_EQ(events[2].sequence, 5u);
  const auto& call = std::get<CallView>(events[0].body);
  EXPECT_EQ(call.export_index, 1u);
  EXPECT_EQ(call.cause_sequence, 300u);
}

TEST(LinkCodec, every_cut_of_a_link_is_refused) {
  const ChainSnapshot snapshot = sample_chain();
  for (const auto& link : snapshot.links) {
    const ByteView bytes = snapshot.link_bytes(link);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_EQ(decode_and_encode(bytes.first(size)), Outcome::kRefused) << size;
    }
  }
}

TEST(LinkCodec, no_two_byte_sequences_mean_the_same_link) {
  const ChainSnapshot snapshot = sample_chain();
  std::mt19937_64 random(3);
  int accepted = 0;
  for (int round = 0; round < 100'000; ++round) {
    const ByteView original = snapshot.link_bytes(snapshot.links[random() % snapshot.links.size()]);
    Bytes bytes = to_bytes(original);
    const std::uint64_t edits = 1 + random() % 3;
    for (std::uint64_t i = 0; i < edits; ++i) {
      const auto at = bytes.begin() + static_cast<std::ptrdiff_t>(random() % bytes.size());
      switch (random() % 4) {
        case 0: *at = static_cast<std::uint8_t>(random()); break;
        case 1: *at ^= static_cast<std::uint8_t>(1u << (random() % 8)); break;
        case 2: bytes.insert(at, static_cast<std::uint8_t>(random() % 4 == 0 ? 0x80 : random())); break;
        default: bytes.erase(at); break;
      }
    }
    const Outcome outcome = decode_and_encode(bytes);
    ASSERT_NE(outcome, Outcome::kTwoForms) << "round " << round << ": " << to_hex(bytes);
    if (outcome == Outcome::kCanonical) ++accepted;
  }
  EXPECT_GT(accepted, 1000) << "the property was hardly tried";
}

TEST(LinkCodec, malformed_bytes_are_named_with_their_place) {
  EXPECT_EQ(fault_of({}), "ends too early (byte 0 of the link)");
  EXPECT_EQ(fault_of(link_of(1, {4, 0, 3, 1, 0, 0})), "none");
  // The 53 bytes before are the header.
  EXPECT_EQ(fault_of(link_of(0, {})), "a link without events (byte 53 of the link)");
  EXPECT_EQ(fault_of(link_of(1, {77, 0, 0})),
            "an unknown kind of event (made by a newer version?) (byte 56 of the link, event 7)");
  EXPECT_EQ(fault_of(link_of(1, {4, 0, 4, 1, 0, 0})), "a length reaches beyond the end (byte 56 of the link, event 7)");
  EXPECT_EQ(fault_of(link_of(1, {4, 0, 4, 1, 0, 0, 0})),
            "bytes after the end of the event's payload (byte 59 of the link, event 7)");
  EXPECT_EQ(fault_of(link_of(1, {4, 0, 4, 0x81, 0, 0, 0})),
            "a number is longer than needed, or than 64 bits (byte 58 of the link, event 7)");
  EXPECT_EQ(fault_of(link_of(1, {4, 0, 3, 1, 2, 0})), "a tag is neither 0 nor 1 (byte 58 of the link, event 7)");
  EXPECT_EQ(fault_of(link_of(1, {8, 0, 3, 1, 1, 0xff})), "a text is not UTF-8 (byte 59 of the link, event 7)");
  EXPECT_EQ(fault_of(link_of(1, {8, 0, 2, 9, 0})), "an unknown reason (byte 57 of the link, event 7)");
  EXPECT_EQ(fault_of(link_of(1, {4, 0, 3, 1, 0, 0, 9})), "bytes after the last event (byte 59 of the link, event 7)");
  EXPECT_EQ(fault_of(link_of(2, {9, 5, 4, 1, 'a', 0, 0, 9, 4, 4, 1, 'a', 0, 0})),
            "a time before that of the event before (byte 60 of the link, event 8)");
  Bytes other_version = link_of(1, {4, 0, 3, 1, 0, 0});
  other_version[0] = 2;
  EXPECT_EQ(fault_of(other_version), "an unknown version of the link format (byte 1 of the link)");
}

TEST(LinkCodec, a_state_has_one_form_for_each_length) {
  Bytes returned{6, 0, 0, 0, 0, 2, 65};
  append(returned, pattern(65));
  returned.push_back(1);
  returned[2] = static_cast<std::uint8_t>(returned.size() - 3);
  Bytes link = link_of(1, {});
  append(link, returned);
  EXPECT_EQ(fault_of(link).find("a state too long to be inline"), 0u) << fault_of(link);

  Bytes by_digest{6, 0, 0, 0, 0, 3};
  append(by_digest, pattern(32));
  append(by_digest, Bytes{64, 1});
  by_digest[2] = static_cast<std::uint8_t>(by_digest.size() - 3);
  link = link_of(1, {});
  append(link, by_digest);
  EXPECT_EQ(fault_of(link).find("a state too short to be by digest"), 0u) << fault_of(link);
}

TEST(LinkCodec, numbers_that_would_pass_64_bits_are_refused) {
  const EventView note{.sequence = 0, .time_ns = 10, .body = NoteView{"a", {}}};
  LinkHeader header{
      .actor = sample_actor(1), .previous = {}, .first_sequence = UINT64_MAX, .base_time_ns = 10, .event_count = 1};
  EXPECT_EQ(fault_of(encode_link(header, {&note, 1})).find("sequences beyond 64 bits"), 0u);
  // A time delta that wraps around: base 10, time 9.
  const EventView early{.sequence = 0, .time_ns = 9, .body = NoteView{"a", {}}};
  header.first_sequence = 1;
  EXPECT_EQ(fault_of(encode_link(header, {&early, 1})).find("a time beyond 64 bits"), 0u);
}

TEST(LinkCodec, more_events_than_a_link_may_hold_are_refused) {
  const EventView note{.sequence = 0, .time_ns = 0, .body = NoteView{"a", {}}};
  const LinkHeader header{.actor = sample_actor(1)};
  EXPECT_EQ(fault_of(encode_link(header, std::vector<EventView>(kLinkEventsMax, note))), "none");
  EXPECT_EQ(fault_of(encode_link(header, std::vector<EventView>(kLinkEventsMax + 1, note)))
                .find("more events than a link may hold"),
            0u);
}

}  // namespace
}  // namespace theater::chain
