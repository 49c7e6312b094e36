#include <algorithm>
#include <map>
#include <set>
#include <unordered_set>

#include "base/check.h"
#include "base/clock.h"
#include "chain/link_codec.h"
#include "store/data_directory.h"
#include "store/directory_chain.h"

namespace theater::store {
namespace {

/// What a link says of the state, if it says anything.
std::optional<chain::StateRef> state_of(const chain::EventView& event) {
  std::optional<chain::StateRef> state;
  if (const auto* started = std::get_if<chain::StartedView>(&event.body)) state = started->state;
  if (const auto* returned = std::get_if<chain::ReturnedView>(&event.body)) state = returned->state;
  if (state && state->form == EventState::Form::kUnchanged) state.reset();
  return state;
}

/// What becomes of one chain.
struct Change {
  RemovedEvents removed;
  Bytes started;
  Bytes state;
  /// Of that state, where it is kept by digest.
  std::optional<Digest> state_digest;
  bool needs_state = false;
  /// Segments that it leaves, in order.
  std::vector<std::uint64_t> segments;

  void note(ByteView link) {
    chain::LinkDecoder decoder(link);
    chain::EventView event;
    while (decoder.next(event)) {
      if (event.kind() == EventKind::kStarted) started = to_bytes(link);
      const auto known = state_of(event);
      if (!known) continue;
      state = to_bytes(link);
      state_digest.reset();
      if (known->form != EventState::Form::kDigest) continue;
      std::ranges::copy(known->digest, state_digest.emplace().begin());
    }
  }
};

}  // namespace

/// One run of it.
class DataDirectory::Retention {
 public:
  Retention(DataDirectory& directory, std::uint64_t now_ns) : directory_(directory), now_ns_(now_ns) {
    const std::lock_guard lock(directory_.mutex_);
    entries_ = directory_.entries_;
    segments_ = directory_.segments_;
    removed_ = directory_.removed_;
  }

  Result<RetentionSummary> run(const std::function<RetentionRule(const StoredActor&)>& rule_of) {
    for (auto& [id, entry] : entries_) {
      if (entry.broken || entry.actor.damage || entry.places.empty()) continue;
      if (auto read = directory_.read_started(entry); !read) return fail(std::move(read.error()));
      choose(id, entry, rule_of(entry.actor));
    }
    if (!leaving_.empty()) {
      if (auto removed = take_leave(); !removed) return fail(std::move(removed.error()));
    }
    if (auto gone = remove_files(); !gone) return fail(std::move(gone.error()));
    return summary_;
  }

 private:
  /// All in the segment is older than the beginning of one that was begun when it was closed; none: nothing tells.
  std::optional<std::uint64_t> younger_than_ns(std::uint64_t number) const {
    const auto at = std::ranges::lower_bound(segments_, number, {}, &Segment::number);
    for (auto later = std::next(at); later != segments_.end(); ++later) {
      if (later->session > at->session || later->shard == at->shard) return later->created_ns;
    }
    return std::nullopt;
  }

  void choose(const ActorId& id, const Entry& entry, const RetentionRule& rule) {
    std::uint64_t bytes_behind = 0;
    for (const ChainPlace& place : entry.places) bytes_behind += place.bytes;
    std::size_t count = 0;
    const bool all_may_go = rule.has_ended && entry.actor.stopped;
    const std::size_t most = entry.places.size() - (all_may_go ? 0 : 1);
    for (; count < most; ++count) {
      const ChainPlace& place = entry.places[count];
      bytes_behind -= place.bytes;
      const auto younger_ns = younger_than_ns(place.segment);
      const bool is_old = rule.hours && younger_ns && *younger_ns + *rule.hours * kNsPerHour < now_ns_;
      // The last part is beyond no size.
      const bool is_beyond = rule.bytes && bytes_behind >= *rule.bytes && count + 1 < entry.places.size();
      if (!is_old && !is_beyond) break;
      leaving_[place.segment].insert(id);
    }
    if (count > 0) changes_[id].needs_state = rule.needs_state && count < entry.places.size();
  }

  Result<void> take_leave() {
    for (auto& [id, change] : changes_) {
      const auto known = removed_.find(id);
      if (known == removed_.end()) continue;
      change.removed = known->second;
      for (const Bytes& link : known->second.remnants) change.note(link);
    }
    // Those that could not be read stay, and so does what follows them.
    std::unordered_set<ActorId> stay;
    for (const auto& [number, actors] : leaving_) {
      if (auto read = read_segment(number, actors, stay); !read) return read;
    }
    std::erase_if(changes_, [](const auto& change) { return change.second.segments.empty(); });
    for (auto& [id, change] : changes_) {
      if (auto finished = finish(id, change); !finished) return finished;
      removed_[id] = change.removed;
    }
    if (changes_.empty()) return {};
    // From here on they are gone, whatever becomes of the files.
    if (auto written = write_removed(directory_.files_, directory_.path_, removed_); !written) return written;
    const std::lock_guard lock(directory_.mutex_);
    directory_.removed_ = removed_;
    for (const auto& [id, change] : changes_) {
      Entry& entry = directory_.entries_[id];
      entry.removed_before = change.removed.next_sequence;
      std::erase_if(entry.places, [&](const ChainPlace& place) { return place.next_sequence <= entry.removed_before; });
      entry.actor.first_sequence = entry.places.empty() ? entry.removed_before : entry.places.front().first_sequence;
    }
    return {};
  }

  /// Notes what this segment holds of those who leave it.
  Result<void> read_segment(std::uint64_t number, const std::set<ActorId>& actors, std::unordered_set<ActorId>& stay) {
    auto file = directory_.open_segment(number);
    if (!file) return fail(std::move(file.error()));
    auto scanner = SegmentScanner::open(std::move(*file), {.was_closed = true});
    if (!scanner) return fail(std::move(scanner.error()));
    std::map<ActorId, Change> read;
    for (const ActorId& id : actors) {
      if (!stay.contains(id)) read.emplace(id, changes_[id]);
    }
    bool is_whole = true;
    while (is_whole) {
      const auto step = (*scanner)->next();
      if (!step) return fail(step.error());
      if (std::holds_alternative<SegmentTail>(*step)) break;
      const auto* record = std::get_if<SegmentRecord>(&*step);
      is_whole = record != nullptr;
      if (!is_whole || record->type != RecordType::kLink) continue;
      const chain::LinkDecoder decoder(record->content);
      const auto leaving = read.find(decoder.header().actor);
      if (leaving == read.end() || decoder.header().first_sequence < leaving->second.removed.next_sequence) continue;
      leaving->second.note(record->content);
      leaving->second.removed.next_sequence = decoder.header().first_sequence + decoder.header().event_count;
      leaving->second.removed.head = record->digest;
      ++leaving->second.removed.links;
    }
    for (auto& [id, change] : read) {
      const Entry& entry = entries_.at(id);
      const auto place = std::ranges::find(entry.places, number, &ChainPlace::segment);
      // All of it must have been there.
      if (!is_whole || change.removed.next_sequence != place->next_sequence) {
        stay.insert(id);
        continue;
      }
      change.removed.bytes += place->bytes;
      change.segments.push_back(number);
      summary_.events += place->next_sequence - place->first_sequence;
      changes_[id] = std::move(change);
    }
    return {};
  }

  Result<void> finish(const ActorId& id, Change& change) {
    Entry entry = entries_.at(id);
    std::erase_if(entry.places,
                  [&](const ChainPlace& place) { return place.next_sequence <= change.removed.next_sequence; });
    change.removed.removed_ns = now_ns_;
    change.removed.stopped = entry.places.empty() ? entry.actor.stopped : std::nullopt;
    change.removed.remnants.clear();
    if (!change.started.empty()) change.removed.remnants.push_back(change.started);
    if (!change.needs_state || change.state.empty()) return {};
    const auto told = tells_state(id, entry);
    if (!told) return fail(told.error());
    if (*told) return {};
    if (change.state != change.started) change.removed.remnants.push_back(change.state);
    if (!change.state_digest) return {};
    // Its content may lie in a segment that goes.
    for (const std::uint64_t number : change.segments) {
      const auto payloads = directory_.payloads_of(number);
      if (!payloads) return fail(payloads.error());
      const auto content = payloads->find(*change.state_digest);
      if (!content) return fail(content.error());
      if (!*content) continue;
      if (auto put = directory_.content_.put(**content); !put) return fail(std::move(put.error()));
      break;
    }
    return {};
  }

  /// Whether what is kept of the chain says what its state is.
  Result<bool> tells_state(const ActorId& id, const Entry& entry) const {
    const DirectoryChain chain(directory_, id, entry.places, std::nullopt, 0);
    const auto links = chain.links(0);
    if (!links) return fail(links.error());
    while (true) {
      const auto link = (*links)->next();
      if (!link) return fail(link.error());
      if (!*link) return false;
      chain::LinkDecoder decoder((*link)->bytes);
      chain::EventView event;
      while (decoder.next(event)) {
        if (state_of(event)) return true;
      }
    }
  }

  /// Files in which nothing is kept; also those that an earlier run did not come to.
  Result<void> remove_files() {
    std::vector<Segment> gone;
    {
      const std::lock_guard lock(directory_.mutex_);
      std::unordered_set<std::uint64_t> kept;
      for (const auto& [id, entry] : directory_.entries_) {
        for (const ChainPlace& place : entry.places) kept.insert(place.segment);
      }
      auto& segments = directory_.segments_;
      for (std::size_t i = 0; i + 1 < segments.size(); ++i) {
        // What is damaged is evidence; the last keeps the numbers.
        const Segment& segment = segments[i];
        const bool is_sound = !segment.is_open() && !segment.scanned;
        if (is_sound && !kept.contains(segment.number)) gone.push_back(segment);
      }
      std::erase_if(segments, [&](const Segment& segment) {
        return std::ranges::binary_search(gone, segment.number, {}, &Segment::number);
      });
    }
    for (const Segment& segment : gone) {
      const std::filesystem::path path = directory_.path_of(segment);
      const auto file = directory_.files_.open(path, OpenMode::kRead);
      if (file) {
        if (const auto size = (*file)->size()) summary_.bytes += *size;
      }
      if (auto removed = directory_.files_.remove(path); !removed) return removed;
      ++summary_.segments;
    }
    if (gone.empty()) return {};
    return directory_.files_.sync_directory(directory_.path_of(gone.front()).parent_path());
  }

  static constexpr std::uint64_t kNsPerHour = 3600 * kNsPerSecond;

  DataDirectory& directory_;
  const std::uint64_t now_ns_;
  std::unordered_map<ActorId, Entry> entries_;
  std::vector<Segment> segments_;
  RemovedChains removed_;
  /// Who leaves each segment.
  std::map<std::uint64_t, std::set<ActorId>> leaving_;
  std::map<ActorId, Change> changes_;
  RetentionSummary summary_;
};

Result<RetentionSummary> DataDirectory::retain(const std::function<RetentionRule(const StoredActor&)>& rule_of,
                                               std::uint64_t now_ns) {
  THEATER_CHECK(access_ == Access::kWrite);
  return Retention(*this, now_ns).run(rule_of);
}

}  // namespace theater::store
