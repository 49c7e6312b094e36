#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/limits.h"
#include "base/random.h"
#include "chain/chain_source.h"
#include "chain/redact.h"
#include "store/content_store.h"
#include "store/file_system.h"
#include "store/open_segment_index.h"
#include "store/recovery.h"
#include "store/removed_events.h"
#include "store/segment_writer.h"
#include "theater/event.h"

namespace theater::store {

/// An actor whose chain is kept.
struct StoredActor {
  ActorId id;
  std::string name;
  std::optional<ActorId> parent;
  /// SHA-256 of the component and the manifest it last ran with; both are content of the directory.
  Digest component{};
  Digest manifest{};
  /// Its last started event.
  StartReason start{};
  std::uint64_t start_sequence = 0;
  /// 0 unless older events were removed by retention.
  std::uint64_t first_sequence = 0;
  std::uint64_t next_sequence = 0;
  /// Hash of the last link.
  Digest head{};
  /// Set when its last event is a stopped event.
  std::optional<StopReason> stopped;
  /// The first thing that is wrong with its chain.
  std::optional<Damage> damage;
};

/// What one segment holds of one actor's chain, as far as reading needs it.
struct ChainPlace {
  std::uint64_t segment = 0;
  std::uint64_t first_sequence = 0;
  std::uint64_t next_sequence = 0;
  std::uint64_t first_offset = 0;
  std::uint64_t last_offset = 0;
  /// Of its records there.
  std::uint64_t bytes = 0;
  /// When it was open as the place was looked up: finds each link.
  std::shared_ptr<const OpenSegmentIndex> open;
};

/// How much of an actor's chain is to be kept.
struct RetentionRule {
  /// What is older, or beyond so many bytes, goes; absent: nothing does.
  std::optional<std::uint64_t> hours;
  std::optional<std::uint64_t> bytes;
  /// It has ended for good: all of its chain may go.
  bool has_ended = false;
  /// Its last state must be there, since it is to be resumed.
  bool needs_state = false;
};
/// What retention removed.
struct RetentionSummary {
  std::uint64_t events = 0;
  std::uint64_t segments = 0;
  /// Of the files that are gone.
  std::uint64_t bytes = 0;
};

/// The folder in which chains are kept (docs/data-directory.md): segments of links and payloads, and content by digest.
/// Any thread, unless a method says otherwise.
class DataDirectory {
 public:
  enum class Access : std::uint8_t {
    /// Looks only, changes nothing; also while another process writes to it.
    kRead,
    /// This process alone. Makes the folder if there is none, cuts torn tails, closes what was left open.
    kWrite,
  };
  struct Options {
    FileSystem* files = &posix_file_system();
    /// Closed segments that are read and checked now, the newest first.
    std::uint64_t check_bytes = limits::kOpenCheckBytes;
    /// Where markers come from; none: the system.
    RandomSource* random = nullptr;
    /// Sees all that is read and checked now; none: nobody.
    ScanObserver* observer = nullptr;
  };

  /// kNotFound when there is none to read, kUnavailable when another process writes to it, kInvalidArgument when the
  /// folder holds something else.
  static Result<std::unique_ptr<DataDirectory>> open(const std::filesystem::path& path, Access access);
  static Result<std::unique_ptr<DataDirectory>> open(const std::filesystem::path& path, Access access, Options options);
  /// Whether the folder is a data directory.
  static bool is_one(const std::filesystem::path& path);
  /// Where a data directory at `path` keeps its content files.
  static std::filesystem::path content_path(const std::filesystem::path& path);
  ~DataDirectory();
  DataDirectory(const DataDirectory&) = delete;
  DataDirectory& operator=(const DataDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }

  /// All actors, by id, with what can be read of their chains now.
  Result<std::vector<StoredActor>> actors() const;
  /// kNotFound.
  Result<StoredActor> actor(const ActorId& id) const;
  /// What was found wrong when it was opened.
  const std::vector<Damage>& damages() const { return damages_; }
  /// Bytes of torn tails left out when it was opened: written last, and never said to be safe.
  std::uint64_t torn_bytes() const { return torn_bytes_; }

  /// The actor's chain as it is now; the directory must outlive it. kNotFound.
  Result<std::unique_ptr<ChainSource>> chain(const ActorId& id) const;
  /// What retention has removed of chains, by actor.
  RemovedChains removed() const;
  /// The same of one actor; empty when nothing was.
  RemovedEvents removed(const ActorId& id) const;
  /// Content of a large value, state, component or manifest by its digest; none when it is not kept (any more).
  /// kCorrupt when it was changed.
  Result<std::optional<Bytes>> content(const Digest& digest) const;

  /// Components, manifests and other content that has a file each. One writer at a time.
  ContentStore& content_files() { return content_; }
  const ContentStore& content_files() const { return content_; }
  // Only with kWrite.

  /// Begins a shard's next segment.
  Result<std::unique_ptr<SegmentWriter>> begin_segment(std::uint32_t shard, std::uint64_t wall_ns);
  /// Writes, syncs and closes what begin_segment() gave.
  Result<void> close_segment(std::unique_ptr<SegmentWriter> segment);
  /// Segments that this process has closed.
  std::uint64_t segments_closed() const { return segments_closed_.load(std::memory_order_relaxed); }
  /// Removes the beginnings of chains that need not be kept, whole closed segments at a time: what a segment holds of
  /// an actor goes when all of it may, and the file when nothing in it is kept. Damaged chains are left alone. One
  /// thread at a time; beside those who read and write.
  Result<RetentionSummary> retain(const std::function<RetentionRule(const StoredActor&)>& rule_of,
                                  std::uint64_t now_ns);
  /// Removes the content of these large values and states. Links name them by digest, so that every proof still holds.
  /// On return it is gone from the files; cut off anywhere, each value is there or gone, and a second call removes the
  /// rest. No segment may be open. kInvalidArgument for what actors run with; kCorrupt when one was changed: nothing
  /// is removed then.
  Result<RedactSummary> redact(const std::set<Digest>& values);

 private:
  friend class DirectoryChain;
  /// The large values of one segment.
  struct SegmentPayloads {
    std::uint64_t segment = 0;
    std::shared_ptr<const File> file;
    /// One of the two finds them.
    std::shared_ptr<const OpenSegmentIndex> open;
    std::shared_ptr<const SegmentIndex> closed;

    /// None when it is not there, or no longer; kCorrupt when it was changed.
    Result<std::optional<Bytes>> find(const Digest& digest) const;
  };
  class Redaction;
  class Retention;
  struct Segment {
    std::uint64_t number = 0;
    std::uint32_t shard = 0;
    /// Set while this process writes to it.
    std::shared_ptr<const OpenSegmentIndex> open;
    std::uint64_t session = 0;
    std::uint64_t created_ns = 0;
    /// Of one that has no index of its own, once it was read.
    std::shared_ptr<const SegmentIndex> scanned;

    bool is_open() const { return open != nullptr; }
  };
  struct Entry {
    StoredActor actor;
    /// Where its chain lies, in order.
    std::vector<ChainPlace> places;
    /// What comes before this event was removed.
    std::uint64_t removed_before = 0;
    /// Where the chain is broken; what is behind it does not count.
    std::optional<Damage> broken;
    /// Where its last started event is.
    std::uint64_t started_segment = 0;
    std::uint64_t started_offset = 0;
    /// `actor` has what it says.
    bool has_started = false;
  };

  DataDirectory(std::filesystem::path path, Access access, Options options);
  Result<void> prepare();
  Result<void> recover();
  Result<void> recover_segment(Segment& segment, bool was_closed, bool check, ChainEnds& ends);
  Result<void> end_segment(const Segment& segment, const ScannedSegment& scanned, std::unique_ptr<File> file);
  std::unordered_map<ActorId, Entry> entries_now() const;
  Result<Entry> entry_now(const ActorId& id) const;
  static void join(const SegmentIndex& index, std::uint64_t segment, std::unordered_map<ActorId, Entry>& entries);
  static void join(const ActorId& id, const ChainPart& part, std::uint64_t segment, Entry& entry,
                   std::shared_ptr<const OpenSegmentIndex> open = nullptr);
  Result<void> begin_with_removed(ChainEnds& ends);
  Result<void> read_started(Entry& entry) const;
  static void take_started(ByteView link, StoredActor& actor);
  std::filesystem::path path_of(const Segment& segment) const;
  std::optional<Segment> segment(std::uint64_t number) const;
  Result<std::unique_ptr<File>> open_segment(std::uint64_t number) const;
  /// Of a closed segment.
  Result<std::shared_ptr<const SegmentIndex>> index_of(const Segment& segment) const;
  Result<SegmentPayloads> payloads_of(std::uint64_t number) const;

  const std::filesystem::path path_;
  const Access access_;
  const Options options_;
  FileSystem& files_;
  ContentStore content_;
  std::unique_ptr<FileLock> lock_;
  std::uint64_t session_ = 1;
  std::vector<Damage> damages_;
  std::uint64_t torn_bytes_ = 0;

  mutable std::mutex mutex_;
  /// What closed segments hold.
  std::unordered_map<ActorId, Entry> entries_;
  RemovedChains removed_;
  std::vector<Segment> segments_;
  std::uint64_t next_number_ = 1;
  std::atomic<std::uint64_t> segments_closed_{0};
  SecureRandom system_random_;
};

}  // namespace theater::store
