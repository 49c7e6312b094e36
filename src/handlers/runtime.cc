#include <algorithm>
#include <cstring>

#include "actor/actor_cell.h"
#include "base/check.h"
#include "base/limits.h"
#include "chain/memory_log.h"
#include "store/data_directory.h"
#include "store/history.h"
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

/// What an event takes of an answer beside its type and data.
constexpr std::uint64_t kEventBytesMin = 32;

class RuntimeInstance final : public HandlerInstance {
 public:
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

  /// record chain { events: list<record meta-event { hash: u64, event: record event { event-type: string, parent:
  /// option<u64>, data: list<u8> } }> }. The latest events that fit the bound of a message.
  static HostStatus get_chain(const HostCall& call) {
    const auto events = events_of(actor::ActorCell::from(call.actor()));
    if (!events) return call.trap(events.error().to_string());
    std::size_t first = events->size();
    std::uint64_t bytes = 0;
    while (first > 0) {
      const Event& event = (*events)[first - 1];
      bytes += event_type(event).size() + event_data(event).size() + kEventBytesMin;
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

  /// What is kept of the actor's chain, without the turn that runs, as far back as an answer can hold. Empty when
  /// nothing is recorded.
  static Result<std::vector<Event>> events_of(const actor::ActorCell& cell) {
    const MemoryLog* log = cell.services().memory_log;
    if (log == nullptr) return std::vector<Event>();
    ChainSnapshot snapshot = log->snapshot(cell.id(), cell.chain_head());
    if (!snapshot.complete && cell.is_durable()) {
      // No event takes less of an answer.
      constexpr std::uint64_t kEventsMax = limits::kMessageMaxBytes / kEventBytesMin;
      const std::uint64_t end = cell.chain_head().next_sequence;
      const auto source = cell.services().directory->chain(cell.id());
      if (!source) return fail(source.error());
      auto joined = store::prepend(snapshot, **source, end > kEventsMax ? end - kEventsMax : 0);
      if (!joined) return fail(std::move(joined.error()));
    }
    // An update may come behind where it begins.
    const std::uint64_t begin = snapshot.links.empty() ? 0 : snapshot.links.front().first_sequence;
    const auto& former = cell.former_components();
    const auto then = std::ranges::find_if(
        former, [&](const actor::FormerComponent& component) { return begin < component.end_sequence; });
    snapshot.functions = (then == former.end() ? cell.spec() : *then->spec).functions;
    return snapshot.events();
  }
};

}  // namespace

std::span<const HandlerInterface> RuntimeHandler::imports() const {
  static const std::vector<HandlerInterface> interfaces = {
      {.name = "theater:simple/runtime", .functions = {{.name = "log"}, {.name = "get-chain"}, {.name = "shutdown"}}}};
  return interfaces;
}

Result<std::unique_ptr<HandlerInstance>> RuntimeHandler::create(const HandlerSetup&) const {
  return std::make_unique<RuntimeInstance>();
}

HandlerRegistry builtin_handlers(MessageRouter& router) {
  HandlerRegistry registry;
  // Their types and interfaces differ: adding them cannot fail.
  THEATER_CHECK(registry.add(std::make_shared<MessageServerHandler>(std::nullopt, router)));
  THEATER_CHECK(registry.add(std::make_shared<RuntimeHandler>()));
  THEATER_CHECK(registry.add(std::make_shared<TimingHandler>()));
  THEATER_CHECK(registry.add(std::make_shared<SupervisorHandler>()));
  THEATER_CHECK(registry.add(std::make_shared<RegistryHandler>(router)));
  THEATER_CHECK(registry.add(std::make_shared<TimersHandler>()));
  THEATER_CHECK(registry.add(std::make_shared<WasiHandler>()));
  return registry;
}

}  // namespace theater
