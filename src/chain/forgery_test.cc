// Ten kinds of forgery, each at a thousand random places, against a data directory's chains and log of heads: what a
// chain gives away by itself, what the directory's own log tells, and what only an older checkpoint does.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>

#include "chain/head_log.h"
#include "chain/sample_chain.h"

namespace theater::chain {
namespace {

constexpr int kRounds = 1000;
constexpr std::size_t kActors = 4;

using Chains = std::map<ActorId, std::vector<StoredLink>>;

/// All that a data directory has, in memory.
struct World {
  /// The entries that came with a checkpoint, the note that signs them, and the log's tree from then on.
  struct Signed {
    std::vector<HeadEntry> entries;
    std::string note;
    merkle::GrowingTree tree;
  };

  Chains chains;
  std::vector<Signed> log;
  note::SigningKey key = [] {
    SeededRandom random(5);
    return make_log_key(random);
  }();

  /// The sequences after the actors' last events as the first `parts` checkpoints tell them.
  std::map<ActorId, std::uint64_t> known(std::size_t parts) const {
    std::map<ActorId, std::uint64_t> sequences;
    for (std::size_t i = 0; i < parts; ++i) {
      for (const HeadEntry& entry : log[i].entries) sequences[entry.actor] = entry.next_sequence;
    }
    return sequences;
  }
  /// Signs what the chains have become.
  void add_checkpoint() {
    auto before = known(log.size());
    Signed part;
    if (!log.empty()) part.tree = log.back().tree;
    for (const auto& [actor, links] : chains) {
      const std::uint64_t next = next_sequence(links);
      if (next <= before[actor]) continue;
      part.entries.push_back({actor, next, links.back().hash});
      part.tree.append(part.entries.back().leaf());
    }
    if (part.entries.empty()) return;
    part.note = key.sign(Checkpoint{key.verifier().name(), part.tree.size(), part.tree.root()}.to_text());
    log.push_back(std::move(part));
  }
  static std::uint64_t next_sequence(const std::vector<StoredLink>& links) {
    const LinkDecoder last(links.back().bytes);
    return last.header().first_sequence + last.header().event_count;
  }
};

/// A directory whose actors run for `turns`, with a checkpoint after every third.
World run(int turns) {
  std::mt19937_64 random(1);
  World world;
  std::vector<std::unique_ptr<ChainRecorder>> recorders;
  for (std::size_t i = 0; i < kActors; ++i) {
    recorders.push_back(std::make_unique<ChainRecorder>(sample_actor(static_cast<std::uint8_t>(i + 1))));
    recorders.back()->started();
  }
  for (int turn = 0; turn < turns; ++turn) {
    for (const auto& recorder : recorders) {
      if (random() % 3 != 0 || turn == 0) recorder->turn("turn " + std::to_string(random() % 5));
    }
    if (turn % 3 != 2) continue;
    for (const auto& recorder : recorders) {
      const ChainSnapshot snapshot = recorder->snapshot();
      world.chains[snapshot.actor] = stored_links(snapshot);
    }
    world.add_checkpoint();
  }
  return world;
}

Checkpoint checkpoint_of(const World& world, std::size_t number) {
  return open_checkpoint(world.log[number].note, world.key.verifier()).value();
}

enum class Trust : std::uint8_t {
  kChainsAlone,  ///< no log is there, or nobody looks at it
  kOwnLog,       ///< the directory's own log, whose key the forger may have
  kOlder,        ///< that, and a checkpoint kept elsewhere
};

/// Whether the directory is found true.
bool is_found_true(const World& world, Trust trust, const Checkpoint& older) {
  std::map<ActorId, std::vector<KnownHead>> heads;
  if (trust != Trust::kChainsAlone) {
    HeadLogVerifier verifier(world.key.verifier(),
                             trust == Trust::kOlder ? std::optional(older) : std::optional<Checkpoint>());
    for (const World::Signed& part : world.log) {
      Bytes content;
      for (const HeadEntry& entry : part.entries) append(content, entry.encode());
      verifier.heads(content);
      verifier.checkpoint(part.note);
    }
    HeadLogReport report = verifier.finish();
    if (!report.ok()) return false;
    heads = std::move(report.heads);
  }
  for (const auto& [actor, known] : heads) {
    if (!world.chains.contains(actor)) return false;
  }
  for (const auto& [actor, links] : world.chains) {
    VerifyExpectation expectation;
    expectation.actor = actor;
    expectation.heads = heads[actor];
    if (!verify_links(links, std::move(expectation)).ok()) return false;
  }
  return true;
}

/// Where to forge: a link that the older checkpoint covers, not the first and not the last that it does.
struct Place {
  World& world;
  std::mt19937_64& random;
  ActorId actor;
  std::vector<StoredLink>& links;
  std::size_t at;
  /// Number of the older checkpoint.
  std::size_t older;
};

std::vector<StoredLink>& another_chain(const Place& place) {
  auto chain = place.world.chains.begin();
  if (chain->first == place.actor) ++chain;
  return chain->second;
}

/// A link that goes on after `last` as if it had been recorded.
StoredLink follower(const ActorId& actor, const StoredLink& last, std::uint64_t number) {
  const LinkDecoder before(last.bytes);
  const NoteView note{"forger.was-here", {}};
  const EventView event{.sequence = 0, .time_ns = kSampleTimeNs + number, .body = note};
  StoredLink next;
  next.first_sequence = before.header().first_sequence + before.header().event_count;
  next.bytes = encode_link(
      {.actor = actor, .previous = last.hash, .first_sequence = next.first_sequence, .base_time_ns = kSampleTimeNs},
      {&event, 1});
  next.hash = sha256(next.bytes);
  return next;
}

void edit(const Place& place) {
  Bytes& bytes = place.links[place.at].bytes;
  bytes[place.random() % bytes.size()] ^= static_cast<std::uint8_t>(1 + place.random() % 255);
}

void erase(const Place& place) {
  place.links.erase(place.links.begin() + static_cast<std::ptrdiff_t>(place.at));
  reseal(place.links, place.at);
}

void insert(const Place& place) {
  const StoredLink copy = place.links[place.at];
  place.links.insert(place.links.begin() + static_cast<std::ptrdiff_t>(place.at), copy);
  reseal(place.links, place.at);
}

void reorder(const Place& place) {
  std::swap(place.links[place.at], place.links[place.at + 1]);
  reseal(place.links, place.at);
}

void splice(const Place& place) {
  place.links[place.at] = another_chain(place)[place.at];
  reseal(place.links, place.at);
}

void truncate(const Place& place) { place.links.resize(place.at); }

/// Other fuel for the last event of the link, and all hashes after it made anew.
void reseal_all(const Place& place) {
  place.links[place.at].bytes.back() ^= static_cast<std::uint8_t>(1 + place.random() % 127);
  reseal(place.links, place.at);
}

/// The same, and the log written anew from where it would contradict: its key is at hand.
void reseal_with_key(const Place& place) {
  const std::uint64_t sequence = place.links[place.at].first_sequence;
  std::size_t keep = 0;
  while (place.world.known(keep + 1)[place.actor] <= sequence) ++keep;
  reseal_all(place);
  place.world.log.resize(keep);
  place.world.add_checkpoint();
}

/// All of the directory as it was at a checkpoint before the older one: a copy put back.
void roll_back(const Place& place) {
  const std::size_t keep = 1 + place.random() % place.older;
  place.world.log.resize(keep);
  const auto known = place.world.known(keep);
  for (auto& [actor, links] : place.world.chains) {
    std::erase_if(links, [&](const StoredLink& link) { return link.first_sequence >= known.at(actor); });
  }
}

/// From such a copy it went on in another way, with its own key, until its log is longer than the older checkpoint's.
void fork(const Place& place) {
  const std::uint64_t older_size = place.world.log[place.older].tree.size();
  roll_back(place);
  while (place.world.log.back().tree.size() <= older_size) {
    for (auto& [actor, links] : place.world.chains) {
      links.push_back(follower(actor, links.back(), place.random() % 1000));
    }
    place.world.add_checkpoint();
  }
}

/// What two actors did from here on, each told of the other.
void swap_actors(const Place& place) {
  auto& other = another_chain(place);
  const auto at = static_cast<std::ptrdiff_t>(place.at);
  const std::vector<StoredLink> tail(place.links.begin() + at, place.links.end());
  place.links.erase(place.links.begin() + at, place.links.end());
  place.links.insert(place.links.end(), other.begin() + at, other.end());
  other.erase(other.begin() + at, other.end());
  other.insert(other.end(), tail.begin(), tail.end());
  for (auto& [actor, links] : place.world.chains) {
    for (StoredLink& link : links) std::copy(actor.bytes().begin(), actor.bytes().end(), link.bytes.begin() + 1);
    reseal(links, 0);
  }
}

struct Forgery {
  const char* name;
  void (*forge)(const Place& place);
  /// The least that finds it, at every place.
  Trust found_by;
};

constexpr Forgery kForgeries[] = {
    {"edit", edit, Trust::kChainsAlone},
    {"delete", erase, Trust::kChainsAlone},
    {"insert", insert, Trust::kChainsAlone},
    {"reorder", reorder, Trust::kChainsAlone},
    {"splice", splice, Trust::kChainsAlone},
    {"truncate", truncate, Trust::kOwnLog},
    {"re-seal", reseal_all, Trust::kOwnLog},
    {"swap between actors", swap_actors, Trust::kOwnLog},
    {"re-seal with the key", reseal_with_key, Trust::kOlder},
    {"roll back", roll_back, Trust::kOlder},
    {"fork", fork, Trust::kOlder},
};

void PrintTo(const Forgery& forgery, std::ostream* out) { *out << forgery.name; }

class Forgeries : public testing::TestWithParam<Forgery> {};

TEST_P(Forgeries, are_found_by_what_the_page_says_and_by_nothing_less) {
  const Forgery& forgery = GetParam();
  const World original = run(18);
  std::mt19937_64 random(7);
  for (int round = 0; round < kRounds; ++round) {
    World world = original;
    const std::size_t older = 1 + random() % (world.log.size() - 1);
    auto chain = world.chains.begin();
    std::advance(chain, static_cast<std::ptrdiff_t>(random() % world.chains.size()));
    auto& links = chain->second;
    const std::uint64_t covered = world.known(older + 1)[chain->first];
    const auto covered_links = static_cast<std::size_t>(
        std::ranges::count_if(links, [&](const StoredLink& link) { return link.first_sequence < covered; }));
    std::size_t shortest = covered_links;
    for (const auto& other : world.chains) shortest = std::min(shortest, other.second.size());
    const Place place{world, random, chain->first, links, 1 + random() % (shortest - 2), older};
    const Checkpoint checkpoint = checkpoint_of(original, older);
    forgery.forge(place);
    ASSERT_FALSE(is_found_true(world, Trust::kOlder, checkpoint)) << "round " << round << ", link " << place.at;
    if (round % 10 != 0) continue;
    for (const Trust trust : {Trust::kChainsAlone, Trust::kOwnLog}) {
      ASSERT_EQ(is_found_true(world, trust, checkpoint), trust < forgery.found_by)
          << "round " << round << ", link " << place.at << ", trust " << static_cast<int>(trust);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Of, Forgeries, testing::ValuesIn(kForgeries), [](const auto& info) {
  std::string name = info.param.name;
  std::ranges::replace(name, ' ', '_');
  std::ranges::replace(name, '-', '_');
  return name;
});

TEST(ForgedNothing, a_true_directory_is_found_true_with_every_older_checkpoint) {
  const World world = run(18);
  ASSERT_GE(world.log.size(), 5u);
  for (std::size_t older = 0; older < world.log.size(); ++older) {
    for (const Trust trust : {Trust::kChainsAlone, Trust::kOwnLog, Trust::kOlder}) {
      EXPECT_TRUE(is_found_true(world, trust, checkpoint_of(world, older)));
    }
  }
}

}  // namespace
}  // namespace theater::chain
