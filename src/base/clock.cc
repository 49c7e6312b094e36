#include "base/clock.h"

#include <ctime>

namespace theater {
namespace {

std::uint64_t read(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * kNsPerSecond + static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace

std::uint64_t SystemClock::wall_ns() const { return read(CLOCK_REALTIME); }
std::uint64_t SystemClock::monotonic_ns() const { return read(CLOCK_MONOTONIC); }

}  // namespace theater
