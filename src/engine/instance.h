#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "base/limits.h"
#include "engine/linked_component.h"

namespace theater::engine {

/// What an instance may use up, and what making it may.
struct InstanceLimits {
  std::uint64_t memory_bytes = limits::kMemoryBytes;                              ///< linear memories together
  std::uint32_t table_elements = limits::kTableElements;                          ///< tables together
  std::uint64_t value_bytes = limits::kMessageMaxBytes + limits::kStateMaxBytes;  ///< one value from the guest
  std::uint64_t start_fuel = limits::kFuelPerTurn;                                ///< UINT64_MAX: no bound
  std::uint64_t start_deadline_ticks = UINT64_MAX;                                ///< epochs; UINT64_MAX: no bound

  /// Those of an actor whose manifest has these limits. Whatever they decide, a replay must decide again.
  static InstanceLimits of_actor(std::uint64_t memory_bytes, std::uint32_t table_elements,
                                 std::uint64_t message_max_bytes, std::uint64_t fuel_per_turn) {
    InstanceLimits limits;
    limits.memory_bytes = memory_bytes;
    limits.table_elements = table_elements;
    limits.value_bytes = message_max_bytes + limits::kStateMaxBytes;
    limits.start_fuel = fuel_per_turn;
    return limits;
  }
};

/// How a call went. All that it points to is valid until the instance's next call, resume or abort.
using Outcome = te_outcome;

/// One live instance with its memory. One thread at a time; not from within its own host callback.
class Instance final {
 public:
  /// Makes an instance and runs its start functions. `host_context` goes to the host callback and must outlive it.
  static Result<Instance> create(std::shared_ptr<const LinkedComponent> linked, const InstanceLimits& limits,
                                 void* host_context);

  Instance(Instance&& other) noexcept
      : raw_(std::exchange(other.raw_, nullptr)), linked_(std::move(other.linked_)), outcome_(other.outcome_) {}
  Instance& operator=(Instance&& other) noexcept {
    std::swap(raw_, other.raw_);
    std::swap(linked_, other.linked_);
    std::swap(outcome_, other.outcome_);
    return *this;
  }
  /// Also ends a suspended call.
  ~Instance() {
    if (raw_ != nullptr) te_instance_free(raw_);
  }

  /// Starts a call. An error is the caller's: the instance has not run and is as before.
  Result<const Outcome*> call(const te_call_args& args) {
    te_error error{};
    const te_status status = te_instance_call(raw_, &args, &outcome_, &error);
    if (status != TE_OK) [[unlikely]]
      return failed(status, error);
    return &outcome_;
  }

  /// Answers the pending host call with its result and goes on.
  Result<const Outcome*> resume(te_value value);
  /// Makes the pending host call trap, and with it the call.
  Result<const Outcome*> abort(std::string_view message);

  /// Linear memory in use.
  std::uint64_t memory_bytes() const { return te_instance_memory_bytes(raw_); }
  const LinkedComponent& linked() const { return *linked_; }

 private:
  Instance(te_instance* raw, std::shared_ptr<const LinkedComponent> linked) : raw_(raw), linked_(std::move(linked)) {}
  static std::unexpected<Error> failed(te_status status, te_error& error);

  te_instance* raw_;
  std::shared_ptr<const LinkedComponent> linked_;
  Outcome outcome_{};
};

/// The trap's name in JSON and logs, e.g. "out-of-fuel".
std::string_view to_string(te_trap trap);

}  // namespace theater::engine
