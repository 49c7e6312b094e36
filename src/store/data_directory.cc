#include "store/data_directory.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "base/check.h"
#include "chain/link_codec.h"
#include "store/directory_chain.h"

namespace theater::store {
namespace {

constexpr std::string_view kFormatFile = "theater-data";
constexpr std::string_view kFormat = "theater data 1\n";
constexpr std::string_view kLockFile = "lock";
constexpr std::string_view kSegments = "segments";
constexpr std::string_view kContent = "content";

/// The index as its own links and payloads tell; damage is left to those who read.
Result<SegmentIndex> make_index(std::unique_ptr<File> file) {
  auto scanner = SegmentScanner::open(std::move(file), {.check_content = false});
  if (!scanner) return fail(std::move(scanner.error()));
  SegmentIndex index;
  while (true) {
    auto step = (*scanner)->next();
    if (!step) return fail(std::move(step.error()));
    if (std::holds_alternative<SegmentTail>(*step)) break;
    const auto* record = std::get_if<SegmentRecord>(&*step);
    if (record == nullptr) continue;
    if (record->type == RecordType::kPayload) {
      index.payloads.push_back({record->digest, record->offset});
    }
    if (record->type != RecordType::kLink) continue;
    const chain::LinkDecoder decoder(record->content);
    if (!decoder.ok()) continue;
    const chain::LinkHeader& header = decoder.header();
    ChainPart part{.first_sequence = header.first_sequence,
                   .next_sequence = header.first_sequence + header.event_count,
                   .links = 1,
                   .previous = header.previous,
                   .head = record->digest,
                   .first_offset = record->offset,
                   .last_offset = record->offset,
                   .stopped = {}};
    note_lifecycle(record->content, record->offset, part);
    extend(index.chains[header.actor], part);
  }
  std::ranges::sort(index.payloads);
  return index;
}

}  // namespace

Result<std::unique_ptr<DataDirectory>> DataDirectory::open(const std::filesystem::path& path, Access access) {
  return open(path, access, Options());
}

Result<std::unique_ptr<DataDirectory>> DataDirectory::open(const std::filesystem::path& path, Access access,
                                                           Options options) {
  // While it is looked at its owner may remove segments that were listed.
  constexpr int kTries = 5;
  for (int tries = 1;; ++tries) {
    std::unique_ptr<DataDirectory> directory(new DataDirectory(path, access, options));
    if (auto prepared = directory->prepare(); !prepared) return fail(std::move(prepared.error()));
    auto recovered = directory->recover();
    if (recovered) return directory;
    const bool is_again = access == Access::kRead && recovered.error().code() == ErrorCode::kNotFound;
    // What was seen so far cannot be unseen.
    if (!is_again || tries == kTries || options.observer != nullptr) {
      return fail(std::move(recovered.error()).with_context("while opening " + path.string()));
    }
  }
}

bool DataDirectory::is_one(const std::filesystem::path& path) {
  const auto known = posix_file_system().exists(path / kFormatFile);
  return known && *known;
}

std::filesystem::path DataDirectory::content_path(const std::filesystem::path& path) { return path / kContent; }

DataDirectory::DataDirectory(std::filesystem::path path, Access access, Options options)
    : path_(std::move(path)),
      access_(access),
      options_(options),
      files_(*options.files),
      content_(files_, content_path(path_)) {}

DataDirectory::~DataDirectory() = default;

Result<void> DataDirectory::prepare() {
  if (access_ == Access::kWrite) {
    if (auto made = files_.make_directory(path_); !made) return made;
    auto lock = files_.lock(path_ / kLockFile);
    if (!lock) return fail(std::move(lock.error()));
    lock_ = std::move(*lock);
  }
  const auto known = files_.exists(path_ / kFormatFile);
  if (!known) return fail(known.error());
  if (*known) {
    const auto format = read_file(files_, path_ / kFormatFile, 4096);
    if (!format) return fail(format.error());
    if (as_text(*format) != kFormat) {
      return fail(ErrorCode::kInvalidArgument,
                  path_.string() + " is a data directory of another version of Theater; this one reads version 1");
    }
    if (access_ == Access::kRead) return {};
  } else {
    if (access_ == Access::kRead) {
      return fail(ErrorCode::kNotFound, path_.string() + " is no data directory: it has no file " +
                                            std::string(kFormatFile) + "; `theater run --data DIR` makes one");
    }
    auto names = files_.list(path_);
    if (!names) return fail(std::move(names.error()));
    // A first start may have been cut off anywhere before the format's file was there.
    const std::set<std::string_view> ours = {kLockFile, kSegments, kContent, "theater-data.new"};
    for (const std::string& name : *names) {
      if (ours.contains(name)) continue;
      return fail(ErrorCode::kInvalidArgument, path_.string() + " is no data directory, and not empty (" + name +
                                                   "); name a new or an empty folder");
    }
  }
  if (auto made = files_.make_directory(path_ / kSegments); !made) return made;
  if (auto made = files_.make_directory(content_path(path_)); !made) return made;
  if (*known) return {};
  // The folder's own name, in the one above; the format's file comes last, since it says that all is there.
  if (auto synced = files_.sync_directory(std::filesystem::absolute(path_).parent_path()); !synced) return synced;
  return write_file(files_, path_ / kFormatFile, as_bytes(kFormat));
}

std::filesystem::path DataDirectory::path_of(const Segment& segment) const {
  return path_ / kSegments / segment_file_name(segment.number, segment.shard);
}

Result<void> DataDirectory::recover() {
  auto names = files_.list(path_ / kSegments);
  if (!names && names.error().code() == ErrorCode::kNotFound) return {};
  if (!names) return fail(std::move(names.error()));
  for (const std::string& name : *names) {
    if (const auto parsed = parse_segment_file_name(name))
      segments_.push_back({.number = parsed->first, .shard = parsed->second});
  }
  std::ranges::sort(segments_, {}, &Segment::number);

  struct Look {
    std::uint64_t session = 0;
    std::uint64_t bytes = 0;
    bool was_closed = false;
    bool check = false;
  };
  std::vector<Look> looks(segments_.size());
  std::uint64_t unchecked_bytes = options_.check_bytes;
  // What came after a segment tells whether it was closed: a later session begins when all before are, and a shard
  // begins a segment when the one before is.
  std::uint64_t last_session = 0;
  std::set<std::pair<std::uint64_t, std::uint32_t>> later_shards;
  for (std::size_t i = segments_.size(); i-- > 0;) {
    auto file = files_.open(path_of(segments_[i]), OpenMode::kRead);
    if (!file) return fail(std::move(file.error()));
    const auto header = read_segment_header(**file);
    if (!header) return fail(header.error());
    const auto size = (*file)->size();
    if (!size) return fail(size.error());
    Look& look = looks[i];
    look.bytes = *size;
    segments_[i].created_ns = *header ? (*header)->created_ns : 0;
    look.session = *header ? (*header)->session : last_session;
    last_session = std::max(last_session, look.session);
    segments_[i].session = look.session;
    look.was_closed =
        *header && (look.session < last_session || !later_shards.emplace(look.session, segments_[i].shard).second);
    look.check = look.bytes <= unchecked_bytes;
    unchecked_bytes -= look.check ? look.bytes : unchecked_bytes;
  }
  session_ = last_session + 1;
  next_number_ = segments_.empty() ? 1 : segments_.back().number + 1;

  ChainEnds ends;
  if (auto begun = begin_with_removed(ends); !begun) return begun;
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    if (auto recovered = recover_segment(segments_[i], looks[i].was_closed, looks[i].check, ends); !recovered) {
      return fail(std::move(recovered.error()));
    }
  }
  std::erase_if(segments_, [](const Segment& segment) { return segment.number == 0; });
  for (auto& [id, entry] : entries_) {
    if (auto read = read_started(entry); !read) return read;
  }
  for (const Damage& damage : damages_) {
    if (!damage.actor) continue;
    Entry& entry = entries_[*damage.actor];
    StoredActor& actor = entry.actor;
    actor.id = *damage.actor;
    if (!actor.damage || damage.sequence < actor.damage->sequence) actor.damage = damage;
    if (damage.breaks_chain && !entry.broken) entry.broken = damage;
  }
  return {};
}

/// Chains whose beginning was removed begin where that ended.
Result<void> DataDirectory::begin_with_removed(ChainEnds& ends) {
  auto removed = read_removed(files_, path_);
  if (!removed && removed.error().code() != ErrorCode::kCorrupt) return fail(std::move(removed.error()));
  if (!removed) {
    damages_.push_back({.what = removed.error().to_string()});
    return {};
  }
  removed_ = std::move(*removed);
  for (const auto& [id, before] : removed_) {
    ends[id] = {.head = before.head, .next_sequence = before.next_sequence, .removed_before = before.next_sequence};
    Entry& entry = entries_[id];
    entry.removed_before = before.next_sequence;
    entry.actor = {.id = id,
                   .first_sequence = before.next_sequence,
                   .next_sequence = before.next_sequence,
                   .head = before.head,
                   .stopped = before.stopped};
    for (const Bytes& link : before.remnants) take_started(link, entry.actor);
  }
  return {};
}

Result<void> DataDirectory::recover_segment(Segment& segment, bool was_closed, bool check, ChainEnds& ends) {
  auto file = files_.open(path_of(segment), OpenMode::kRead);
  if (!file) return fail(std::move(file.error()));
  auto index = read_index(**file);
  if (!index) return fail(std::move(index.error()));
  if (*index && !(*index)->is_damaged && !check) {
    join_index(**index, segment.number, ends, damages_);
    join(**index, segment.number, entries_);
    return {};
  }
  const bool is_closed = index->has_value();
  auto scanner = SegmentScanner::open(std::move(*file), {.was_closed = was_closed || is_closed});
  if (!scanner) return fail(std::move(scanner.error()));
  auto scanned = scan_segment(**scanner, segment.number, ends, options_.observer);
  if (!scanned) return fail(std::move(scanned.error()).with_context(path_of(segment).string()));
  damages_.insert(damages_.end(), scanned->damages.begin(), scanned->damages.end());
  torn_bytes_ += scanned->tail.torn_bytes;
  join(scanned->index, segment.number, entries_);
  if (is_closed && scanned->damages.empty()) return {};
  // One whose end is there and whose index cannot be read stays as it is: a second end would be damage.
  const bool has_end = is_closed || was_closed || scanned->tail.closed;
  if (!has_end && access_ == Access::kWrite && (*scanner)->header()) {
    if (auto closed = end_segment(segment, *scanned, (*scanner)->take_file()); !closed) return closed;
    return {};
  }
  if (!is_closed && access_ == Access::kWrite && scanned->tail.offset == 0) {
    // Made, and cut off before its header was written.
    if (auto removed = files_.remove(path_of(segment)); !removed) return removed;
    segment.number = 0;
    return {};
  }
  segment.scanned = std::make_shared<const SegmentIndex>(std::move(scanned->index));
  return {};
}

/// Cuts what was not all written and gives the segment its end.
Result<void> DataDirectory::end_segment(const Segment& segment, const ScannedSegment& scanned,
                                        std::unique_ptr<File> file) {
  auto header = read_segment_header(*file);
  if (!header) return fail(std::move(header.error()));
  THEATER_CHECK(header->has_value());
  auto writable = files_.open(path_of(segment), OpenMode::kWrite);
  if (!writable) return fail(std::move(writable.error()));
  const SegmentTail& tail = scanned.tail;
  auto writer = SegmentWriter::go_on(std::move(*writable), **header, tail.offset, scanned.index);
  if (auto cut = writer->cut(tail.group_offset); !cut) return cut;
  if (auto closed = writer->close(scanned.index.is_damaged); !closed) return fail(std::move(closed.error()));
  return {};
}

void DataDirectory::join(const SegmentIndex& index, std::uint64_t segment,
                         std::unordered_map<ActorId, Entry>& entries) {
  for (const auto& [id, part] : index.chains) join(id, part, segment, entries[id]);
}

void DataDirectory::join(const ActorId& id, const ChainPart& part, std::uint64_t segment, Entry& entry,
                         std::shared_ptr<const OpenSegmentIndex> open) {
  if (part.next_sequence <= entry.removed_before) return;
  if (entry.places.empty()) {
    entry.actor.id = id;
    entry.actor.first_sequence = part.first_sequence;
  }
  entry.places.push_back({.segment = segment,
                          .first_sequence = part.first_sequence,
                          .next_sequence = part.next_sequence,
                          .first_offset = part.first_offset,
                          .last_offset = part.last_offset,
                          .bytes = part.bytes,
                          .open = std::move(open)});
  entry.actor.next_sequence = part.next_sequence;
  entry.actor.head = part.head;
  entry.actor.stopped = part.stopped;
  if (part.started_offset != 0) {
    entry.started_segment = segment;
    entry.started_offset = part.started_offset;
    entry.has_started = false;
  }
}

Result<void> DataDirectory::read_started(Entry& entry) const {
  if (entry.started_segment == 0 || entry.has_started) return {};
  entry.has_started = true;
  auto file = open_segment(entry.started_segment);
  if (!file) return fail(std::move(file.error()));
  const auto link = read_link(**file, entry.started_offset);
  if (!link) return fail(link.error());
  if (*link) take_started((*link)->bytes, entry.actor);
  return {};
}

void DataDirectory::take_started(ByteView link, StoredActor& actor) {
  chain::LinkDecoder decoder(link);
  chain::EventView event;
  while (decoder.next(event)) {
    const auto* started = std::get_if<chain::StartedView>(&event.body);
    if (started == nullptr) continue;
    actor.name = started->name;
    actor.start = started->reason;
    actor.start_sequence = event.sequence;
    std::ranges::copy(started->component, actor.component.begin());
    std::ranges::copy(started->manifest, actor.manifest.begin());
    actor.parent.reset();
    if (!started->parent.empty()) {
      std::array<std::uint8_t, 16> bytes;
      std::ranges::copy(started->parent, bytes.begin());
      actor.parent = ActorId(bytes);
    }
  }
}

/// With what the segments hold that are open now: as far as they are written.
std::unordered_map<ActorId, DataDirectory::Entry> DataDirectory::entries_now() const {
  std::unordered_map<ActorId, Entry> entries;
  std::vector<Segment> segments;
  {
    const std::lock_guard lock(mutex_);
    entries = entries_;
    std::ranges::copy_if(segments_, std::back_inserter(segments), &Segment::is_open);
  }
  for (const Segment& segment : segments) {
    for (const auto& [id, part] : segment.open->chains()) join(id, part, segment.number, entries[id], segment.open);
  }
  return entries;
}

/// The same of one actor. kNotFound.
Result<DataDirectory::Entry> DataDirectory::entry_now(const ActorId& id) const {
  std::optional<Entry> entry;
  std::vector<Segment> segments;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = entries_.find(id); found != entries_.end()) entry = found->second;
    std::ranges::copy_if(segments_, std::back_inserter(segments), &Segment::is_open);
  }
  for (const Segment& segment : segments) {
    const auto part = segment.open->chain(id);
    if (!part) continue;
    if (!entry) entry.emplace();
    join(id, *part, segment.number, *entry, segment.open);
  }
  if (!entry) return fail(ErrorCode::kNotFound, "no actor " + to_string(id) + " in " + path_.string());
  return std::move(*entry);
}

Result<std::vector<StoredActor>> DataDirectory::actors() const {
  auto entries = entries_now();
  std::vector<StoredActor> actors;
  for (auto& [id, entry] : entries) {
    if (auto read = read_started(entry); !read) return fail(std::move(read.error()));
    actors.push_back(std::move(entry.actor));
  }
  std::ranges::sort(actors, {}, &StoredActor::id);
  return actors;
}

Result<StoredActor> DataDirectory::actor(const ActorId& id) const {
  auto entry = entry_now(id);
  if (!entry) return fail(std::move(entry.error()));
  if (auto read = read_started(*entry); !read) return fail(std::move(read.error()));
  return std::move(entry->actor);
}

Result<std::unique_ptr<ChainSource>> DataDirectory::chain(const ActorId& id) const {
  auto entry = entry_now(id);
  if (!entry) return fail(std::move(entry.error()));
  return std::make_unique<DirectoryChain>(*this, id, std::move(entry->places), std::move(entry->broken),
                                          entry->removed_before);
}

RemovedEvents DataDirectory::removed(const ActorId& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = removed_.find(id);
  return found == removed_.end() ? RemovedEvents() : found->second;
}

RemovedChains DataDirectory::removed() const {
  const std::lock_guard lock(mutex_);
  return removed_;
}

std::optional<DataDirectory::Segment> DataDirectory::segment(std::uint64_t number) const {
  const std::lock_guard lock(mutex_);
  const auto at = std::ranges::lower_bound(segments_, number, {}, &Segment::number);
  if (at == segments_.end() || at->number != number) return std::nullopt;
  return *at;
}

Result<std::unique_ptr<File>> DataDirectory::open_segment(std::uint64_t number) const {
  const auto found = segment(number);
  if (!found) return fail(ErrorCode::kNotFound, "segment " + std::to_string(number) + " is gone");
  return files_.open(path_of(*found), OpenMode::kRead);
}

Result<std::shared_ptr<const SegmentIndex>> DataDirectory::index_of(const Segment& segment) const {
  if (segment.scanned) return segment.scanned;
  auto file = files_.open(path_of(segment), OpenMode::kRead);
  if (!file) return fail(std::move(file.error()));
  auto index = read_index(**file);
  if (!index) return fail(std::move(index.error()));
  if (*index) return std::make_shared<const SegmentIndex>(std::move(**index));
  // It was whole when the directory was opened.
  auto made = make_index(std::move(*file));
  if (!made) return fail(std::move(made.error()));
  return std::make_shared<const SegmentIndex>(std::move(*made));
}

Result<DataDirectory::SegmentPayloads> DataDirectory::payloads_of(std::uint64_t number) const {
  const auto found = segment(number);
  if (!found) return fail(ErrorCode::kNotFound, "segment " + std::to_string(number) + " is gone");
  auto file = files_.open(path_of(*found), OpenMode::kRead);
  if (!file) return fail(std::move(file.error()));
  SegmentPayloads payloads{.segment = number, .file = std::move(*file), .open = found->open, .closed = {}};
  if (payloads.open) return payloads;
  auto index = index_of(*found);
  if (!index) return fail(std::move(index.error()));
  payloads.closed = std::move(*index);
  return payloads;
}

Result<std::optional<Bytes>> DataDirectory::SegmentPayloads::find(const Digest& digest) const {
  std::optional<std::uint64_t> offset;
  if (open) {
    offset = open->payload(digest);
  } else if (const auto place = std::ranges::lower_bound(closed->payloads, digest, {}, &PayloadPlace::digest);
             place != closed->payloads.end() && place->digest == digest) {
    offset = place->offset;
  }
  if (!offset) return std::optional<Bytes>();
  auto payload = read_payload(*file, *offset, digest);
  if (payload || payload.error().code() != ErrorCode::kCorrupt) return payload;
  return fail(std::move(payload.error())
                  .with_context("segment " + std::to_string(segment) + ", byte " + std::to_string(*offset)));
}

Result<std::optional<Bytes>> DataDirectory::content(const Digest& digest) const {
  auto file = content_.get(digest, limits::kComponentBytes);
  if (file) return std::optional(std::move(*file));
  if (file.error().code() != ErrorCode::kNotFound) return fail(std::move(file.error()));
  std::vector<std::uint64_t> numbers;
  {
    const std::lock_guard lock(mutex_);
    for (const Segment& segment : segments_) numbers.push_back(segment.number);
  }
  for (std::size_t i = numbers.size(); i-- > 0;) {
    const auto payloads = payloads_of(numbers[i]);
    if (!payloads) return fail(payloads.error());
    auto found = payloads->find(digest);
    if (!found || *found) return found;
  }
  return std::optional<Bytes>();
}

Result<std::unique_ptr<SegmentWriter>> DataDirectory::begin_segment(std::uint32_t shard, std::uint64_t wall_ns) {
  THEATER_CHECK(access_ == Access::kWrite);
  SegmentHeader header{.session = session_, .shard = shard, .created_ns = wall_ns};
  // Kept to the end: segments are made in the order of their numbers.
  const std::lock_guard lock(mutex_);
  header.number = next_number_++;
  (options_.random != nullptr ? *options_.random : system_random_).fill(header.marker);
  auto writer = SegmentWriter::create(files_, path_ / kSegments, header);
  if (writer) {
    segments_.push_back({.number = header.number,
                         .shard = shard,
                         .open = (*writer)->index(),
                         .session = session_,
                         .created_ns = wall_ns,
                         .scanned = {}});
  }
  return writer;
}

Result<void> DataDirectory::close_segment(std::unique_ptr<SegmentWriter> segment) {
  const std::uint64_t number = segment->header().number;
  auto index = segment->close();
  if (!index) return fail(std::move(index.error()));
  const std::lock_guard lock(mutex_);
  join(*index, number, entries_);
  std::ranges::find(segments_, number, &Segment::number)->open.reset();
  ++segments_closed_;
  return {};
}

}  // namespace theater::store
