#pragma once

#include <cstdint>
#include <optional>

namespace theater {

/// What the machine, and the limits of this process, allow.
struct Machine {
  std::uint32_t processors = 1;
  std::uint64_t memory_bytes = 0;
  /// What can be had without swapping.
  std::uint64_t available_bytes = 0;
  /// The smallest bound of the control groups that this process is in.
  std::optional<std::uint64_t> group_memory_bytes;
  /// vm.max_map_count.
  std::uint64_t mappings_max = 0;
  std::uint64_t open_files_max = 0;
  /// To which the process may raise it by itself.
  std::uint64_t open_files_hard_max = 0;
  /// UINT64_MAX: no bound of this process.
  std::uint64_t address_space_bytes = UINT64_MAX;

  /// What a process may use before it is ended for want of memory.
  std::uint64_t usable_memory_bytes() const {
    return group_memory_bytes && *group_memory_bytes < memory_bytes ? *group_memory_bytes : memory_bytes;
  }
};

/// Reads it from /proc, /sys and the process's limits; what cannot be read stays as Linux has it by default. Any
/// thread.
Machine look_at_machine();

/// Memory that this process has in use now. Any thread.
std::uint64_t resident_bytes();

}  // namespace theater
