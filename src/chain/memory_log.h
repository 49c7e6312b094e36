#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/limits.h"
#include "chain/chain_snapshot.h"
#include "chain/event_sink.h"

namespace theater {

/// Keeps the latest links of a shard's actors in a ring of memory; the oldest go first, whoever they belong to. Large
/// values are kept within a second bound, the oldest going first as well. Appending allocates nothing once both are in
/// use. The shard's thread only.
class MemoryLog final : public EventSink {
 public:
  /// `link_bytes` is rounded up to whole pages and to a few of the largest links.
  explicit MemoryLog(std::size_t link_bytes = limits::kChainMemoryBytesPerShard,
                     std::size_t payload_bytes = limits::kPayloadMemoryBytesPerShard);
  ~MemoryLog() override;
  MemoryLog(const MemoryLog&) = delete;
  MemoryLog& operator=(const MemoryLog&) = delete;

  void append(const SealedLink& link, ChainHead& head) override;
  /// Memory promises nothing beyond the process: all is acknowledged at once.
  std::uint64_t acknowledged_position() const override { return end_position_; }
  Result<void> status() const override { return {}; }

  /// A copy of what is kept of the actor's chain that ends at `head`, from the link that holds `from_sequence` on, up
  /// to the one in which there are `events_max` events from there.
  ChainSnapshot snapshot(const ActorId& actor, const ChainHead& head, std::uint64_t from_sequence = 0,
                         std::uint64_t events_max = UINT64_MAX) const;

  /// A link as it lies in memory.
  struct Entry {
    ActorId actor;
    std::uint64_t first_sequence = 0;
    std::uint32_t event_count = 0;
    ByteView bytes;
    Digest hash{};
    bool memory_only = false;
    bool has_lifecycle = false;
    std::uint64_t position = 0;
    /// Where the one appended next lies, or a gap before it.
    std::uint64_t next_position = 0;
  };
  /// Another thread: the link at `position`, or the one behind the gap that begins there. It must have been appended
  /// before end_position() was handed over, and not be overwritten meanwhile: at most capacity_bytes() before the end.
  Entry entry_at(std::uint64_t position) const;
  /// Behind the link appended last.
  std::uint64_t end_position() const { return end_position_; }
  /// Most bytes that appending this link takes, a gap included.
  static std::size_t bytes_to_append(const SealedLink& link);

  std::uint64_t links_appended() const { return links_appended_; }
  std::size_t kept_payload_bytes() const { return payload_bytes_; }
  std::size_t capacity_bytes() const { return capacity_bytes_; }

 private:
  struct Record;

  std::uint64_t reserve(std::size_t bytes);
  /// Null when the position is none, or was overwritten since.
  const Record* record_at(std::uint64_t position) const;
  void keep_payload(const RecordedPayload& payload);
  void drop_oldest_payload();
  void copy_payloads_into(ChainSnapshot& snapshot) const;

  std::uint8_t* memory_ = nullptr;
  std::size_t capacity_bytes_ = 0;
  /// Bytes ever used, gaps included; the place in memory is this modulo the capacity. Starts after 0, which means
  /// "nowhere".
  std::uint64_t end_position_ = 0;
  std::uint64_t links_appended_ = 0;

  /// A ring: `payload_count_` entries from `payload_front_` on; its size is a power of two.
  std::vector<RecordedPayload> payloads_;
  std::size_t payload_front_ = 0;
  std::size_t payload_count_ = 0;
  std::size_t payload_bytes_ = 0;
  const std::size_t payload_bytes_max_;
};

}  // namespace theater
