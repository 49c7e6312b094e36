#include "slow_disk.h"

#include <gtest/gtest.h>

#include <array>

#include "chain/link_codec.h"
#include "sched/task.h"

namespace theater::testing {

void SafeChains::is_safe(const ActorId& actor, std::uint64_t next_sequence) {
  const std::lock_guard lock(mutex_);
  next_sequences_[actor] = next_sequence;
}

void SafeChains::check_causes(ByteView link) {
  chain::LinkDecoder decoder(link);
  chain::EventView event;
  while (decoder.next(event)) {
    const auto* call = std::get_if<chain::CallView>(&event.body);
    if (call == nullptr || call->cause_actor.empty()) continue;
    std::array<std::uint8_t, 16> id;
    std::ranges::copy(call->cause_actor, id.begin());
    const std::lock_guard lock(mutex_);
    EXPECT_LT(call->cause_sequence, next_sequences_[ActorId(id)]) << "a message was seen before its sending was safe";
  }
}

void SlowDisk::append(const SealedLink& link, ChainHead& head) {
  safe_.check_causes(link.bytes);
  log_.append(link, head);
  waiting_.push_back({head.last_position, link.actor, link.first_sequence + link.event_count});
}

Result<void> SlowDisk::status() const {
  if (condition_.has_failed()) return fail(ErrorCode::kIo, "the disk failed");
  return {};
}

void SlowDisk::hasten(std::uint64_t position) {
  shard_.post(*new sched::Task([this, position] {
    if (condition_.has_failed()) return;
    acknowledged_ = std::max(acknowledged_, position);
    for (; !waiting_.empty() && waiting_.front().position <= acknowledged_; waiting_.pop_front()) {
      safe_.is_safe(waiting_.front().actor, waiting_.front().next_sequence);
    }
    progress_();
  }));
}

void SlowDisk::fail_for_good() {
  condition_.bits.fetch_or(SinkCondition::kFailed);
  progress_();
}

void SlowDisk::set_full(bool is_full) {
  if (is_full) {
    condition_.bits.fetch_or(SinkCondition::kFull);
  } else {
    condition_.bits.fetch_and(static_cast<std::uint8_t>(~SinkCondition::kFull));
    progress_();
  }
}

}  // namespace theater::testing
