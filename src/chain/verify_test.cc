#include "chain/verify.h"

#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "chain/sample_chain.h"

namespace theater::chain {
namespace {

/// A chain of `turns` turns.
std::vector<StoredLink> long_chain(int turns, ActorId actor = sample_actor(1)) {
  ChainRecorder recorder(actor);
  recorder.started();
  for (int i = 0; i < turns; ++i) recorder.turn("message " + std::to_string(i));
  return stored_links(recorder.snapshot());
}

VerifyExpectation knowing_the_end(const std::vector<StoredLink>& links) {
  VerifyExpectation expectation;
  expectation.head_hash = links.back().hash;
  return expectation;
}

TEST(Verify, a_true_chain_is_found_true) {
  const VerifyReport report = verify(sample_chain());
  EXPECT_TRUE(report.ok()) << report.fault->what;
  EXPECT_EQ(report.actor, sample_actor(1));
  EXPECT_EQ(report.links, 8u);
  EXPECT_EQ(report.events, 19u);
  EXPECT_EQ(report.first_sequence, 0u);
  EXPECT_EQ(report.last_sequence, 18u);
  EXPECT_TRUE(report.complete);
  EXPECT_EQ(report.payloads_checked, 3u);
  EXPECT_EQ(report.payloads_missing, 0u);
}

TEST(Verify, every_flipped_bit_is_found_at_the_link_that_holds_it) {
  const ChainSnapshot original = sample_chain();
  for (const auto& link : original.links) {
    for (std::size_t bit = 0; bit < link.size * 8; ++bit) {
      ChainSnapshot snapshot = original;
      snapshot.bytes[link.offset + bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
      const VerifyReport report = verify(snapshot);
      ASSERT_TRUE(report.fault) << "bit " << bit << " of the link at " << link.first_sequence;
      ASSERT_EQ(report.fault->sequence, link.first_sequence) << "bit " << bit << ": " << report.fault->what;
    }
  }
}

TEST(Verify, every_flipped_bit_of_a_stored_hash_is_found) {
  const ChainSnapshot original = sample_chain();
  for (std::size_t i = 0; i < original.links.size(); ++i) {
    for (std::size_t bit = 0; bit < 256; ++bit) {
      ChainSnapshot snapshot = original;
      snapshot.links[i].hash[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
      const VerifyReport report = verify(snapshot);
      ASSERT_TRUE(report.fault);
      ASSERT_EQ(report.fault->sequence, original.links[i].first_sequence);
    }
  }
}

TEST(Verify, every_flipped_bit_of_a_kept_payload_is_found) {
  const ChainSnapshot original = sample_chain();
  for (std::size_t i = 0; i < original.payloads.size(); ++i) {
    const Bytes content = to_bytes(original.payloads[i].content.view());
    for (std::size_t bit = 0; bit < content.size() * 8; bit += 5) {
      ChainSnapshot snapshot = original;
      Bytes changed = content;
      changed[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
      snapshot.payloads[i].content = Payload::copy(changed);
      const VerifyReport report = verify(snapshot);
      ASSERT_TRUE(report.fault);
      ASSERT_EQ(report.fault->sequence, content.size() == 2048 ? 6u : content.size() == 1500 ? 8u : 5u);
    }
  }
}

TEST(Verify, a_flipped_bit_of_a_payloads_digest_is_found) {
  ChainSnapshot snapshot = sample_chain();
  snapshot.payloads[0].digest[7] ^= 1;
  EXPECT_TRUE(verify(snapshot).fault);
}

// Each forgery at many places. A forger who does not compute hashes anew is caught by the chain itself.
struct Forgery {
  const char* name;
  /// Changes `links` at `place`, which is neither the first link nor the last; returns the sequence at which it must be
  /// found.
  std::function<std::uint64_t(std::vector<StoredLink>& links, std::size_t place, std::mt19937_64& random)> forge;
};

const Forgery kForgeries[] = {
    {"edit",
     [](auto& links, std::size_t place, auto& random) {
       Bytes& bytes = links[place].bytes;
       bytes[random() % bytes.size()] ^= static_cast<std::uint8_t>(1 + random() % 255);
       return links[place].first_sequence;
     }},
    {"edit, its own hash made anew",
     [](auto& links, std::size_t place, auto&) {
       links[place].bytes.back() ^= 1;  // fuel
       links[place].hash = sha256(links[place].bytes);
       return links[place + 1].first_sequence;
     }},
    {"delete",
     [](auto& links, std::size_t place, auto&) {
       const std::uint64_t sequence = links[place].first_sequence;
       links.erase(links.begin() + static_cast<std::ptrdiff_t>(place));
       return sequence;
     }},
    {"delete, the rest named anew",
     [](auto& links, std::size_t place, auto&) {
       const std::uint64_t sequence = links[place].first_sequence;
       links.erase(links.begin() + static_cast<std::ptrdiff_t>(place));
       reseal(links, place);
       return sequence;
     }},
    {"insert again",
     [](auto& links, std::size_t place, auto&) {
       const StoredLink copy = links[place];
       links.insert(links.begin() + static_cast<std::ptrdiff_t>(place) + 1, copy);
       return links[place + 2].first_sequence;
     }},
    {"reorder",
     [](auto& links, std::size_t place, auto&) {
       const std::uint64_t sequence = links[place].first_sequence;
       std::swap(links[place], links[place + 1]);
       return sequence;
     }},
    {"splice in another actor's link",
     [](auto& links, std::size_t place, auto&) {
       links[place] = long_chain(static_cast<int>(links.size()), sample_actor(7))[place];
       return links[place].first_sequence;
     }},
    {"splice in another actor's link, named anew",
     [](auto& links, std::size_t place, auto&) {
       links[place] = long_chain(static_cast<int>(links.size()), sample_actor(7))[place];
       reseal(links, place);
       return links[place].first_sequence;
     }},
    {"go on with another actor's chain",
     [](auto& links, std::size_t place, auto&) {
       const auto other = long_chain(static_cast<int>(links.size()), sample_actor(7));
       std::copy(other.begin() + static_cast<std::ptrdiff_t>(place),
                 other.begin() + static_cast<std::ptrdiff_t>(links.size()),
                 links.begin() + static_cast<std::ptrdiff_t>(place));
       return links[place].first_sequence;
     }},
};

TEST(Verify, forgeries_are_found_at_the_first_event_that_they_touch) {
  const auto original = long_chain(30);
  std::mt19937_64 random(11);
  for (const Forgery& forgery : kForgeries) {
    for (int round = 0; round < 300; ++round) {
      auto links = original;
      const std::size_t place = 1 + random() % (links.size() - 2);
      const std::uint64_t sequence = forgery.forge(links, place, random);
      const VerifyReport report = verify_links(links);
      ASSERT_TRUE(report.fault) << forgery.name << " at link " << place;
      ASSERT_EQ(report.fault->sequence, sequence) << forgery.name << " at link " << place << ": " << report.fault->what;
    }
  }
}

TEST(Verify, a_cut_at_the_end_is_found_by_one_who_knows_the_head) {
  const auto original = long_chain(30);
  for (std::size_t size = 0; size < original.size(); ++size) {
    const std::vector<StoredLink> links(original.begin(), original.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_TRUE(verify_links(links).ok()) << "nobody can tell";
    const VerifyReport report = verify_links(links, knowing_the_end(original));
    ASSERT_TRUE(report.fault);
    EXPECT_EQ(report.fault->sequence, original[size].first_sequence);
  }
}

TEST(Verify, a_chain_written_anew_is_found_by_one_who_knows_the_head) {
  const auto original = long_chain(30);
  for (std::size_t place = 1; place < original.size(); ++place) {
    auto links = original;
    links[place].bytes.back() ^= 1;
    reseal(links, place);
    EXPECT_TRUE(verify_links(links).ok()) << "nobody can tell";
    EXPECT_TRUE(verify_links(links, knowing_the_end(original)).fault);
  }
}

TEST(Verify, a_missing_start_is_told_as_incomplete) {
  auto links = long_chain(10);
  links.erase(links.begin(), links.begin() + 3);
  const VerifyReport report = verify_links(links);
  EXPECT_TRUE(report.ok());
  EXPECT_FALSE(report.complete);
  EXPECT_EQ(report.first_sequence, 7u);
  VerifyExpectation expectation;
  expectation.first_sequence = 0;
  EXPECT_EQ(verify_links(links, expectation).fault->sequence, 0u);
}

TEST(Verify, a_later_start_that_claims_to_be_the_first_is_found) {
  auto links = long_chain(10);
  links.erase(links.begin(), links.begin() + 3);
  std::fill_n(links[0].bytes.begin() + kPreviousOffset, 32, std::uint8_t{0});
  reseal(links, 0);
  EXPECT_TRUE(verify_links(links).fault);
}

TEST(Verify, another_actor_than_expected_is_found) {
  VerifyExpectation expectation;
  expectation.actor = sample_actor(2);
  EXPECT_EQ(verify_links(long_chain(3), expectation).fault->sequence, 0u);
}

/// The heads after each of these links.
std::vector<KnownHead> heads_after(const std::vector<StoredLink>& links, std::initializer_list<std::size_t> places) {
  std::vector<KnownHead> heads;
  for (const std::size_t place : places) {
    const LinkDecoder link(links[place].bytes);
    heads.push_back({link.header().first_sequence + link.header().event_count, links[place].hash});
  }
  return heads;
}

TEST(Verify, a_chain_runs_through_its_own_heads) {
  const auto links = long_chain(10);
  VerifyExpectation expectation;
  expectation.heads = heads_after(links, {0, 3, 4, 10});
  const VerifyReport report = verify_links(links, expectation);
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.heads_checked, 4u);
  EXPECT_EQ(report.links, 11u);
}

TEST(Verify, a_chain_that_misses_a_known_head_is_certain_up_to_the_last_one_that_fits) {
  const auto original = long_chain(10);
  auto links = original;
  links[6].bytes.back() ^= 1;
  reseal(links, 6);
  VerifyExpectation expectation;
  expectation.heads = heads_after(original, {2, 4, 8});
  const VerifyReport report = verify_links(links, expectation);
  ASSERT_TRUE(report.fault);
  EXPECT_EQ(report.fault->sequence, original[5].first_sequence) << report.fault->what;
  EXPECT_EQ(report.links, 5u);
  EXPECT_EQ(report.events, original[5].first_sequence);
  EXPECT_EQ(report.head_hash, original[4].hash);
  expectation.heads = heads_after(original, {8});
  EXPECT_EQ(verify_links(links, expectation).fault->sequence, 0u);
  expectation.heads = heads_after(original, {5});
  EXPECT_TRUE(verify_links(links, expectation).ok()) << "nobody can tell";
}

TEST(Verify, a_head_where_no_link_ends_is_missed) {
  const auto links = long_chain(10);
  VerifyExpectation expectation;
  expectation.heads = heads_after(links, {5});
  ++expectation.heads[0].next_sequence;
  EXPECT_TRUE(verify_links(links, expectation).fault);
}

TEST(Verify, a_chain_that_ends_before_a_known_head_was_cut) {
  auto links = long_chain(10);
  VerifyExpectation expectation;
  expectation.heads = heads_after(links, {5, 10});
  links.resize(8);
  const VerifyReport report = verify_links(links, expectation);
  ASSERT_TRUE(report.fault);
  EXPECT_EQ(report.fault->sequence, report.last_sequence + 1);
  EXPECT_EQ(report.links, 8u);
}

TEST(Verify, heads_of_what_comes_before_the_first_link_shown_are_told_and_the_last_is_compared) {
  const auto original = long_chain(10);
  const std::vector<StoredLink> links(original.begin() + 4, original.end());
  VerifyExpectation expectation;
  expectation.heads = heads_after(original, {1, 2, 3, 7});
  const VerifyReport report = verify_links(links, expectation);
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.heads_before, 2u);
  EXPECT_EQ(report.heads_checked, 2u);
  expectation.heads[2].head[0] ^= 1;
  EXPECT_EQ(verify_links(links, expectation).fault->sequence, links[0].first_sequence);
}

TEST(Verify, nothing_after_a_fault_is_believed) {
  auto links = long_chain(10);
  links[4].bytes[60] ^= 1;
  const VerifyReport report = verify_links(links);
  EXPECT_EQ(report.links, 4u);
  EXPECT_EQ(report.events, 10u);
  EXPECT_EQ(report.last_sequence, 9u);
  EXPECT_EQ(report.head_hash, links[3].hash);
}

TEST(Verify, a_payload_of_another_length_than_recorded_is_found) {
  const Bytes content = pattern(2000);
  const Digest digest = sha256(content);
  NoteView note{"a", {}};
  note.data.body_digest = digest;
  note.data.body_size = 1999;
  const EventView event{.sequence = 0, .time_ns = 0, .body = note};
  LinkHeader header{.actor = sample_actor(1), .previous = {}, .first_sequence = 5};
  header.previous.fill(1);
  ChainVerifier verifier;
  EXPECT_TRUE(verifier.provide_payload(content, digest));
  EXPECT_FALSE(verifier.link(encode_link(header, {&event, 1}), nullptr));
}

TEST(Verify, a_clock_set_back_is_told_but_no_fault) {
  ChainHead head;
  LinkBuilder builder;
  ChainVerifier verifier;
  const FunctionTable functions;
  StartedRecord started;
  started.functions = &functions;
  builder.begin(sample_actor(1), head, 1000);
  ASSERT_TRUE(builder.started(started));
  SealedLink link = builder.seal(head);
  EXPECT_TRUE(verifier.link(link.bytes, &link.hash));
  builder.begin(sample_actor(1), head, 500);
  builder.note("a", ValueRecord());
  link = builder.seal(head);
  EXPECT_TRUE(verifier.link(link.bytes, &link.hash));
  EXPECT_EQ(verifier.finish().clock_steps_back, 1u);
}

// What may follow what, one letter an event: s started, r started anew after the runtime ended, c call, h host call, b
// begin, e end, R returned, F failed, S stopped, n note.
struct Story {
  const char* events;
  /// The first event that must not be; -1: all is well.
  int fault;
};

constexpr Story kStories[] = {
    {"scR", -1},       {"scF", -1}, {"schhR", -1}, {"scbeR", -1}, {"scbnehbeR", -1}, {"scbF", -1}, {"shcR", -1},
    {"sS", -1},        {"sSs", -1}, {"scRSs", -1}, {"scr", -1},   {"scbrcR", -1},    {"scRs", -1}, {"snS", -1},
    {"scRscRncR", -1}, {"c", 0},    {"n", 0},      {"scc", 2},    {"sR", 1},         {"sF", 1},    {"se", 1},
    {"sb", 1},         {"sce", 2},  {"scbb", 3},   {"scbh", 3},   {"scbR", 3},       {"scbc", 3},  {"scS", 2},
    {"scbS", 3},       {"scs", 2},  {"scbs", 3},   {"sSc", 2},    {"sSn", 2},        {"sSS", 2},   {"scRR", 3},
    {"scFF", 3},       {"scFe", 3}, {"scRh", -1},  {"scReR", 3},
};

EventBody body_of(char letter) {
  static const Digest digest{};
  const auto started = [](StartReason reason) {
    return StartedView{.reason = reason,
                       .name = "a",
                       .component = digest,
                       .manifest = digest,
                       .parent = {},
                       .imports = {1, as_bytes("\1i")},
                       .exports = {1, as_bytes("\1e")},
                       .state = {EventState::Form::kNone, {}, {}, 0}};
  };
  switch (letter) {
    case 's': return started(StartReason::kRestarted);
    case 'r': return started(StartReason::kResumed);
    case 'c': return CallView{};
    case 'h': return HostCallView{};
    case 'b': return HostCallBeginView{};
    case 'e': return HostCallEndView{};
    case 'R': return ReturnedView{};
    case 'F': return FailedView{FailureReason::kTrapped, "", "", 0};
    case 'S': return StoppedView{StopReason::kRequested, ""};
    default: return NoteView{"a", {}};
  }
}

TEST(Verify, events_that_make_no_sense_in_their_order_are_found) {
  for (const Story& story : kStories) {
    std::vector<EventView> events;
    for (const char* letter = story.events; *letter != 0; ++letter) events.push_back({0, 0, body_of(*letter)});
    // All in one link, and each in its own.
    ChainVerifier in_one;
    in_one.link(encode_link(LinkHeader{.actor = sample_actor(1)}, events), nullptr);
    ChainVerifier in_many;
    LinkHeader header{.actor = sample_actor(1)};
    for (const EventView& event : events) {
      const Bytes link = encode_link(header, {&event, 1});
      in_many.link(link, nullptr);
      header.previous = sha256(link);
      ++header.first_sequence;
    }
    for (const VerifyReport& report : {in_one.finish(), in_many.finish()}) {
      EXPECT_EQ(report.fault ? static_cast<int>(report.fault->sequence) : -1, story.fault)
          << story.events << ": " << (report.fault ? report.fault->what : "");
    }
  }
}

TEST(Verify, a_function_that_the_component_does_not_have_is_found) {
  std::vector<EventView> events{{0, 0, body_of('s')}, {0, 0, body_of('c')}, {0, 0, HostCallView{1, {}, {}}}};
  ChainVerifier verifier;
  verifier.link(encode_link(LinkHeader{.actor = sample_actor(1)}, events), nullptr);
  EXPECT_EQ(verifier.finish().fault->sequence, 2u);
  events[1].body = CallView{1, {}, 0, {}};
  ChainVerifier other;
  other.link(encode_link(LinkHeader{.actor = sample_actor(1)}, events), nullptr);
  EXPECT_EQ(other.finish().fault->sequence, 1u);
}

}  // namespace
}  // namespace theater::chain
