#include <limits>

#include "base/clock.h"
#include "handlers/builtin_schema.h"
#include "theater/handlers.h"

namespace theater {
namespace {

enum Function : std::uint32_t { kNow, kSleep, kDeadline };

constexpr std::uint64_t kMaxSleepMs = 3'600'000;
constexpr std::uint64_t kMinSleepMs = 1;
/// Beyond this a time in milliseconds has no value in nanoseconds.
constexpr std::uint64_t kMaxTimestampMs = std::numeric_limits<std::uint64_t>::max() / kNsPerMs;

class Timing final : public HandlerInstance {
 public:
  Timing(std::uint64_t min_sleep_ms, std::uint64_t max_sleep_ms)
      : min_sleep_ms_(min_sleep_ms), max_sleep_ms_(max_sleep_ms) {}

  HostStatus call(HostCall& call) override {
    ValueReader params = call.params();
    if (call.function() == kNow) {
      call.result().unsigned_integer(call.actor().wall_ns() / kNsPerMs);
      return call.done();
    }
    const std::uint64_t milliseconds = params.unsigned_integer();
    if (!params.done()) return call.trap("malformed parameters");
    return call.function() == kSleep ? sleep(call, milliseconds) : deadline(call, milliseconds);
  }

 private:
  static HostStatus wait(const HostCall& call, std::uint64_t ms) {
    Bytes ok;
    ValueWriter(ok).ok();
    return call.suspend_until(call.actor().monotonic_ns() + ms * kNsPerMs, std::move(ok));
  }

  HostStatus too_long(const HostCall& call, std::uint64_t ms) const {
    return call.done_with_error("Duration too long: " + std::to_string(ms) + " ms exceeds maximum of " +
                                std::to_string(max_sleep_ms_) + " ms");
  }

  HostStatus sleep(const HostCall& call, std::uint64_t ms) const {
    if (ms > max_sleep_ms_) return too_long(call, ms);
    if (ms < min_sleep_ms_) {
      return call.done_with_error("Duration too short: " + std::to_string(ms) + " ms is below minimum of " +
                                  std::to_string(min_sleep_ms_) + " ms");
    }
    return wait(call, ms);
  }

  HostStatus deadline(const HostCall& call, std::uint64_t timestamp_ms) const {
    if (timestamp_ms > kMaxTimestampMs) {
      return call.done_with_error("Invalid deadline: " + std::to_string(timestamp_ms) +
                                  " is not a time in milliseconds");
    }
    const std::uint64_t now_ms = call.actor().wall_ns() / kNsPerMs;
    if (timestamp_ms <= now_ms) {
      call.result().ok();
      return call.done();
    }
    // Measured once by the wall clock; the wait itself does not follow its jumps.
    const std::uint64_t ms = timestamp_ms - now_ms;
    return ms > max_sleep_ms_ ? too_long(call, ms) : wait(call, ms);
  }

  const std::uint64_t min_sleep_ms_;
  const std::uint64_t max_sleep_ms_;
};

}  // namespace

std::span<const HandlerInterface> TimingHandler::imports() const {
  static const std::vector<HandlerInterface> interfaces = {
      {.name = "theater:simple/timing",
       .functions = {{.name = "now"}, {.name = "sleep", .suspends = true}, {.name = "deadline", .suspends = true}}}};
  return interfaces;
}

HandlerSchema TimingHandler::schema() const { return handlers::builtin_schema(type()); }

Result<std::unique_ptr<HandlerInstance>> TimingHandler::create(const HandlerSetup& setup) const {
  const std::uint64_t min_ms = setup.config.unsigned_integer("min_sleep_duration").value_or(kMinSleepMs);
  const std::uint64_t max_ms = setup.config.unsigned_integer("max_sleep_duration").value_or(kMaxSleepMs);
  // A parent may leave no length between them: then every sleep is refused.
  return std::make_unique<Timing>(min_ms, max_ms);
}

}  // namespace theater
