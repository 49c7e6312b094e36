#include "base/machine.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <thread>

namespace theater {
namespace {

/// Linux' default.
constexpr std::uint64_t kDefaultMappings = 65'530;

template <class Number>
std::optional<Number> read_number(const std::string& path) {
  Number number{};
  // "max" is no number.
  if (!(std::ifstream(path) >> number)) return std::nullopt;
  return number;
}

std::uint64_t page_bytes() { return static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)); }

std::uint64_t available_bytes() {
  std::ifstream file("/proc/meminfo");
  std::string key;
  std::uint64_t kibibytes = 0;
  std::string unit;
  while (file >> key >> kibibytes) {
    if (key == "MemAvailable:") return kibibytes << 10;
    std::getline(file, unit);
  }
  return 0;
}

/// A group is bounded by those that it lies in as well.
std::optional<std::uint64_t> group_memory_bytes() {
  std::optional<std::uint64_t> least;
  const auto look_at = [&](const std::string& path) {
    const auto bytes = read_number<std::uint64_t>(path);
    if (bytes) least = std::min(least.value_or(*bytes), *bytes);
  };
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    // Version 2: "0::/a/b". Version 1: "7:memory:/a/b".
    const bool is_unified = line.starts_with("0::");
    const std::size_t colon = line.rfind(':');
    if (!is_unified && line.find(":memory:") == std::string::npos) continue;
    const std::string root = is_unified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
    const std::string file = is_unified ? "/memory.max" : "/memory.limit_in_bytes";
    std::string group = line.substr(colon + 1);
    for (; group.starts_with('/') && group != "/"; group.resize(group.rfind('/'))) look_at(root + group + file);
    look_at(root + file);
  }
  return least;
}

}  // namespace

Machine look_at_machine() {
  Machine machine;
  machine.processors = std::max(1u, std::thread::hardware_concurrency());
  machine.memory_bytes = static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) * page_bytes();
  machine.available_bytes = available_bytes();
  machine.group_memory_bytes = group_memory_bytes();
  machine.mappings_max = read_number<std::uint64_t>("/proc/sys/vm/max_map_count").value_or(kDefaultMappings);
  if (machine.mappings_max == 0) machine.mappings_max = kDefaultMappings;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    machine.open_files_max = limit.rlim_cur;
    machine.open_files_hard_max = limit.rlim_max;
  }
  if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
    machine.address_space_bytes = limit.rlim_cur;
  return machine;
}

std::uint64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t pages = 0;
  std::uint64_t resident = 0;
  file >> pages >> resident;
  return resident * page_bytes();
}

}  // namespace theater
