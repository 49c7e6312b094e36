#include "base/limits.h"
#include "base/machine.h"
#include "runtime/runtime_core.h"

// How many actors may live, and how much memory they may use, together.
namespace theater::runtime {
namespace {

/// How often it is looked how much memory the process uses, while actors start.
constexpr std::uint64_t kResidentPaceNs = 10 * kNsPerMs;

}  // namespace

std::uint64_t RuntimeCore::memory_bytes_of(const ActorLimits& limits) {
  return limits.memory_bytes + limits.table_elements * limits::kTableElementBytes;
}

void RuntimeCore::count_in(Entry& entry) {
  ++living_;
  guest_memory_bytes_ += entry.memory_bytes;
}

void RuntimeCore::count_out(Entry& entry) {
  --living_;
  guest_memory_bytes_ -= entry.memory_bytes;
}

Result<void> RuntimeCore::check_room(const ActorLimits& limits) {
  if (living_ >= options_.actors_max) {
    return fail(ErrorCode::kResourceExhausted,
                "there are " + std::to_string(living_) + " actors already, the most allowed (actors_max)");
  }
  const std::uint64_t wanted = memory_bytes_of(limits);
  if (options_.guest_memory_bytes && guest_memory_bytes_ + wanted > *options_.guest_memory_bytes) {
    return fail(ErrorCode::kResourceExhausted,
                "the actors that live may use " + std::to_string(guest_memory_bytes_) +
                    " bytes of memory and this one " + std::to_string(wanted) + " more, over the " +
                    std::to_string(*options_.guest_memory_bytes) +
                    " allowed together (guest_memory_bytes); lower limits.memory in manifests, or raise it");
  }
  const std::uint64_t now_ns = clock_.monotonic_ns();
  if (resident_looked_ns_ == 0 || now_ns - resident_looked_ns_ >= kResidentPaceNs) {
    resident_bytes_ = resident_bytes();
    resident_looked_ns_ = now_ns;
  }
  if (resident_bytes_ <= resident_bytes_max_) return {};
  return fail(ErrorCode::kResourceExhausted, "this process uses " + std::to_string(resident_bytes_) +
                                                 " bytes of memory, and starts no actor above " +
                                                 std::to_string(resident_bytes_max_) + " (resident_bytes_max)");
}

bool RuntimeCore::wait_for_room(Beginning& beginning) {
  const std::uint64_t now_ns = clock_.monotonic_ns();
  const bool has_waited = beginning.deadline_ns != 0;
  const bool can_ever_be =
      memory_bytes_of(beginning.spec->manifest.limits) <= options_.guest_memory_bytes.value_or(UINT64_MAX);
  if (options_.over_limit != OverLimit::kWait || ending_ || !can_ever_be) return false;
  if (has_waited ? now_ns >= beginning.deadline_ns : waiting_.size() >= limits::kStartsWaiting) return false;
  if (!has_waited) beginning.deadline_ns = now_ns + options_.start_wait_ms * kNsPerMs;
  waiting_.push_back(std::move(beginning));
  waiting_count_ = waiting_.size();
  return true;
}

void RuntimeCore::admit_waiting() {
  while (waiting_count_ > 0) {
    Beginning next;
    {
      const std::lock_guard lock(actors_mutex_);
      if (waiting_.empty()) return;
      const bool is_due = clock_.monotonic_ns() >= waiting_.front().deadline_ns;
      if (!is_due && !check_room(waiting_.front().spec->manifest.limits)) return;
      next = std::move(waiting_.front());
      waiting_.pop_front();
      waiting_count_ = waiting_.size();
    }
    start_actor(std::move(next));
  }
}

void RuntimeCore::refuse_waiting() {
  std::deque<Beginning> refused;
  {
    const std::lock_guard lock(actors_mutex_);
    ending_ = true;
    refused = std::exchange(waiting_, {});
    waiting_count_ = 0;
  }
  for (const Beginning& beginning : refused) beginning.done(fail(ErrorCode::kUnavailable, "all actors are ending"));
}

}  // namespace theater::runtime
