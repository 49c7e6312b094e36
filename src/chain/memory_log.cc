#include "chain/memory_log.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "base/check.h"
#include "chain/link_codec.h"

namespace theater {

/// What stands in memory before a link's bytes.
struct MemoryLog::Record {
  std::uint64_t position;
  /// The same actor's link before; 0: none, or not in this log.
  std::uint64_t previous_position;
  std::uint64_t first_sequence;
  std::uint16_t event_count;
  bool memory_only;
  bool has_lifecycle;
  std::uint32_t link_bytes;
  ActorId actor;
  Digest hash;

  const std::uint8_t* bytes() const { return reinterpret_cast<const std::uint8_t*>(this + 1); }
};

namespace {

constexpr std::size_t kAlignmentBytes = 16;
/// A whole number of huge pages, and room for more than one link of any size.
constexpr std::size_t kCapacityUnitBytes = 2u << 20;
static_assert(kCapacityUnitBytes > chain::kLinkBytesMax + 4096);

constexpr std::size_t round_up(std::size_t bytes, std::size_t unit) { return (bytes + unit - 1) / unit * unit; }

}  // namespace

MemoryLog::MemoryLog(std::size_t link_bytes, std::size_t payload_bytes)
    : capacity_bytes_(round_up(std::max<std::size_t>(link_bytes, 1), kCapacityUnitBytes)),
      end_position_(capacity_bytes_),
      payload_bytes_max_(payload_bytes) {
  void* memory = mmap(nullptr, capacity_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  // Every link goes to memory that is cold by then: large pages spare it the page walk, and the first round its
  // thousands of faults.
  static_cast<void>(madvise(memory, capacity_bytes_, MADV_HUGEPAGE));
  memory_ = static_cast<std::uint8_t*>(memory);
}

MemoryLog::~MemoryLog() { munmap(memory_, capacity_bytes_); }

std::uint64_t MemoryLog::reserve(std::size_t bytes) {
  const std::size_t offset = end_position_ % capacity_bytes_;
  // A record lies in one piece: what is left at the end stays unused, and says so.
  if (offset + bytes > capacity_bytes_) {
    if (offset < capacity_bytes_) std::memset(memory_ + offset, 0, sizeof(std::uint64_t));
    end_position_ += capacity_bytes_ - offset;
  }
  const std::uint64_t position = end_position_;
  end_position_ += bytes;
  return position;
}

void MemoryLog::append(const SealedLink& link, ChainHead& head) {
  THEATER_CHECK(link.bytes.size() <= chain::kLinkBytesMax && !link.bytes.empty());
  const std::uint64_t position = reserve(round_up(sizeof(Record) + link.bytes.size(), kAlignmentBytes));
  auto* record = new (memory_ + position % capacity_bytes_) Record{
      .position = position,
      .previous_position = head.last_position,
      .first_sequence = link.first_sequence,
      .event_count = static_cast<std::uint16_t>(link.event_count),
      .memory_only = head.memory_only,
      .has_lifecycle = link.has_lifecycle,
      .link_bytes = static_cast<std::uint32_t>(link.bytes.size()),
      .actor = link.actor,
      .hash = link.hash,
  };
  std::memcpy(record + 1, link.bytes.data(), link.bytes.size());
  head.last_position = position;
  ++links_appended_;
  for (const RecordedPayload& payload : link.payloads) keep_payload(payload);
}

const MemoryLog::Record* MemoryLog::record_at(std::uint64_t position) const {
  if (position == 0 || position + capacity_bytes_ < end_position_) return nullptr;
  return std::launder(reinterpret_cast<const Record*>(memory_ + position % capacity_bytes_));
}

std::size_t MemoryLog::bytes_to_append(const SealedLink& link) {
  // The gap is smaller than the record that does not fit into it.
  return 2 * round_up(sizeof(Record) + link.bytes.size(), kAlignmentBytes);
}

MemoryLog::Entry MemoryLog::entry_at(std::uint64_t position) const {
  const auto* record = reinterpret_cast<const Record*>(memory_ + position % capacity_bytes_);
  // Only the first field of a gap was written.
  std::uint64_t own_position;
  std::memcpy(&own_position, record, sizeof(own_position));
  if (own_position == 0) return entry_at(round_up(position, capacity_bytes_));
  return {.actor = record->actor,
          .first_sequence = record->first_sequence,
          .event_count = record->event_count,
          .bytes = {record->bytes(), record->link_bytes},
          .hash = record->hash,
          .memory_only = record->memory_only,
          .has_lifecycle = record->has_lifecycle,
          .position = own_position,
          .next_position = own_position + round_up(sizeof(Record) + record->link_bytes, kAlignmentBytes)};
}

ChainSnapshot MemoryLog::snapshot(const ActorId& actor, const ChainHead& head, std::uint64_t from_sequence,
                                  std::uint64_t events_max) const {
  ChainSnapshot snapshot;
  snapshot.actor = actor;
  snapshot.head_hash = head.hash;
  snapshot.next_sequence = head.next_sequence;

  std::vector<const Record*> records;
  for (const Record* record = record_at(head.last_position); record != nullptr && record->actor == actor;
       record = record_at(record->previous_position)) {
    if (record->first_sequence + record->event_count <= from_sequence) break;
    records.push_back(record);
  }
  // The newest are in front.
  const std::uint64_t begin = records.empty() ? 0 : std::max(from_sequence, records.back()->first_sequence);
  const auto is_wanted = [&](const Record* record) {
    return record->first_sequence <= begin || record->first_sequence - begin < events_max;
  };
  records.erase(records.begin(), std::ranges::find_if(records, is_wanted));
  std::size_t bytes = 0;
  for (const Record* record : records) bytes += record->link_bytes;

  snapshot.bytes.reserve(bytes);
  snapshot.links.reserve(records.size());
  for (auto at = records.rbegin(); at != records.rend(); ++at) {
    const Record& record = **at;
    snapshot.links.push_back(
        {record.first_sequence, record.event_count, record.hash, snapshot.bytes.size(), record.link_bytes});
    snapshot.bytes.insert(snapshot.bytes.end(), record.bytes(), record.bytes() + record.link_bytes);
  }
  snapshot.complete = !snapshot.links.empty() ? snapshot.links.front().first_sequence == 0 : head.next_sequence == 0;
  copy_payloads_into(snapshot);
  return snapshot;
}

void MemoryLog::keep_payload(const RecordedPayload& payload) {
  const std::size_t size = payload.content.size();
  if (size > payload_bytes_max_) return;
  while (payload_bytes_ + size > payload_bytes_max_) drop_oldest_payload();
  if (payload_count_ == payloads_.size()) {
    std::rotate(payloads_.begin(), payloads_.begin() + static_cast<std::ptrdiff_t>(payload_front_), payloads_.end());
    payload_front_ = 0;
    payloads_.resize(std::max<std::size_t>(64, payloads_.size() * 2));
  }
  payloads_[(payload_front_ + payload_count_) & (payloads_.size() - 1)] = payload;
  ++payload_count_;
  payload_bytes_ += size;
}

void MemoryLog::drop_oldest_payload() {
  RecordedPayload& oldest = payloads_[payload_front_];
  payload_bytes_ -= oldest.content.size();
  oldest.content = Payload();
  payload_front_ = (payload_front_ + 1) & (payloads_.size() - 1);
  --payload_count_;
}

void MemoryLog::copy_payloads_into(ChainSnapshot& snapshot) const {
  const std::vector<Digest> named = snapshot.named_digests();
  if (named.empty()) return;
  std::vector<bool> found(named.size());
  for (std::size_t i = 0; i < payload_count_; ++i) {
    const RecordedPayload& payload = payloads_[(payload_front_ + i) & (payloads_.size() - 1)];
    const auto at = std::lower_bound(named.begin(), named.end(), payload.digest);
    if (at == named.end() || *at != payload.digest) continue;
    const auto index = static_cast<std::size_t>(at - named.begin());
    if (found[index]) continue;
    found[index] = true;
    snapshot.payloads.push_back(payload);
  }
  std::sort(snapshot.payloads.begin(), snapshot.payloads.end(),
            [](const RecordedPayload& a, const RecordedPayload& b) { return a.digest < b.digest; });
}

}  // namespace theater
