#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "theater/error.h"
#include "theater_engine.h"

namespace theater::engine {

/// Where instances' memories, tables and stacks come from.
enum class Allocation : std::uint8_t {
  kAutomatic,  ///< slots if the machine allows them, else on demand
  kPooling,    ///< slots reserved at start: quick to take and few memory mappings
  kOnDemand,   ///< mapped for each instance
};

struct EngineOptions {
  Allocation allocation = Allocation::kAutomatic;
  /// Slots to reserve when pooling; fewer if the machine's mapping limit does not allow as many.
  std::uint32_t instances = 20'000;
  /// Stacks for calls that may suspend, each kept by its instance for good; fewer if the machine's mapping limit does
  /// not allow as many beside the instances.
  std::uint32_t stacks = 20'000;
  /// Address space for one memory where the 4 GiB that need no bounds checks cannot be had.
  std::uint64_t memory_bytes = 256ull << 20;
  /// Initialise memories by mapping the component's data: saves copying it, costs one mapping an instance.
  bool memory_copy_on_write = false;
  /// Count fuel: a bound on work that is the same at every run.
  bool fuel = true;
  /// The guest's stack; deeper recursion traps.
  std::uint64_t stack_bytes = 512ull << 10;
  /// Compile one component on all cores.
  bool parallel_compilation = true;
};

/// The compiler, its settings and the allocator of instances: one a process. Any thread. It owns no thread: someone
/// calls tick() once an epoch. Components and instances may outlive it.
class Engine final {
 public:
  /// Looks at the machine's limits and falls back to smaller reservations, in the end to allocation on demand.
  static Result<std::unique_ptr<Engine>> create(const EngineOptions& options);

  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// What was chosen and why, in a line for the log.
  const std::string& describe() const { return description_; }
  bool pooling() const { return pooling_; }
  /// Slots when pooling; 0: bounded by the machine only.
  std::uint32_t max_instances() const { return max_instances_; }
  std::uint32_t max_stacks() const { return max_stacks_; }
  /// Whether compiled code counts fuel.
  bool counts_fuel() const { return counts_fuel_; }

  /// One epoch has passed: instances whose deadline is reached trap.
  void tick() const { te_engine_tick(raw_); }

  /// Equal for engines that may share compiled code.
  std::string compatibility() const;

  const te_engine* raw() const { return raw_; }

 private:
  Engine(te_engine* raw, const te_engine_config& config, std::string description);

  te_engine* raw_;
  std::string description_;
  bool pooling_;
  std::uint32_t max_instances_;
  std::uint32_t max_stacks_;
  bool counts_fuel_;
};

}  // namespace theater::engine
