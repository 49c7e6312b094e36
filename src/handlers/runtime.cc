#include <cstring>

#include "base/limits.h"
#include "theater/handlers.h"

namespace theater {
namespace {

enum Function : std::uint32_t { kLog, kGetChain, kShutdown };

/// The interface shows an event's hash as a number: its first 8 bytes, big-endian.
std::uint64_t short_hash(const Digest& hash) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) value = value << 8 | hash[i];
  return value;
}

class RuntimeInstance final : public HandlerInstance {
 public:
  explicit RuntimeInstance(const ChainSource& chains) : chains_(chains) {}

  HostStatus call(HostCall& call) override {
    switch (static_cast<Function>(call.function())) {
      case kLog: return log(call);
      case kGetChain: return get_chain(call);
      case kShutdown: return shutdown(call);
    }
    return call.trap("no such function");
  }

 private:
  static HostStatus log(const HostCall& call) {
    ValueReader params = call.params();
    const ByteView line = params.bytes();
    if (!params.done()) return call.trap("malformed parameters");
    call.actor().log(printable(line, limits::kLogLineBytes));
    return call.done();
  }

  /// record chain { events: list<record meta-event { hash: u64, event: record event { event-type: string, parent: option<u64>,
  /// data: list<u8> } }> }. The latest events that fit the bound of a message.
  HostStatus get_chain(const HostCall& call) const {
    const auto events = chains_.events_of(call.actor());
    if (!events) return call.trap(events.error().to_string());
    std::size_t first = events->size();
    std::uint64_t bytes = 0;
    while (first > 0) {
      const Event& event = (*events)[first - 1];
      bytes += event_type(event).size() + event_data(event).size() + 32;
      if (bytes > limits::kMessageMaxBytes) break;
      --first;
    }
    ValueWriter result = call.result();
    result.unsigned_integer(events->size() - first);
    for (std::size_t i = first; i < events->size(); ++i) {
      const Event& event = (*events)[i];
      // u64 is LEB128 in canonical bytes like every other unsigned number.
      result.unsigned_integer(short_hash(event.hash));
      result.string(event_type(event));
      if (event.parent_hash) {
        result.some();
        result.unsigned_integer(short_hash(*event.parent_hash));
      } else {
        result.none();
      }
      result.bytes(event_data(event));
    }
    return call.done();
  }

  static HostStatus shutdown(const HostCall& call) {
    ValueReader params = call.params();
    std::optional<Bytes> data = params.optional_bytes();
    if (!params.done()) return call.trap("malformed parameters");
    call.actor().stop(std::move(data));
    call.result().ok();
    return call.done();
  }

  const ChainSource& chains_;
};

}  // namespace

std::span<const HandlerInterface> RuntimeHandler::imports() const {
  static const std::vector<HandlerInterface> interfaces = {
      {.name = "theater:simple/runtime", .functions = {{.name = "log"}, {.name = "get-chain"}, {.name = "shutdown"}}}};
  return interfaces;
}

Result<std::unique_ptr<HandlerInstance>> RuntimeHandler::create(const HandlerSetup&) const {
  return std::make_unique<RuntimeInstance>(chains_);
}

}  // namespace theater
