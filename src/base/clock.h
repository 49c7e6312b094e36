#pragma once

#include <cstdint>

namespace theater {

/// Where time comes from; passed in, so that a test can pass its own. Any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  /// Nanoseconds since the Unix epoch; may jump when the machine's clock is set.
  virtual std::uint64_t wall_ns() const = 0;
  /// Nanoseconds since some fixed instant; never goes back. Timers use this one.
  virtual std::uint64_t monotonic_ns() const = 0;
};

/// The machine's clocks.
class SystemClock final : public Clock {
 public:
  std::uint64_t wall_ns() const override;
  std::uint64_t monotonic_ns() const override;
};

inline constexpr std::uint64_t kNsPerUs = 1'000;
inline constexpr std::uint64_t kNsPerMs = 1'000'000;
inline constexpr std::uint64_t kNsPerSecond = 1'000'000'000;

}  // namespace theater
