#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/instance.h"
#include "theater/bytes.h"
#include "theater/value.h"

namespace theater {

/// What a call of a guest came to, copied.
struct GuestOutcome {
  te_call_status status = TE_CALL_RETURNED;
  te_trap trap = TE_TRAP_NONE;
  /// The new state, if the guest keeps one.
  std::optional<Bytes> state;
  /// Canonical bytes of what follows the state.
  Bytes result;
  /// The guest's error string, or what the trap was.
  std::string message;
};

/// One guest on the bare engine, with a host that notes its calls and answers each the same way. For tests of the
/// SDKs and their components; one thread.
class GuestHarness {
 public:
  /// A host call as the guest made it: "interface.function" without the package, and the parameters' canonical bytes.
  struct HostCall {
    std::string function;
    Bytes params;
  };

  static std::unique_ptr<GuestHarness> load(const std::string& component_file);

  /// The answer of a host function, in canonical bytes, from now on; ok without payload unless given.
  void answer(const std::string& function, Bytes result) { answers_[function] = std::move(result); }

  /// Each passes the state that the last successful call returned.
  GuestOutcome init(std::string_view id);
  GuestOutcome send(std::string_view message);
  GuestOutcome request(std::string_view id, std::string_view message);
  GuestOutcome channel_open(std::string_view channel, std::string_view message);
  GuestOutcome channel_message(std::string_view channel, std::string_view message);
  GuestOutcome channel_close(std::string_view channel);

  /// Any export by its names, with the canonical bytes of its parameters.
  GuestOutcome call(std::string_view interface, std::string_view function, const Bytes& params);

  std::vector<HostCall>& host_calls() { return host_calls_; }
  void set_state(std::optional<Bytes> state) { state_ = std::move(state); }
  const std::optional<Bytes>& state() const { return state_; }
  void set_fuel(std::uint64_t fuel) { fuel_ = fuel; }
  std::uint64_t fuel_used() const { return fuel_used_; }
  const engine::Component& component() const { return *component_; }
  std::uint64_t memory_bytes() const { return instance_->memory_bytes(); }
  /// Makes the instance, unless a call has done so; an error is what the engine says.
  Result<void> instantiate();

 private:
  GuestHarness() = default;
  static te_host_status on_host_call(void* harness, std::uint32_t import, te_value params, te_host_reply* reply);

  std::unique_ptr<engine::Engine> engine_;
  std::shared_ptr<const engine::Component> component_;
  std::shared_ptr<const engine::LinkedComponent> linked_;
  std::optional<engine::Instance> instance_;
  std::optional<Bytes> state_;
  std::map<std::string, Bytes> answers_;
  std::vector<HostCall> host_calls_;
  std::uint64_t fuel_ = 100'000'000;
  std::uint64_t fuel_used_ = 0;
};

}  // namespace theater
