#include "engine/engine.h"

#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <utility>

#include "engine/raw.h"

namespace theater::engine {
namespace {

/// Linux' default where the file cannot be read.
constexpr std::uint64_t kDefaultMappings = 65'530;
/// Mappings left to everything that is no instance: code, heap, threads, files.
constexpr std::uint64_t kOtherMappings = 6'000;
constexpr std::uint64_t kFullMemoryBytes = 4ull << 30;
/// As many 4 GiB reservations fit into what a process may address, with room for everything else.
constexpr std::uint64_t kFullMemorySlots = 24'000;

struct Machine {
  std::uint64_t mappings;
  std::uint64_t address_space_bytes;  ///< UINT64_MAX: no limit of this process
};

Machine look_at_machine() {
  Machine machine{.mappings = kDefaultMappings, .address_space_bytes = UINT64_MAX};
  std::ifstream("/proc/sys/vm/max_map_count") >> machine.mappings;
  if (machine.mappings == 0) machine.mappings = kDefaultMappings;
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    machine.address_space_bytes = limit.rlim_cur;
  }
  return machine;
}

/// Without copy-on-write a pooled memory splits the pool's mapping in two, with it in three.
std::uint64_t mappings_per_instance(const EngineOptions& options) { return options.memory_copy_on_write ? 3 : 2; }

std::uint32_t slots_for(const EngineOptions& options, const Machine& machine) {
  const std::uint64_t usable = machine.mappings > 2 * kOtherMappings ? machine.mappings - kOtherMappings : machine.mappings / 2;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(options.instances, usable / mappings_per_instance(options)));
}

te_engine_config config_of(const EngineOptions& options) {
  return {.pooling = false,
          .pool_instances = 0,
          .pool_stacks = 0,
          .pool_memory_bytes = 0,
          .memory_copy_on_write = options.memory_copy_on_write,
          .fuel = options.fuel,
          .stack_bytes = options.stack_bytes,
          .parallel_compilation = options.parallel_compilation};
}

te_engine_config pooling_config(const EngineOptions& options, std::uint32_t slots, std::uint64_t memory_bytes) {
  te_engine_config config = config_of(options);
  config.pooling = true;
  config.pool_instances = slots;
  config.pool_stacks = slots;
  config.pool_memory_bytes = memory_bytes;
  return config;
}

Result<te_engine*> make(const te_engine_config& config) {
  te_engine* raw = nullptr;
  te_error error{};
  const te_status status = te_engine_new(&config, &raw, &error);
  if (status != TE_OK) return fail(status, error);
  return raw;
}

std::string mebibytes(std::uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

/// Why pooling is out of the question, or nothing.
std::string against_pooling(const Machine& machine, std::uint32_t slots, std::uint64_t memory_bytes) {
  if (slots == 0) return "no instances are wanted";
  if (machine.address_space_bytes / slots < memory_bytes) {
    return "the address space limit of " + mebibytes(machine.address_space_bytes) + " (ulimit -v) has no room for " +
           std::to_string(slots) + " memories of " + mebibytes(memory_bytes);
  }
  return {};
}

}  // namespace

Engine::Engine(te_engine* raw, std::string description, bool pooling, std::uint32_t max_instances, bool counts_fuel)
    : raw_(raw),
      description_(std::move(description)),
      pooling_(pooling),
      max_instances_(max_instances),
      counts_fuel_(counts_fuel) {}

Engine::~Engine() { te_engine_free(raw_); }

Result<std::unique_ptr<Engine>> Engine::create(const EngineOptions& options) {
  const Machine machine = look_at_machine();
  const std::uint32_t slots = slots_for(options, machine);
  std::string reason = "asked for";
  if (options.allocation != Allocation::kOnDemand) {
    const std::uint64_t first = slots <= kFullMemorySlots ? kFullMemoryBytes : options.memory_bytes;
    for (const std::uint64_t memory_bytes : {first, options.memory_bytes}) {
      reason = against_pooling(machine, slots, memory_bytes);
      if (!reason.empty()) continue;
      auto raw = make(pooling_config(options, slots, memory_bytes));
      if (!raw) {
        reason = "pooling failed: " + raw.error().message();
        continue;
      }
      std::string text = "pooling: " + std::to_string(slots) + " instance slots, memories up to " + mebibytes(memory_bytes);
      if (slots < options.instances) {
        text += " (" + std::to_string(options.instances) + " were wanted: raise vm.max_map_count, now " +
                std::to_string(machine.mappings) + ")";
      }
      return std::unique_ptr<Engine>(new Engine(*raw, std::move(text), true, slots, options.fuel));
    }
    if (options.allocation == Allocation::kPooling) return fail(ErrorCode::kResourceExhausted, reason);
  }
  te_engine_config config = config_of(options);
  // 4 GiB for each memory would use up a limited address space at once.
  if (machine.address_space_bytes != UINT64_MAX) config.pool_memory_bytes = 1u << 20;
  auto raw = make(config);
  if (!raw) return std::unexpected(std::move(raw).error());
  return std::unique_ptr<Engine>(new Engine(*raw, "allocation on demand: " + reason, false, 0, options.fuel));
}

std::string Engine::compatibility() const { return take_text(te_engine_compatibility(raw_)); }

}  // namespace theater::engine
