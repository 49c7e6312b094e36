#include "handlers/supervisor.h"

#include <array>
#include <vector>

#include "actor/actor_cell.h"
#include "base/clock.h"
#include "base/limits.h"
#include "sched/task.h"
#include "theater/handlers.h"

namespace theater {
namespace handlers {

using actor::ChildOrder;

namespace {

enum Function : std::uint32_t {
  kSpawn,
  kResume,
  kListChildren,
  kStopChild,
  kRestartChild,
  kGetChildState,
  kGetChildEvents,
};

constexpr std::array<ChildOrder::What, 7> kOrders = {
    ChildOrder::What::kSpawn,   ChildOrder::What::kResume, ChildOrder::What::kList,  ChildOrder::What::kStop,
    ChildOrder::What::kRestart, ChildOrder::What::kState,  ChildOrder::What::kEvents};

Bytes error_result(std::string_view text) {
  Bytes result;
  ValueWriter(result).error(text);
  return result;
}

/// Every function asks the runtime, which knows all actors, and waits for its answer.
class Supervisor final : public HandlerInstance {
 public:
  HostStatus call(HostCall& call) override {
    if (call.function() >= kOrders.size()) return call.trap("no such function");
    ChildOrder order;
    order.what = kOrders[call.function()];
    order.parent = call.actor().id();
    ValueReader params = call.params();
    switch (static_cast<Function>(call.function())) {
      case kSpawn:
      case kResume:
        order.manifest = as_text(params.bytes());
        order.state = params.optional_bytes();
        break;
      case kListChildren: break;
      default: {
        const std::string_view text = as_text(params.bytes());
        const auto child = parse_id<ActorId>(text);
        if (params.done() && !child) {
          return call.done_with_error("not an actor's id: " + printable(as_bytes(text), 100));
        }
        if (child) order.child = *child;
      }
    }
    if (!params.done()) return call.trap("malformed parameters");
    return ask(call, std::move(order));
  }

 private:
  static HostStatus ask(HostCall& call, ChildOrder order) {
    actor::ShardServices& services = actor::ActorCell::from(call.actor()).services();
    if (services.nursery == nullptr) return call.trap("this runtime makes no actors for actors");
    const bool is_list = order.what == ChildOrder::What::kList;
    order.done = [completion = call.completion(), is_list](Result<Bytes> answer) {
      if (!answer) return completion.complete(error_result(answer.error().to_string()));
      Bytes result;
      if (!is_list) ValueWriter(result).ok();
      append(result, *answer);
      completion.complete(std::move(result));
    };
    // Leaves with the other effects of this turn, when the event that asks is sealed.
    services.send(services.shard, *new sched::Task([nursery = services.nursery, order = std::move(order)]() mutable {
                    nursery->take(std::move(order));
                  }));
    if (is_list) return call.suspend();
    return call.suspend_until(call.actor().monotonic_ns() + limits::kChildOrderTimeoutMs * kNsPerMs,
                              error_result("timeout: the runtime did not answer within " +
                                           std::to_string(limits::kChildOrderTimeoutMs) + " ms"));
  }
};

}  // namespace

WitErrorType error_type_of(FailureReason reason) {
  switch (reason) {
    case FailureReason::kTimedOut:
    case FailureReason::kOutOfFuel: return WitErrorType::kOperationTimeout;
    case FailureReason::kStopped: return WitErrorType::kShuttingDown;
    case FailureReason::kGuestError:
    case FailureReason::kTrapped:
    case FailureReason::kHostError: return WitErrorType::kInternal;
  }
  return WitErrorType::kInternal;
}

Bytes id_value(const ActorId& id) {
  Bytes value;
  ValueWriter(value).string(to_string(id));
  return value;
}

Bytes child_error_params(const ActorId& child, WitErrorType type, std::string_view message) {
  Bytes params = id_value(child);
  ValueWriter writer(params);
  writer.unsigned_integer(static_cast<std::uint64_t>(type));
  writer.some();
  writer.bytes(as_bytes(message.substr(0, limits::kErrorTextBytes)));
  return params;
}

Bytes optional_bytes_value(const std::optional<Bytes>& bytes) {
  Bytes value;
  ValueWriter writer(value);
  if (bytes) {
    writer.some();
    writer.bytes(*bytes);
  } else {
    writer.none();
  }
  return value;
}

Bytes child_exit_params(const ActorId& child, const std::optional<Bytes>& result) {
  Bytes params = id_value(child);
  append(params, optional_bytes_value(result));
  return params;
}

Bytes child_stop_params(const ActorId& child) { return id_value(child); }

Bytes id_list_value(std::span<const ActorId> ids) {
  Bytes value;
  ValueWriter writer(value);
  writer.unsigned_integer(ids.size());
  for (const ActorId& id : ids) writer.string(to_string(id));
  return value;
}

Bytes chain_events_value(std::span<const Event> events, std::size_t max_bytes) {
  std::size_t first = events.size();
  std::size_t bytes = 0;
  while (first > 0) {
    const Event& event = events[first - 1];
    bytes += event_type(event).size() + event_data(event).size() + describe(event).size() + kChainEventBytesMin;
    if (bytes > max_bytes) break;
    --first;
  }
  Bytes value;
  ValueWriter writer(value);
  writer.unsigned_integer(events.size() - first);
  for (const Event& event : events.subspan(first)) {
    writer.bytes(event.hash);
    if (event.parent_hash) {
      writer.some();
      writer.bytes(*event.parent_hash);
    } else {
      writer.none();
    }
    writer.string(event_type(event));
    writer.bytes(event_data(event));
    writer.unsigned_integer(event.time_ns / kNsPerMs);
    writer.some();
    writer.string(describe(event));
  }
  return value;
}

}  // namespace handlers

std::span<const HandlerInterface> SupervisorHandler::imports() const {
  static const std::vector<HandlerInterface> interfaces = {
      {.name = "theater:simple/supervisor",
       .functions = {{.name = "spawn", .suspends = true},
                     {.name = "resume", .suspends = true},
                     {.name = "list-children", .suspends = true},
                     {.name = "stop-child", .suspends = true},
                     {.name = "restart-child", .suspends = true},
                     {.name = "get-child-state", .suspends = true},
                     {.name = "get-child-events", .suspends = true}}}};
  return interfaces;
}

std::span<const std::string_view> SupervisorHandler::exports() const {
  static constexpr std::array<std::string_view, 3> kExports = {
      "theater:simple/supervisor-handlers.handle-child-error",
      "theater:simple/supervisor-handlers.handle-child-exit",
      "theater:simple/supervisor-handlers.handle-child-external-stop",
  };
  return kExports;
}

Result<std::unique_ptr<HandlerInstance>> SupervisorHandler::create(const HandlerSetup&) const {
  return std::make_unique<handlers::Supervisor>();
}

}  // namespace theater
