#include "runtime/wasm_guest.h"

#include <exception>

#include "actor/actor_cell.h"
#include "actor/turn_failure.h"

namespace theater::runtime {

const te_outcome& WasmGuest::call(const te_call_args& args) {
  auto outcome = instance_.call(args);
  return outcome ? **outcome : broken(outcome.error());
}

const te_outcome& WasmGuest::resume(te_value result) {
  auto outcome = instance_.resume(result);
  return outcome ? **outcome : broken(outcome.error());
}

// The engine did not run the call at all, e.g. since a handler's result is no value of the function's type. The guest
// waits for something that cannot come, so it ends like one that trapped.
const te_outcome& WasmGuest::broken(const Error& error) {
  broken_message_ = actor::call_not_made(error);
  broken_ = {};
  broken_.status = TE_CALL_TRAPPED;
  broken_.trap = TE_TRAP_OTHER;
  broken_.message = actor::to_engine(as_bytes(broken_message_));
  return broken_;
}

Result<std::unique_ptr<actor::Guest>> make_wasm_guest(std::shared_ptr<const engine::LinkedComponent> linked,
                                                      const engine::InstanceLimits& limits, actor::ActorCell& cell) {
  auto instance = engine::Instance::create(std::move(linked), limits, &cell);
  if (!instance) return fail(std::move(instance.error()));
  return std::make_unique<WasmGuest>(std::move(*instance));
}

// The thread sanitizer lets pass whatever has one of the engine library's functions on its stack, and knows a function
// by who calls it (engine/tsan.supp). Left alone, this one keeps the library off the stacks of all that is called from
// here.
#ifdef __clang__
[[clang::disable_sanitizer_instrumentation]]
#endif
te_host_status call_host(void* cell, std::uint32_t import_index, te_value params, te_host_reply* reply) {
  // No exception may cross the engine.
  try {
    return static_cast<actor::ActorCell*>(cell)->host_call(import_index, params, reply);
  } catch (const std::exception&) {
    static constexpr std::string_view kMessage = "a handler failed";
    reply->value = {.head = actor::to_engine(as_bytes(kMessage)), .body = {}};
    return TE_HOST_TRAP;
  }
}

}  // namespace theater::runtime
