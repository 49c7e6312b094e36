#include <algorithm>
#include <array>

#include "actor/actor_cell.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/random.h"
#include "theater/handlers.h"

namespace theater {
namespace {

enum Function : std::uint32_t {
  kWallNow,
  kWallResolution,
  kMonotonicNow,
  kMonotonicResolution,
  kWaitUntil,
  kRandomBytes,
  kRandomNumber,
  kInsecureBytes,
  kInsecureNumber,
  kInsecureSeed,
  kOutputLine,
  kErrorLine,
};

constexpr std::uint64_t kResolutionNs = 1;

class Wasi final : public HandlerInstance {
 public:
  HostStatus call(HostCall& call) override {
    switch (static_cast<Function>(call.function())) {
      case kWallNow: return wall_time(call, call.actor().wall_ns());
      case kWallResolution: return wall_time(call, kResolutionNs);
      case kMonotonicNow: return number(call, call.actor().monotonic_ns());
      case kMonotonicResolution: return number(call, kResolutionNs);
      case kWaitUntil: return wait_until(call);
      // What is asked for as insecure may be secure.
      case kRandomBytes:
      case kInsecureBytes: return random_bytes(call);
      case kRandomNumber:
      case kInsecureNumber: return number(call, random_number(call));
      case kInsecureSeed: return seed(call);
      case kOutputLine:
      case kErrorLine: return log(call);
    }
    return call.trap("no such function");
  }

 private:
  static HostStatus number(const HostCall& call, std::uint64_t value) {
    call.result().unsigned_integer(value);
    return call.done();
  }

  /// record datetime { seconds: u64, nanoseconds: u32 }.
  static HostStatus wall_time(const HostCall& call, std::uint64_t ns) {
    call.result().unsigned_integer(ns / kNsPerSecond);
    call.result().unsigned_integer(ns % kNsPerSecond);
    return call.done();
  }

  /// The time once it is `when`. One who waits longer than anybody may asks again.
  static HostStatus wait_until(const HostCall& call) {
    ValueReader params = call.params();
    const std::uint64_t when = params.unsigned_integer();
    if (!params.done()) return call.trap("malformed parameters");
    const std::uint64_t now = call.actor().monotonic_ns();
    if (when <= now) return number(call, now);
    const std::uint64_t until = std::min(when, now + limits::kSleepMaxMs * kNsPerMs);
    Bytes time;
    ValueWriter(time).unsigned_integer(until);
    return call.suspend_until(until, std::move(time));
  }

  static RandomSource& random(const HostCall& call) { return *actor::ActorCell::from(call.actor()).services().random; }

  static std::uint64_t random_number(const HostCall& call) {
    std::array<std::uint8_t, sizeof(std::uint64_t)> bytes;
    random(call).fill(bytes);
    std::uint64_t value = 0;
    for (const std::uint8_t byte : bytes) value = value << 8 | byte;
    return value;
  }

  static HostStatus random_bytes(const HostCall& call) {
    ValueReader params = call.params();
    const std::uint64_t count = params.unsigned_integer();
    if (!params.done()) return call.trap("malformed parameters");
    if (count > limits::kRandomBytes) {
      return call.trap(std::to_string(count) + " random bytes at once: at most " +
                       std::to_string(limits::kRandomBytes) + " can be had");
    }
    Bytes bytes(count);
    random(call).fill(bytes);
    call.result().bytes(bytes);
    return call.done();
  }

  /// tuple<u64, u64>.
  static HostStatus seed(const HostCall& call) {
    call.result().unsigned_integer(random_number(call));
    call.result().unsigned_integer(random_number(call));
    return call.done();
  }

  static HostStatus log(const HostCall& call) {
    ValueReader params = call.params();
    const ByteView line = params.bytes();
    if (!params.done()) return call.trap("malformed parameters");
    call.actor().log(printable(line, limits::kLogLineBytes));
    return call.done();
  }
};

}  // namespace

std::span<const HandlerInterface> WasiHandler::imports() const {
  static const std::vector<HandlerInterface> interfaces = {
      {.name = "wasi:clocks/wall-clock", .functions = {{.name = "now"}, {.name = "resolution"}}},
      {.name = "wasi:clocks/monotonic-clock",
       .functions = {{.name = "now"}, {.name = "resolution"}, {.name = "wait-until", .suspends = true}}},
      {.name = "wasi:random/random", .functions = {{.name = "get-random-bytes"}, {.name = "get-random-u64"}}},
      {.name = "wasi:random/insecure",
       .functions = {{.name = "get-insecure-random-bytes"}, {.name = "get-insecure-random-u64"}}},
      {.name = "wasi:random/insecure-seed", .functions = {{.name = "insecure-seed"}}},
      {.name = "wasi:cli/stdout", .functions = {{.name = "write-line"}}},
      {.name = "wasi:cli/stderr", .functions = {{.name = "write-line"}}}};
  return interfaces;
}

Result<std::unique_ptr<HandlerInstance>> WasiHandler::create(const HandlerSetup&) const {
  return std::make_unique<Wasi>();
}

}  // namespace theater
