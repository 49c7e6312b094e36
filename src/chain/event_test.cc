#include "theater/event.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "chain/sample_chain.h"

namespace theater::chain {
namespace {

std::vector<Event> sample_events() {
  auto events = sample_chain().events();
  EXPECT_TRUE(events) << events.error().to_string();
  return std::move(events).value_or(std::vector<Event>());
}

EventValue value_of(Bytes head) {
  EventValue value;
  value.head = std::move(head);
  return value;
}

TEST(ChainReader, functions_are_named_by_the_table_of_the_started_event) {
  const auto events = sample_events();
  ASSERT_EQ(events.size(), 19u);
  EXPECT_EQ(events[0].functions, sample_functions());
  EXPECT_EQ(events[1].function, "theater:simple/actor.init");
  EXPECT_EQ(events[2].function, "theater:simple/actor.init") << "a return names what returned";
  EXPECT_EQ(events[4].function, "theater:simple/runtime.log");
  EXPECT_EQ(events[7].function, "theater:simple/message-server-host.request");
  EXPECT_EQ(events[8].kind, EventKind::kHostCallEnd);
  EXPECT_EQ(events[8].function, "theater:simple/message-server-host.request");
  EXPECT_EQ(events[10].kind, EventKind::kFailed);
  EXPECT_EQ(events[10].function, "theater:simple/message-server-client.handle-send");
}

TEST(ChainReader, without_the_start_functions_are_numbered_unless_the_table_is_given) {
  ChainSnapshot snapshot = sample_chain();
  snapshot.links.erase(snapshot.links.begin());
  EXPECT_EQ(snapshot.events()->at(0).function, "export 0");
  snapshot.functions = sample_functions();
  EXPECT_EQ(snapshot.events()->at(0).function, "theater:simple/actor.init");
}

TEST(ChainReader, each_event_names_the_hash_of_the_one_before_over_link_borders) {
  const auto events = sample_events();
  EXPECT_FALSE(events[0].parent_hash);
  for (std::size_t i = 1; i < events.size(); ++i) EXPECT_EQ(events[i].parent_hash, events[i - 1].hash) << i;
}

TEST(ChainReader, a_chain_that_begins_late_has_the_same_hashes) {
  const auto all = sample_events();
  ChainSnapshot snapshot = sample_chain();
  snapshot.links.erase(snapshot.links.begin(), snapshot.links.begin() + 3);
  const auto late = snapshot.events();
  ASSERT_TRUE(late);
  EXPECT_EQ(late->front().hash, all[6].hash);
  EXPECT_EQ(late->front().parent_hash, all[6].parent_hash);
}

TEST(ChainReader, an_events_hash_is_that_of_its_link_and_place) {
  const ChainSnapshot snapshot = sample_chain();
  const auto events = snapshot.events();
  Bytes preimage{0x02};
  append(preimage, snapshot.links[2].hash);
  append(preimage, Bytes{0, 0, 0, 2});
  EXPECT_EQ(events->at(3).hash, sha256(preimage)) << "two events come after it";
}

TEST(EventHistory, gives_the_wanted_events_once_and_in_order) {
  const auto all = sample_events();
  for (std::uint64_t from = 0; from <= all.size(); ++from) {
    for (const std::uint64_t count : {std::uint64_t{1}, std::uint64_t{4}, UINT64_MAX}) {
      const auto history = make_event_history(sample_chain(), from, count);
      ASSERT_TRUE(history);
      const std::uint64_t wanted = std::min<std::uint64_t>(count, all.size() - from);
      EXPECT_EQ((*history)->size(), wanted);
      EXPECT_EQ((*history)->next_sequence(), wanted == 0 ? 0 : from + wanted);
      std::vector<Event> given;
      for (auto more = (*history)->next(); !more.empty(); more = (*history)->next()) {
        given.insert(given.end(), more.begin(), more.end());
      }
      const auto begin = all.begin() + static_cast<std::ptrdiff_t>(from);
      EXPECT_EQ(given, std::vector(begin, begin + static_cast<std::ptrdiff_t>(wanted))) << from << " " << count;
    }
  }
}

TEST(EventHistory, of_a_chain_with_a_malformed_link_is_none) {
  ChainSnapshot snapshot = sample_chain();
  snapshot.bytes[snapshot.links[2].offset + snapshot.links[2].size - 1] ^= 0xff;
  snapshot.links[2].size -= 1;
  const auto history = make_event_history(std::move(snapshot), 0, UINT64_MAX);
  ASSERT_FALSE(history);
  EXPECT_EQ(history.error().code(), ErrorCode::kCorrupt);
}

TEST(ChainReader, large_values_come_back_while_they_are_kept) {
  ChainSnapshot snapshot = sample_chain();
  auto events = snapshot.events();
  EXPECT_EQ(events->at(6).params.body, pattern(2048));
  EXPECT_EQ(events->at(5).state.bytes, pattern(100));
  snapshot.payloads.clear();
  events = snapshot.events();
  EXPECT_EQ(events->at(6).params.body, std::nullopt);
  EXPECT_EQ(events->at(6).params.body_size, 2048u);
  EXPECT_EQ(events->at(6).params.body_digest, sha256(pattern(2048)));
}

TEST(ChainReader, malformed_links_are_an_error_with_the_place) {
  ChainReader reader;
  const auto events = reader.read(pattern(10));
  ASSERT_FALSE(events);
  EXPECT_EQ(events.error().code(), ErrorCode::kCorrupt);
  EXPECT_NE(events.error().message().find("byte 1"), std::string::npos);
}

TEST(Preview, texts_are_quoted_and_other_bytes_shown_as_hexadecimal) {
  EXPECT_EQ(preview(value_of({}), 100), "");
  EXPECT_EQ(preview(value_of(texts({"hello"})), 100), "\"hello\"");
  EXPECT_EQ(preview(value_of(texts({"a", "b \xe2\x82\xac"})), 100), "\"a\", \"b \xe2\x82\xac\"");
  EXPECT_EQ(preview(value_of({0}), 100), "0");
  EXPECT_EQ(preview(value_of({1}), 100), "1");
  EXPECT_EQ(preview(value_of({0, 2, 'o', 'k'}), 100), "0 \"ok\"");
  EXPECT_EQ(preview(value_of({1, 2, 'n', 'o'}), 100), "1 \"no\"");
  EXPECT_EQ(preview(value_of({3, 0xff, 0xfe, 0xfd}), 100), "0xfffefd");
  EXPECT_EQ(preview(value_of({0xff, 0xfe}), 100), "0xfffe");
  EXPECT_EQ(preview(value_of(to_bytes("plain text of a note")), 100), "\"plain text of a note\"");
}

TEST(Preview, a_note_of_plain_text_is_not_taken_for_a_length_and_a_text) {
  const EventValue note = value_of(to_bytes("!thirty-three bytes after the mark"));
  EXPECT_NE(preview(note, 100), "\"!thirty-three bytes after the mark\"")
      << "the sample must be of those that could be";
  EXPECT_EQ(preview_note(note, 100), "\"!thirty-three bytes after the mark\"");
  EXPECT_EQ(preview_note(value_of({0xff, 0xfe}), 100), "0xfffe");
  EXPECT_EQ(preview_note(value_of({}), 100), "");
}

TEST(Preview, content_that_is_not_kept_is_told_by_length_and_digest) {
  EventValue value = value_of(texts({"id"}));
  append(value.head, length_of(5000));
  value.body_digest = Digest{0xab, 0xcd, 0xef, 0x01};
  value.body_size = 5000;
  EXPECT_EQ(preview(value, 100), "\"id\", <5000 bytes abcdef01…>");
  value.head.clear();
  EXPECT_EQ(preview(value, 100), "<5000 bytes abcdef01…>");
  value.body = pattern(5000);
  EXPECT_TRUE(preview(value, 20).starts_with("0x"));
}

TEST(Line, is_one_line_and_safe_for_a_terminal) {
  Event event;
  event.kind = EventKind::kFailed;
  event.failure = FailureReason::kGuestError;
  event.message = "first\nsecond \x1b[31m";
  event.function = "a.b\x1b";
  for (const std::string& text : {to_line(event), describe(event)}) {
    EXPECT_EQ(text.find('\n'), std::string::npos);
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
  }
  event.message = std::string(10'000, 'x');
  EXPECT_LT(to_line(event, 160).size(), 170u);
}

TEST(Line, shows_time_sequence_kind_and_what_happened) {
  const auto events = sample_events();
  EXPECT_EQ(
      to_line(events[3]),
      "2026-01-01T00:00:00.000003Z #3 call theater:simple/message-server-client.handle-send(\"count \xe2\x82\xac\") "
      "from ac700000#300");
}

TEST(Json, is_one_object_with_the_hashes_and_the_decoded_fields) {
  const auto events = sample_events();
  const auto json = nlohmann::json::parse(to_json(events[3]));
  EXPECT_EQ(json["sequence"], 3);
  EXPECT_EQ(json["kind"], "call");
  EXPECT_EQ(json["event_type"], "theater:simple/message-server-client.handle-send");
  EXPECT_EQ(json["time"], "2026-01-01T00:00:00.000003000Z");
  EXPECT_EQ(json["hash"], to_hex(events[3].hash));
  EXPECT_EQ(json["parent_hash"], to_hex(events[2].hash));
  EXPECT_EQ(json["cause"]["sequence"], 300);
  EXPECT_EQ(json["params"]["text"], "\"count \xe2\x82\xac\"");
  EXPECT_TRUE(nlohmann::json::parse(to_json(events[0]))["parent_hash"].is_null());
}

TEST(Json, every_event_has_a_type_and_a_description) {
  for (const Event& event : sample_events()) {
    EXPECT_FALSE(event_type(event).empty());
    EXPECT_FALSE(describe(event).empty());
    EXPECT_EQ(to_json(event).find('\n'), std::string::npos);
  }
}

}  // namespace
}  // namespace theater::chain
