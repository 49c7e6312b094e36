#include "engine/instance.h"

#include "engine/raw.h"

namespace theater::engine {

Result<Instance> Instance::create(std::shared_ptr<const LinkedComponent> linked, const InstanceLimits& limits,
                                  void* host_context) {
  const te_instance_config config{.memory_bytes = limits.memory_bytes,
                                  .table_elements = limits.table_elements,
                                  .value_bytes = limits.value_bytes,
                                  .fuel = limits.start_fuel,
                                  .deadline_ticks = limits.start_deadline_ticks};
  te_instance* raw = nullptr;
  te_error error{};
  const te_status status = te_instance_new(linked->raw(), &config, host_context, &raw, &error);
  if (status != TE_OK) return fail(status, error);
  return Instance(raw, std::move(linked));
}

Result<const Outcome*> Instance::resume(te_value value) {
  te_error error{};
  const te_status status = te_instance_resume(raw_, value, &outcome_, &error);
  if (status != TE_OK) return failed(status, error);
  return &outcome_;
}

Result<const Outcome*> Instance::abort(std::string_view message) {
  te_error error{};
  const te_status status = te_instance_abort(raw_, to_raw(message), &outcome_, &error);
  if (status != TE_OK) return failed(status, error);
  return &outcome_;
}

std::unexpected<Error> Instance::failed(te_status status, te_error& error) { return fail(status, error); }

std::string_view to_string(te_trap trap) {
  switch (trap) {
    case TE_TRAP_NONE: return "none";
    case TE_TRAP_UNREACHABLE: return "unreachable";
    case TE_TRAP_OUT_OF_FUEL: return "out-of-fuel";
    case TE_TRAP_INTERRUPTED: return "interrupted";
    case TE_TRAP_STACK_OVERFLOW: return "stack-overflow";
    case TE_TRAP_MEMORY_OUT_OF_BOUNDS: return "memory-out-of-bounds";
    case TE_TRAP_TABLE_OUT_OF_BOUNDS: return "table-out-of-bounds";
    case TE_TRAP_INDIRECT_CALL: return "indirect-call";
    case TE_TRAP_ARITHMETIC: return "arithmetic";
    case TE_TRAP_HOST: return "host";
    case TE_TRAP_ABI: return "abi";
    case TE_TRAP_VALUE_TOO_LARGE: return "value-too-large";
    case TE_TRAP_OTHER: break;
  }
  return "other";
}

}  // namespace theater::engine
