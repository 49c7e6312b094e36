#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <span>

#include "base/payload.h"
#include "base/sha256.h"
#include "theater/bytes.h"
#include "theater/error.h"
#include "theater/id.h"

namespace theater {

/// Where an actor's chain ends; lives in the actor. All zero before the first event.
struct ChainHead {
  /// Hash of the last sealed link.
  Digest hash{};
  /// Sequence of the next event; the first is 0.
  std::uint64_t next_sequence = 0;
  /// Where the sink put the actor's last link; 0: nowhere yet. Only that sink can read it.
  std::uint64_t last_position = 0;
  /// The actor's links stay in memory, whatever else the sink does with links.
  bool memory_only = false;
};

/// A large value kept apart from the link that names it by digest.
struct RecordedPayload {
  Digest digest{};
  Payload content;
};

/// A finished link, borrowed from its builder until the builder's next begin().
struct SealedLink {
  ActorId actor;
  std::uint64_t first_sequence = 0;
  std::uint32_t event_count = 0;
  /// The canonical bytes (docs/event-format.md).
  ByteView bytes;
  /// SHA-256 of `bytes`.
  Digest hash{};
  /// Content of the large values whose digests the link holds, each once for each reference.
  std::span<const RecordedPayload> payloads;
  /// It holds a started or a stopped event.
  bool has_lifecycle = false;
};

/// How a sink that writes to a disk is doing. Any thread.
struct SinkCondition {
  /// Much is not written yet: no activation should start until this is false again.
  static constexpr std::uint8_t kFull = 1;
  /// It stopped acknowledging for good; see status().
  static constexpr std::uint8_t kFailed = 2;

  std::atomic<std::uint8_t> bits{0};

  /// Neither full nor failed.
  bool is_good() const { return bits.load(std::memory_order_relaxed) == 0; }
  bool is_full() const { return (bits.load(std::memory_order_relaxed) & kFull) != 0; }
  bool has_failed() const { return (bits.load(std::memory_order_acquire) & kFailed) != 0; }
};

/// Where sealed links go. One a shard, used by that shard's thread only.
class EventSink {
 public:
  virtual ~EventSink() = default;

  /// Takes the link over (copies what it keeps) and sets head.last_position; the head's other fields were set by
  /// seal(). Positions grow with every append. Must not fail: a sink that can no longer keep links says so by status()
  /// and stops acknowledging. Must not block, but where one activation alone fills all the memory there is.
  virtual void append(const SealedLink& link, ChainHead& head) = 0;

  /// All links at positions up to this one are kept as safely as this sink promises. An effect that must not be seen
  /// before its events are safe waits until this is at least its link's position; ask again after the next round of the
  /// shard. Never goes back.
  virtual std::uint64_t acknowledged_position() const = 0;

  /// Somebody waits for this position to be acknowledged.
  virtual void hasten(std::uint64_t /*position*/) {}

  /// The error that made the sink stop acknowledging, for good.
  virtual Result<void> status() const = 0;
};

/// Keeps nothing and acknowledges all: recording is off.
class NullSink final : public EventSink {
 public:
  void append(const SealedLink&, ChainHead&) override {}
  std::uint64_t acknowledged_position() const override { return std::numeric_limits<std::uint64_t>::max(); }
  Result<void> status() const override { return {}; }
};

}  // namespace theater
