#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "sched/shard.h"
#include "theater/id.h"

namespace theater::actor {

class ActorCell;
class MailboxGate;
class ShardServices;

/// Where an actor is reached: its gate, and which of the gate's successive actors is meant.
struct ActorAddress {
  MailboxGate* gate = nullptr;
  std::uint32_t generation = 0;

  explicit operator bool() const { return gate != nullptr; }
  bool operator==(const ActorAddress&) const = default;
};

/// What starts a turn. The exported functions that a message may call, by place in an actor's table of exports.
enum class MessageKind : std::uint8_t {
  kInit = 0,
  kSend = 1,
  kRequest = 2,
  kChannelOpen = 3,
  kChannelMessage = 4,
  kChannelClose = 5,
  kPosted = 6,  ///< by a handler; further functions follow in the table
};
inline constexpr std::uint16_t kFirstPostedSlot = 6;

enum class Reservation : std::uint8_t { kGranted, kGone, kFull, kTooLarge, kNotAccepted };

/// The bounds of a mailbox and what it takes.
struct GateLimits {
  std::uint32_t messages = 0;
  std::uint64_t bytes = 0;
  std::uint64_t message_bytes = 0;
  bool drop_oldest = false;
  std::uint64_t accepts = 0;  ///< see accepted_bit()
};

/// Slots that handlers may call functions in.
inline constexpr std::uint16_t kSlotsMax = 63;

/// The bit that says in a gate that a kind of messages is taken, or that the function in a slot from kFirstPostedSlot
/// on is exported.
constexpr std::uint64_t accepted_bit(MessageKind kind) { return std::uint64_t{1} << static_cast<unsigned>(kind); }
constexpr std::uint64_t posted_bit(std::uint16_t slot) { return std::uint64_t{1} << (slot + 1u); }

/// The part of a mailbox that other threads touch: how much stands in it, and whether it is still the same actor's. A
/// message is accepted by reserving its place here; the place is given back when the message's turn starts or it is
/// dropped.
///
/// Gates are never freed while their table lives, so that an address may be kept for as long as one likes and used from
/// any thread: a gate that went to another actor has another generation.
class alignas(64) MailboxGate {
 public:
  /// Any thread. With kGranted a message of this size must follow, or release().
  Reservation reserve(std::uint32_t generation, MessageKind kind, std::uint64_t bytes);
  /// Any thread: a place regardless of the bounds, for what must not get lost (the end of a channel) and is bounded
  /// otherwise.
  Reservation reserve_always(std::uint32_t generation, MessageKind kind, std::uint64_t bytes);
  /// Any thread: gives back the place of one message.
  void release(std::uint64_t bytes) { load_.fetch_sub(kOneMessage + bytes, std::memory_order_relaxed); }

  /// The actor's shard: what is taken from here on, in bits.
  void accept(std::uint64_t bits) { accepts_.store(bits, std::memory_order_relaxed); }
  /// Any thread: the actor exports the function in this slot, from kFirstPostedSlot on.
  bool takes_posted(std::uint16_t slot) const {
    return (accepts_.load(std::memory_order_relaxed) & posted_bit(slot)) != 0;
  }

  bool is(std::uint32_t generation) const { return generation_.load(std::memory_order_acquire) == generation; }
  std::uint32_t messages() const {
    return static_cast<std::uint32_t>(load_.load(std::memory_order_relaxed) >> kByteBits);
  }
  std::uint64_t bytes() const { return load_.load(std::memory_order_relaxed) & kByteMask; }
  bool over_limits() const;
  bool drops_oldest() const { return drop_oldest_.load(std::memory_order_relaxed); }
  std::uint32_t message_limit() const { return max_messages_.load(std::memory_order_relaxed); }
  std::uint64_t byte_limit() const { return max_bytes_.load(std::memory_order_relaxed); }
  std::uint64_t message_byte_limit() const { return max_message_bytes_.load(std::memory_order_relaxed); }

  /// The shard on which the actor lives, or lived. It may be another one once the gate is another actor's, which then
  /// finds the generation wrong just as well.
  sched::Shard& shard() const;
  ShardServices& services() const { return *services_.load(std::memory_order_acquire); }
  /// The shard's thread only; null unless the generation is the current one.
  ActorCell* cell(std::uint32_t generation) const { return is(generation) ? cell_ : nullptr; }
  ActorId actor_id() const;

 private:
  friend class GateTable;
  friend class WaitGraph;
  static constexpr unsigned kByteBits = 40;
  static constexpr std::uint64_t kByteMask = (std::uint64_t{1} << kByteBits) - 1;
  static constexpr std::uint64_t kOneMessage = std::uint64_t{1} << kByteBits;

  /// Messages in the upper 24 bits, bytes in the lower 40, so that both are reserved by one addition.
  std::atomic<std::uint64_t> load_{0};
  std::atomic<std::uint32_t> generation_{0};
  std::atomic<std::uint64_t> accepts_{0};
  std::atomic<std::uint64_t> max_bytes_{0};
  std::atomic<std::uint64_t> max_message_bytes_{0};
  std::atomic<std::uint32_t> max_messages_{0};
  std::atomic<bool> drop_oldest_{false};
  std::uint32_t index_ = 0;
  std::atomic<ShardServices*> services_{nullptr};
  ActorCell* cell_ = nullptr;
  /// The gate that this actor waits for: index + 1 and generation; 0: none. See WaitGraph.
  std::atomic<std::uint64_t> waits_for_{0};
  std::array<std::atomic<std::uint64_t>, 2> actor_id_{};
};

/// All gates of a runtime. Any thread.
class GateTable {
 public:
  GateTable() = default;
  GateTable(const GateTable&) = delete;
  GateTable& operator=(const GateTable&) = delete;

  ActorAddress open(ShardServices& services, ActorCell& cell, const ActorId& id, const GateLimits& limits);
  /// From here on nobody reaches the actor. The actor's shard only.
  void close(const ActorAddress& address);
  /// The gate at this place, which some address once named.
  MailboxGate& at(std::uint32_t index) const {
    return (*chunks_[index / kChunkGates].load(std::memory_order_acquire))[index % kChunkGates];
  }

 private:
  static constexpr std::uint32_t kChunkGates = 1024;
  static constexpr std::uint32_t kChunksMax = 4096;
  using Chunk = std::array<MailboxGate, kChunkGates>;

  MailboxGate& take_free_gate();

  std::mutex mutex_;
  std::uint32_t size_ = 0;
  std::vector<std::unique_ptr<Chunk>> owned_;
  std::array<std::atomic<Chunk*>, kChunksMax> chunks_{};
  /// Closed gates, oldest first. One whose last messages are still under way is not used again yet.
  std::vector<MailboxGate*> free_;
  std::size_t free_front_ = 0;
};

/// Who waits for whom: an actor that is suspended in a request waits for the one that it asked. Finds the cycle that a
/// new request would close.
///
/// Each actor waits for one other at most, so the edges are one word in each gate. A caller first stores its own edge,
/// then follows the edges from its target: of two that close a cycle together at least one sees it (both accesses are
/// sequentially consistent), and the mutex lets the first of them give up before the second looks, so that exactly one
/// fails.
class WaitGraph {
 public:
  explicit WaitGraph(const GateTable& gates) : gates_(gates) {}

  /// The caller waits for the target from now on, unless that closes a cycle: then the actors along it, caller first,
  /// are returned and it does not wait. The caller's shard only.
  std::optional<std::vector<ActorId>> wait(const ActorAddress& caller, const ActorAddress& target);
  void stop_waiting(const ActorAddress& caller) { caller.gate->waits_for_.store(0, std::memory_order_seq_cst); }
  /// Whom this actor waits for now; null address if for nobody. Any thread.
  ActorAddress waits_for(const ActorAddress& actor) const;

 private:
  std::optional<std::vector<ActorId>> find_cycle(const ActorAddress& caller) const;

  const GateTable& gates_;
  std::mutex mutex_;
};

}  // namespace theater::actor
