#include "engine/engine.h"

#include <algorithm>
#include <utility>

#include "base/machine.h"
#include "engine/raw.h"

namespace theater::engine {
namespace {

/// Mappings left to everything that is no instance: code, heap, threads, files.
constexpr std::uint64_t kOtherMappings = 6'000;
constexpr std::uint64_t kFullMemoryBytes = 4ull << 30;
/// Reserved for a memory on demand when address space is scarce; a memory that grows beyond moves.
constexpr std::uint64_t kSmallMemoryBytes = 1ull << 20;
/// As many 4 GiB reservations fit into what a process may address (128 TiB), with room for everything else.
constexpr std::uint64_t kFullMemorySlots = 22'000;

/// Without copy-on-write a pooled memory splits the pool's mapping in two, with it in three.
std::uint64_t mappings_per_instance(const EngineOptions& options) { return options.memory_copy_on_write ? 3 : 2; }

/// A stack and its guard page, both mapped when the pool is made.
constexpr std::uint64_t kMappingsPerStack = 2;

struct Slots {
  std::uint32_t instances;
  std::uint32_t stacks;
};

Slots slots_for(const EngineOptions& options, const Machine& machine) {
  std::uint64_t left =
      machine.mappings_max > 2 * kOtherMappings ? machine.mappings_max - kOtherMappings : machine.mappings_max / 2;
  const std::uint64_t each = mappings_per_instance(options);
  Slots slots{};
  // A quarter is left to stacks, however many instances are wanted.
  slots.instances = static_cast<std::uint32_t>(std::min<std::uint64_t>(options.instances, left * 3 / 4 / each));
  left -= slots.instances * each;
  slots.stacks =
      static_cast<std::uint32_t>(std::min<std::uint64_t>({options.stacks, slots.instances, left / kMappingsPerStack}));
  return slots;
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

te_engine_config pooling_config(const EngineOptions& options, const Slots& slots, std::uint64_t memory_bytes) {
  te_engine_config config = config_of(options);
  config.pooling = true;
  config.pool_instances = slots.instances;
  config.pool_stacks = slots.stacks;
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

std::string describe_pool(const EngineOptions& options, const Machine& machine, const te_engine_config& config) {
  std::string text = "pooling: " + std::to_string(config.pool_instances) + " instance slots, " +
                     std::to_string(config.pool_stacks) + " stacks for calls that wait, memories up to " +
                     mebibytes(config.pool_memory_bytes);
  if (config.pool_instances < options.instances) {
    text += " (" + std::to_string(options.instances) + " instances were wanted: raise vm.max_map_count, now " +
            std::to_string(machine.mappings_max) + ")";
  }
  return text;
}

}  // namespace

Engine::Engine(te_engine* raw, const te_engine_config& config, std::string description)
    : raw_(raw),
      description_(std::move(description)),
      pooling_(config.pooling),
      max_instances_(config.pool_instances),
      max_stacks_(config.pool_stacks),
      counts_fuel_(config.fuel) {}

Engine::~Engine() { te_engine_free(raw_); }

Result<std::unique_ptr<Engine>> Engine::create(const EngineOptions& options) {
  const Machine machine = look_at_machine();
  const Slots slots = slots_for(options, machine);
  std::string reason = "asked for";
  if (options.allocation != Allocation::kOnDemand) {
    const std::uint64_t first = slots.instances <= kFullMemorySlots ? kFullMemoryBytes : options.memory_bytes;
    for (const std::uint64_t memory_bytes : {first, options.memory_bytes}) {
      reason = against_pooling(machine, slots.instances, memory_bytes);
      if (!reason.empty()) continue;
      const te_engine_config config = pooling_config(options, slots, memory_bytes);
      auto raw = make(config);
      if (!raw) {
        reason = "pooling failed: " + raw.error().message();
        continue;
      }
      return std::unique_ptr<Engine>(new Engine(*raw, config, describe_pool(options, machine, config)));
    }
    if (options.allocation == Allocation::kPooling) return fail(ErrorCode::kResourceExhausted, reason);
  }
  te_engine_config config = config_of(options);
  // 4 GiB for each memory would use up a limited address space at once.
  if (machine.address_space_bytes != UINT64_MAX) config.pool_memory_bytes = kSmallMemoryBytes;
  auto raw = make(config);
  if (!raw) return std::unexpected(std::move(raw).error());
  return std::unique_ptr<Engine>(new Engine(*raw, config, "allocation on demand: " + reason));
}

std::string Engine::compatibility() const { return take_text(te_engine_compatibility(raw_)); }

}  // namespace theater::engine
