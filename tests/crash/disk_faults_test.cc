// What may happen to a disk, and what must hold then. `make test` looks at a sample that a seed chooses, `make soak`
// (THEATER_CRASH_COMPLETE) at every place.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "store/checkpoint_writer.h"
#include "store/sample_store.h"
#include "store/segment_log.h"
#include "store/verify_directory.h"

namespace theater::store {
namespace {

using Operation = MemoryDisk::Operation;
using Failure = MemoryDisk::Failure;

constexpr std::size_t kActors = 10;

bool is_complete() { return std::getenv("THEATER_CRASH_COMPLETE") != nullptr; }

unsigned long seed() {
  const char* text = std::getenv("THEATER_CRASH_SEED");
  return text == nullptr ? 1 : std::stoul(text);
}

/// One in so many; all of them in a complete run.
class Sample {
 public:
  explicit Sample(std::uint64_t one_in, std::uint64_t part = 0)
      : one_in_(is_complete() ? 1 : one_in), random_(seed() + part) {}
  bool takes_next() { return one_in_ == 1 || random_() % one_in_ == 0; }
  /// How far it is to the next that it takes.
  std::uint64_t step() { return one_in_ == 1 ? 1 : 1 + random_() % (2 * one_in_ - 1); }

 private:
  const std::uint64_t one_in_;
  std::mt19937_64 random_;
};

/// Calls `look` for each part, on all processors, until one has failed. Parts know nothing of each other.
void look_at_parts(std::size_t parts, const std::function<void(std::size_t)>& look) {
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t part = next++; part < parts && !testing::Test::HasFailure(); part = next++) look(part);
  };
  std::vector<std::jthread> threads;
  for (unsigned i = 1; i < std::thread::hardware_concurrency(); ++i) threads.emplace_back(work);
  work();
}

/// A clock that a test moves.
class StillClock final : public Clock {
 public:
  std::uint64_t wall_ns() const override { return chain::kSampleTimeNs; }
  std::uint64_t monotonic_ns() const override { return now_ns; }
  std::uint64_t now_ns = kNsPerSecond;
};

std::unique_ptr<DataDirectory> open(MemoryDisk& disk, DataDirectory::Access access = DataDirectory::Access::kWrite) {
  thread_local SeededRandom random(1);
  auto directory = DataDirectory::open(kSampleDirectory, access, on_disk(disk, random));
  EXPECT_TRUE(directory) << directory.error().to_string();
  return directory ? std::move(*directory) : nullptr;
}

/// Everything that was acknowledged is in the directory, and what is there is a prefix of what was recorded.
void expect_acknowledged(const DataDirectory& directory, const std::vector<SampleActors::Written>& written,
                         std::uint64_t acknowledged, const std::string& when) {
  ASSERT_TRUE(directory.damages().empty()) << when << ": " << directory.damages()[0].to_string();
  const auto actors = directory.actors();
  ASSERT_TRUE(actors);
  std::map<ActorId, std::uint64_t> kept;
  std::set<std::pair<ActorId, Digest>> heads;
  for (const SampleActors::Written& link : written) heads.emplace(link.actor, link.hash);
  for (const StoredActor& actor : *actors) {
    kept[actor.id] = actor.next_sequence;
    ASSERT_TRUE(heads.contains({actor.id, actor.head})) << when;
  }
  for (const SampleActors::Written& link : written) {
    if (link.position > acknowledged) continue;
    ASSERT_GE(kept[link.actor], link.next_sequence) << when;
  }
}

/// A run of 10,000 events in several segments.
class Script {
 public:
  static constexpr int kLinks = 5'005;

  explicit Script(MemoryDisk& disk) : disk_(disk) {}

  void run() {
    SeededRandom markers(seed());
    auto directory = DataDirectory::open(kSampleDirectory, DataDirectory::Access::kWrite, on_disk(disk_, markers));
    if (!directory) return;
    StillClock clock;
    SegmentLog::Options options;
    options.own_thread = false;
    options.link_bytes = 1;
    options.segment_bytes = 100'000;
    SegmentLog log(**directory, clock, options);
    log_ = &log;
    std::mt19937_64 random(seed());
    for (int i = 0; i < kLinks; ++i) {
      actors.record(log, random() % kActors, random() % 40 == 0 ? 3000 : random() % 100);
      if (random() % 5 == 0) clock.now_ns += kNsPerMs;
      if (random() % 8 == 0) log.work();
    }
    log.stop();
    acknowledged_ = log.acknowledged_position();
    status = log.status();
    log_ = nullptr;
    const auto stored = (*directory)->actors();
    can_be_read = stored.has_value();
  }

  /// Position up to which it acknowledged.
  std::uint64_t acknowledged() const { return log_ != nullptr ? log_->acknowledged_position() : acknowledged_; }

  SampleActors actors{kActors};
  Result<void> status;
  /// After whatever happened, when it had stopped.
  bool can_be_read = false;

 private:
  MemoryDisk& disk_;
  SegmentLog* log_ = nullptr;
  std::uint64_t acknowledged_ = 0;
};

/// The directory opens, and again when the power goes while it is opened.
void expect_it_starts(MemoryDisk& disk, std::uint64_t number, const Script& script, const std::string& when) {
  std::vector<std::unique_ptr<MemoryDisk>> during;
  if (number % 8 == 0) disk.before_sync([&] { during.push_back(disk.copy()); });
  const auto directory = open(disk);
  ASSERT_TRUE(directory) << when;
  expect_acknowledged(*directory, script.actors.written(), script.acknowledged(), when);
  for (std::size_t i = 0; i < during.size(); ++i) {
    during[i]->lose_power(number + i);
    const auto again = open(*during[i]);
    ASSERT_TRUE(again) << when;
    expect_acknowledged(*again, script.actors.written(), script.acknowledged(),
                        when + ", and another while it was opened");
  }
}

TEST(DiskFaults, lost_and_reordered_writes_at_any_sync_take_nothing_that_was_acknowledged) {
  MemoryDisk disk;
  Script script(disk);
  Sample sample(3);
  std::uint64_t syncs = 0;
  std::uint64_t losses = 0;
  disk.before_sync([&] {
    ++syncs;
    if (testing::Test::HasFatalFailure() || !sample.takes_next()) return;
    // What was not safe survives in part, in another order, or not at all: each seed is another way.
    for (int way = 0; way < (is_complete() ? 8 : 2); ++way) {
      auto lost = disk.copy();
      lost->lose_power(seed() + ++losses);
      expect_it_starts(*lost, losses, script, "loss " + std::to_string(losses) + " at sync " + std::to_string(syncs));
    }
  });
  script.run();
  disk.before_sync({});
  ASSERT_TRUE(script.status);
  EXPECT_GT(losses, 60u);
  std::uint64_t events = 0;
  for (std::size_t actor = 0; actor < kActors; ++actor) events += script.actors.head(actor).next_sequence;
  EXPECT_GE(events, 10'000u);
  EXPECT_GE(script.acknowledged(), script.actors.written().back().position);
  expect_acknowledged(*open(disk), script.actors.written(), script.acknowledged(), "at the end");
}

TEST(DiskFaults, whatever_operation_fails_nothing_is_acknowledged_falsely_and_reading_and_stopping_work) {
  MemoryDisk whole;
  Script(whole).run();
  Sample sample(12);
  std::uint64_t runs = 0;
  for (int kind = 0; kind < MemoryDisk::kOperations; ++kind) {
    const auto operation = static_cast<Operation>(kind);
    const std::uint64_t count = whole.count(operation);
    for (std::uint64_t nth = 0; nth < count; ++nth) {
      // The first ones each; then a sample.
      if (nth >= 6 && !sample.takes_next()) continue;
      for (const Failure failure : {Failure::kError, Failure::kNoSpace, Failure::kShortWrite}) {
        // Only a write can be short, and but for it an error is an error.
        const bool is_same = operation != Operation::kWrite && failure != Failure::kError;
        if (is_same || (!is_complete() && failure != static_cast<Failure>(nth % 3) && nth >= 6)) continue;
        MemoryDisk disk;
        disk.fail_at(operation, nth, failure, /*for_good=*/(nth + runs) % 2 == 0);
        Script script(disk);
        script.run();
        disk.stop_failing();
        ++runs;
        const std::string when = "operation " + std::to_string(kind) + " number " + std::to_string(nth);
        // With nothing acknowledged the directory itself could not be made.
        if (script.acknowledged() > 0 && operation != Operation::kOpen) {
          EXPECT_TRUE(script.can_be_read) << when;
        }
        disk.lose_power(nth);
        const auto directory = open(disk);
        ASSERT_TRUE(directory) << when;
        expect_acknowledged(*directory, script.actors.written(), script.acknowledged(), when);
        if (testing::Test::HasFailure()) return;
      }
    }
  }
  EXPECT_GT(runs, 60u);
}

/// A directory whose only segment ends with so many bytes of which nothing says that they are safe.
class Unsafe {
 public:
  static constexpr std::uint64_t kUnsafeBytes = 64u << 10;

  Unsafe() {
    auto directory = open(disk);
    auto writer = directory->begin_segment(0, 1);
    std::mt19937_64 random(seed());
    const auto record = [&] {
      for (int i = 0; i < 7; ++i) {
        actors.record(**writer, random() % kActors, random() % 12 == 0 ? 1500 : random() % 300);
      }
      EXPECT_TRUE((*writer)->write());
    };
    for (int group = 0; group < 8; ++group) record();
    EXPECT_TRUE((*writer)->sync());
    safe_bytes = (*writer)->written_bytes();
    while ((*writer)->written_bytes() < safe_bytes + kUnsafeBytes) record();
    whole = disk.content(path);
  }

  MemoryDisk disk;
  const std::filesystem::path path = kSampleDirectory / "segments" / segment_file_name(1, 0);
  SampleActors actors{kActors};
  std::uint64_t safe_bytes = 0;
  Bytes whole;
};

TEST(DiskFaults, cut_at_any_byte_with_any_tail_exactly_the_valid_prefix_is_there) {
  const Unsafe written;
  const Bytes& whole = written.whole;
  // Which links end where.
  std::vector<std::uint64_t> ends;
  {
    auto file = const_cast<MemoryDisk&>(written.disk).open(written.path, OpenMode::kRead);
    auto scanner = SegmentScanner::open(std::move(*file), {});
    while (true) {
      const ScanStep step = *(*scanner)->next();
      if (std::holds_alternative<SegmentTail>(step)) break;
      const auto& record = std::get<SegmentRecord>(step);
      if (record.type == RecordType::kLink) {
        ends.push_back(record.offset + chain::kRecordFrameBytes + record.content.size());
      }
    }
  }
  ASSERT_EQ(ends.size(), written.actors.written().size());
  std::atomic<std::uint64_t> opened = 0;
  const auto cut_at = [&](std::size_t cut, std::mt19937_64& random) {
    for (int tail = 0; tail < 4; ++tail) {
      Bytes content(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(cut));
      if (tail == 1) content.resize(cut + 3000);
      if (tail == 2) {
        for (int i = 0; i < 3000; ++i) content.push_back(static_cast<std::uint8_t>(random()));
      }
      // Stale: what stood there before, whole records and all, from any place of the file.
      if (tail == 3) append(content, ByteView(whole).subspan(random() % (whole.size() - 3000), 3000));
      // By chance the tail may begin as what was cut off.
      const auto valid = static_cast<std::uint64_t>(std::ranges::mismatch(content, whole).in1 - content.begin());
      const auto kept = static_cast<std::size_t>(std::ranges::upper_bound(ends, valid) - ends.begin());
      const auto expected = ends_after(written.actors.written(), kept);
      const std::string when = "cut at " + std::to_string(cut) + ", tail " + std::to_string(tail);
      MemoryDisk disk;
      for (const auto& path : written.disk.paths()) {
        if (path != written.path) disk.set_content(path, written.disk.content(path));
      }
      ASSERT_TRUE(disk.make_directory(kSampleDirectory / "segments"));
      disk.set_content(written.path, std::move(content));
      const auto directory =
          open(disk, opened++ % 2 == 0 ? DataDirectory::Access::kRead : DataDirectory::Access::kWrite);
      ASSERT_TRUE(directory) << when;
      ASSERT_TRUE(directory->damages().empty()) << when << ": " << directory->damages()[0].to_string();
      const auto actors = directory->actors();
      ASSERT_TRUE(actors) << when;
      ASSERT_EQ(actors->size(), expected.size()) << when;
      for (const StoredActor& actor : *actors) {
        ASSERT_EQ(actor.next_sequence, expected.at(actor.id).next_sequence) << when;
        ASSERT_EQ(actor.head, expected.at(actor.id).head) << when;
      }
    }
  };
  constexpr std::size_t kPartBytes = 4096;
  const std::size_t places = whole.size() + 1 - written.safe_bytes;
  look_at_parts((places + kPartBytes - 1) / kPartBytes, [&](std::size_t part) {
    Sample sample(350, part);
    std::mt19937_64 random(seed() + part);
    const std::size_t begin = part * kPartBytes;
    const std::size_t end = std::min(places, begin + kPartBytes);
    for (std::size_t place = begin + sample.step() - 1; place < end; place += sample.step()) {
      cut_at(written.safe_bytes + place, random);
      if (testing::Test::HasFailure()) return;
    }
  });
  EXPECT_GT(opened, 400u);
  if (is_complete()) {
    EXPECT_EQ(opened, 4 * places);
    std::printf("%llu cuts\n", static_cast<unsigned long long>(opened));
  }
}

/// A directory of a megabyte in many small segments, with signed heads.
class Megabyte {
 public:
  Megabyte() {
    auto directory = open(disk);
    CheckpointWriter::Options options;
    SeededRandom random(seed());
    options.random = &random;
    auto checkpoints = CheckpointWriter::open(disk, kSampleDirectory, options);
    EXPECT_TRUE(checkpoints);
    EXPECT_TRUE((*checkpoints)->all_found().empty());
    std::mt19937_64 sizes(seed());
    for (std::uint64_t bytes = 0; bytes < 1u << 20;) {
      Part part;
      for (std::size_t actor = 0; actor < kActors; ++actor) {
        part.ends[SampleActors::id(actor)] = {.head = actors.head(actor).hash,
                                              .next_sequence = actors.head(actor).next_sequence};
      }
      std::erase_if(part.ends, [](const auto& end) { return end.second.next_sequence == 0; });
      auto segment = directory->begin_segment(0, 1);
      EXPECT_TRUE(segment);
      const std::uint64_t number = (*segment)->header().number;
      while ((*segment)->size_bytes() < 8'000) {
        actors.record(**segment, sizes() % kActors, sizes() % 20 == 0 ? 1500 : sizes() % 200);
        if (sizes() % 5 == 0) {
          EXPECT_TRUE((*segment)->write());
          EXPECT_TRUE((*segment)->sync());
        }
      }
      EXPECT_TRUE(directory->close_segment(std::move(*segment)));
      for (std::size_t actor = 0; actor < kActors; ++actor) {
        const ChainHead& head = actors.head(actor);
        if (head.next_sequence > 0)
          (*checkpoints)->head_is_safe(SampleActors::id(actor), head.next_sequence, head.hash, 1);
      }
      EXPECT_TRUE((*checkpoints)->write(0));
      part.path = kSampleDirectory / "segments" / segment_file_name(number, 0);
      part.number = number;
      part.content = disk.content(part.path);
      bytes += part.content.size();
      parts.push_back(std::move(part));
    }
    EXPECT_TRUE((*checkpoints)->close(0));
  }

  struct Part {
    std::filesystem::path path;
    std::uint64_t number = 0;
    Bytes content;
    /// The chains' ends before it.
    ChainEnds ends;
  };
  MemoryDisk disk;
  SampleActors actors{kActors};
  std::vector<Part> parts;
};

/// Whose bytes they are, of the links and the large values in a segment.
struct Owner {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  ActorId actor;
  std::uint64_t sequence = 0;
};

std::vector<Owner> owners_of(MemoryDisk& disk, const std::filesystem::path& path) {
  std::vector<Owner> owners;
  std::size_t unnamed = 0;
  auto file = disk.open(path, OpenMode::kRead);
  auto scanner = SegmentScanner::open(std::move(*file), {});
  while (true) {
    const ScanStep step = *(*scanner)->next();
    if (std::holds_alternative<SegmentTail>(step)) return owners;
    const auto& record = std::get<SegmentRecord>(step);
    owners.push_back({.begin = record.offset,
                      .end = record.offset + chain::kRecordFrameBytes + record.content.size(),
                      .actor = {},
                      .sequence = 0});
    if (record.type != RecordType::kLink) continue;
    // A large value is of the link behind it.
    const chain::LinkDecoder decoder(record.content);
    for (; unnamed < owners.size(); ++unnamed) {
      owners[unnamed].actor = decoder.header().actor;
      owners[unnamed].sequence = decoder.header().first_sequence;
    }
  }
}

TEST(DiskFaults, every_flipped_bit_of_a_megabyte_is_found_and_names_the_actor_and_the_event) {
  Megabyte store;
  std::atomic<std::uint64_t> tried = 0;
  look_at_parts(store.parts.size(), [&](std::size_t place) {
    const Megabyte::Part& part = store.parts[place];
    const std::vector<Owner> owners = owners_of(store.disk, part.path);
    ChainEnds ends_behind = part.ends;
    const auto scan = [&](Bytes content, ChainEnds& ends) {
      MemoryDisk disk;
      disk.set_content("/segment", std::move(content));
      auto scanner = SegmentScanner::open(*disk.open("/segment", OpenMode::kRead), {.was_closed = true});
      auto scanned = scan_segment(**scanner, part.number, ends);
      EXPECT_TRUE(scanned);
      return std::move(*scanned);
    };
    ASSERT_TRUE(scan(part.content, ends_behind).damages.empty());
    Sample sample(1'000, place);
    for (std::uint64_t bit = sample.step() - 1; bit < part.content.size() * 8; bit += sample.step()) {
      ++tried;
      Bytes content = part.content;
      content[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
      ChainEnds ends = part.ends;
      const ScannedSegment scanned = scan(std::move(content), ends);
      const std::string where = part.path.string() + ", bit " + std::to_string(bit);
      ASSERT_FALSE(scanned.damages.empty()) << where;
      const auto owner =
          std::ranges::find_if(owners, [&](const Owner& one) { return bit / 8 >= one.begin && bit / 8 < one.end; });
      if (owner != owners.end()) {
        ASSERT_EQ(scanned.damages[0].actor, owner->actor) << where << ": " << scanned.damages[0].to_string();
        ASSERT_EQ(scanned.damages[0].sequence, owner->sequence) << where << ": " << scanned.damages[0].to_string();
      }
      for (const auto& [actor, end] : ends_behind) {
        if (owner != owners.end() && actor == owner->actor) continue;
        ASSERT_EQ(ends[actor].head, end.head) << where << ": the chain of another actor, " << to_string(actor);
        ASSERT_FALSE(ends[actor].is_broken) << where;
      }
    }
  });
  EXPECT_GT(tried, 6'000u);
  if (is_complete()) {
    EXPECT_GT(tried, 8u << 20);
    std::printf("%llu bits\n", static_cast<unsigned long long>(tried));
  }
}

TEST(DiskFaults, a_flipped_bit_in_any_file_is_told_and_the_other_actors_go_on) {
  Megabyte store;
  std::mt19937_64 random(seed());
  std::vector<std::filesystem::path> paths = store.disk.paths();
  // Neither is read to judge a directory: a lock's text tells people a process's number, and the secret key only signs.
  std::erase_if(paths, [](const auto& path) { return path.filename() == "lock" || path.filename() == "log.key"; });
  for (int round = 0; round < (is_complete() ? 3'000 : 40); ++round) {
    // The small files often enough.
    const auto& path =
        paths[round % 3 == 0 ? static_cast<std::size_t>(round / 3) % paths.size() : random() % paths.size()];
    auto disk = store.disk.copy();
    Bytes content = disk->content(path);
    const std::uint64_t bit = random() % (content.size() * 8);
    content[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    disk->set_content(path, content);
    const std::string where = path.string() + ", bit " + std::to_string(bit);
    DirectoryVerifyOptions options;
    options.files = disk.get();
    const auto report = verify_directory(kSampleDirectory, options);
    ASSERT_FALSE(report && report->ok()) << where;
    if (path.extension() != ".segment") continue;

    auto directory = open(*disk);
    ASSERT_TRUE(directory) << where;
    const auto stored = directory->actors();
    ASSERT_TRUE(stored) << where;
    SampleActors actors(kActors);
    actors.follow(store.actors);
    std::set<ActorId> whole;
    std::size_t broken = 0;
    auto segment = directory->begin_segment(0, 2);
    ASSERT_TRUE(segment);
    for (std::size_t actor = 0; actor < kActors; ++actor) {
      const auto found = std::ranges::find(*stored, SampleActors::id(actor), &StoredActor::id);
      ASSERT_NE(found, stored->end()) << where;
      if (found->damage) {
        // A large value may be of several.
        broken += found->damage->breaks_chain ? 1 : 0;
        continue;
      }
      ASSERT_EQ(found->head, store.actors.head(actor).hash) << where;
      actors.record(**segment, actor);
      whole.insert(found->id);
    }
    ASSERT_LE(broken, 1u) << where;
    ASSERT_TRUE(directory->close_segment(std::move(*segment)));
    directory.reset();
    directory = open(*disk);
    for (std::size_t actor = 0; actor < kActors; ++actor) {
      if (!whole.contains(SampleActors::id(actor))) continue;
      const VerifyReport verified = verify_chain(*directory, SampleActors::id(actor));
      ASSERT_TRUE(verified.ok()) << where << ": " << verified.fault->what;
      ASSERT_EQ(verified.head_hash, actors.head(actor).hash) << where;
    }
  }
}

}  // namespace
}  // namespace theater::store
