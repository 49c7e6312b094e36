#include "actor/gate.h"

#include <cstring>

#include "actor/shard_services.h"
#include "base/check.h"

namespace theater::actor {

Reservation MailboxGate::reserve(std::uint32_t generation, MessageKind kind, std::uint64_t bytes) {
  if (!is(generation)) return Reservation::kGone;
  if ((accepts_.load(std::memory_order_relaxed) & accepted_bit(kind)) == 0) return Reservation::kNotAccepted;
  if (bytes > max_message_bytes_.load(std::memory_order_relaxed)) return Reservation::kTooLarge;
  const std::uint64_t before = load_.fetch_add(kOneMessage + bytes, std::memory_order_relaxed);
  // A mailbox that drops its oldest takes twice as much while messages are on their way to it, and cuts itself on their
  // arrival.
  const std::uint64_t factor = drops_oldest() ? 2 : 1;
  const bool full = (before >> kByteBits) >= factor * max_messages_.load(std::memory_order_relaxed) ||
                    (before & kByteMask) + bytes > factor * max_bytes_.load(std::memory_order_relaxed);
  if (!full) return Reservation::kGranted;
  release(bytes);
  return Reservation::kFull;
}

Reservation MailboxGate::reserve_always(std::uint32_t generation, MessageKind kind, std::uint64_t bytes) {
  if (!is(generation)) return Reservation::kGone;
  if ((accepts_.load(std::memory_order_relaxed) & accepted_bit(kind)) == 0) return Reservation::kNotAccepted;
  load_.fetch_add(kOneMessage + bytes, std::memory_order_relaxed);
  return Reservation::kGranted;
}

sched::Shard& MailboxGate::shard() const { return services().shard; }

bool MailboxGate::over_limits() const { return messages() > message_limit() || bytes() > byte_limit(); }

ActorId MailboxGate::actor_id() const {
  std::array<std::uint8_t, 16> bytes;
  for (std::size_t half = 0; half < 2; ++half) {
    const std::uint64_t word = actor_id_[half].load(std::memory_order_relaxed);
    std::memcpy(bytes.data() + half * 8, &word, 8);
  }
  return ActorId(bytes);
}

MailboxGate& GateTable::take_free_gate() {
  if (free_front_ < free_.size() && free_[free_front_]->load_.load(std::memory_order_relaxed) == 0) {
    MailboxGate& gate = *free_[free_front_++];
    if (free_front_ > 1024 && free_front_ * 2 > free_.size()) {
      free_.erase(free_.begin(), free_.begin() + static_cast<std::ptrdiff_t>(free_front_));
      free_front_ = 0;
    }
    return gate;
  }
  if (size_ % kChunkGates == 0) {
    THEATER_CHECK(size_ / kChunkGates < kChunksMax);
    owned_.push_back(std::make_unique<Chunk>());
    chunks_[size_ / kChunkGates].store(owned_.back().get(), std::memory_order_release);
  }
  MailboxGate& gate = at(size_);
  gate.index_ = size_++;
  return gate;
}

ActorAddress GateTable::open(ShardServices& services, ActorCell& cell, const ActorId& id, const GateLimits& limits) {
  const std::lock_guard lock(mutex_);
  MailboxGate& gate = take_free_gate();
  gate.accepts_.store(limits.accepts, std::memory_order_relaxed);
  gate.max_bytes_.store(limits.bytes, std::memory_order_relaxed);
  gate.max_message_bytes_.store(limits.message_bytes, std::memory_order_relaxed);
  gate.max_messages_.store(limits.messages, std::memory_order_relaxed);
  gate.drop_oldest_.store(limits.drop_oldest, std::memory_order_relaxed);
  gate.waits_for_.store(0, std::memory_order_relaxed);
  for (std::size_t half = 0; half < 2; ++half) {
    std::uint64_t word;
    std::memcpy(&word, id.bytes().data() + half * 8, 8);
    gate.actor_id_[half].store(word, std::memory_order_relaxed);
  }
  gate.services_.store(&services, std::memory_order_release);
  gate.cell_ = &cell;
  const std::uint32_t generation = gate.generation_.load(std::memory_order_relaxed) + 1;
  gate.generation_.store(generation, std::memory_order_release);
  return {.gate = &gate, .generation = generation};
}

void GateTable::close(const ActorAddress& address) {
  THEATER_CHECK(address.gate->is(address.generation));
  // The generation between two actors belongs to none.
  address.gate->generation_.store(address.generation + 1, std::memory_order_release);
  address.gate->cell_ = nullptr;
  address.gate->waits_for_.store(0, std::memory_order_seq_cst);
  const std::lock_guard lock(mutex_);
  free_.push_back(address.gate);
}

ActorAddress WaitGraph::waits_for(const ActorAddress& actor) const {
  const std::uint64_t edge = actor.gate->waits_for_.load(std::memory_order_seq_cst);
  if (edge == 0 || !actor.gate->is(actor.generation)) return {};
  return {.gate = &gates_.at(static_cast<std::uint32_t>(edge >> 32) - 1),
          .generation = static_cast<std::uint32_t>(edge)};
}

std::optional<std::vector<ActorId>> WaitGraph::find_cycle(const ActorAddress& caller) const {
  std::vector<ActorId> path = {caller.gate->actor_id()};
  ActorAddress at = waits_for(caller);
  // Other edges change while this one looks; a walk that comes upon a cycle without the caller would not end by itself.
  constexpr std::size_t kStepsMax = 1'000'000;
  while (at && path.size() < kStepsMax) {
    if (at == caller) return path;
    path.push_back(at.gate->actor_id());
    at = waits_for(at);
  }
  return std::nullopt;
}

std::optional<std::vector<ActorId>> WaitGraph::wait(const ActorAddress& caller, const ActorAddress& target) {
  const std::uint64_t edge = (std::uint64_t{target.gate->index_} + 1) << 32 | target.generation;
  caller.gate->waits_for_.store(edge, std::memory_order_seq_cst);
  if (!waits_for(target) && !(caller == target)) return std::nullopt;
  const std::lock_guard lock(mutex_);
  auto cycle = find_cycle(caller);
  if (cycle) stop_waiting(caller);
  return cycle;
}

}  // namespace theater::actor
