#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "theater/bytes.h"
#include "theater/error.h"
#include "theater/id.h"
#include "theater/manifest.h"
#include "theater/permissions.h"
#include "theater/value.h"

namespace theater {

namespace actor {
class ActorCell;
}  // namespace actor

/// A function of a WIT interface that a handler implements for guests.
struct HandlerFunction {
  std::string_view name;
  /// It may answer later. An actor whose component imports such a function runs every call on a stack of its own, which
  /// costs about 150 ns a call, so it is said for each function and not for the handler as a whole.
  bool suspends = false;
};

/// A WIT interface that guests import, "package:name/interface" without a version.
struct HandlerInterface {
  std::string_view name;
  std::vector<HandlerFunction> functions;
};

/// How a host call went.
enum class HostStatus : std::uint8_t {
  kDone,     ///< the result was written
  kPending,  ///< a Completion will bring the result
  kTrap,     ///< the guest is to be ended: it broke the interface's rules in a way that no error value can express
};

/// Brings the result of a suspended host call, from any thread, while the runtime lives. Used once; completing a call
/// that is over already does nothing.
class Completion {
 public:
  /// `result` are the canonical bytes of the function's result.
  void complete(Bytes result) const;

 private:
  friend class actor::ActorCell;
  void* gate_ = nullptr;
  std::uint32_t generation_ = 0;
  std::uint64_t call_number_ = 0;
};

/// What a handler may ask of the actor that it serves. Only from the actor's shard, that is: inside the methods of
/// HandlerInstance.
class ActorContext {
 public:
  virtual const ActorId& id() const = 0;
  virtual const std::string& name() const = 0;
  /// Nanoseconds since the Unix epoch.
  virtual std::uint64_t wall_ns() const = 0;
  /// Nanoseconds that never go back.
  virtual std::uint64_t monotonic_ns() const = 0;
  /// A line in the actor's log.
  virtual void log(std::string_view line) = 0;
  /// Records an event of the handler's own in the actor's chain.
  virtual void note(std::string_view type, ByteView data) = 0;
  /// Ends the actor after this turn, with a result for whoever waits for it.
  virtual void stop(std::optional<Bytes> result) = 0;

 protected:
  ~ActorContext() = default;
};

/// Queues turns of one actor: calls of the exported functions that its handler listed. From any thread, for as long as
/// the runtime lives.
class Poster {
 public:
  /// Calls the function with this place in Handler::exports(), with these parameters (canonical bytes of the tuple).
  /// The mailbox's bounds hold: kMailboxFull, kTooLarge; kStopped once the actor has ended; kNotFound when it does not
  /// export the function.
  Result<void> post(std::size_t export_place, ByteView params) const;

 private:
  friend class actor::ActorCell;
  void* gate_ = nullptr;
  std::uint32_t generation_ = 0;
  std::uint16_t first_slot_ = 0;
};

/// One host call under way.
class HostCall {
 public:
  /// Which function: its place in the handler's interfaces, counted through.
  std::uint32_t function() const { return function_; }
  ActorContext& actor() const { return actor_; }
  /// The parameters' canonical bytes; valid during the call only.
  ValueReader params() const { return ValueReader(params_); }
  const ValueView& raw_params() const { return params_; }

  /// Where the result's canonical bytes are written, before done().
  ValueWriter result() const { return ValueWriter(result_); }
  HostStatus done() const { return HostStatus::kDone; }
  /// result<_, string> and the like: writes the error and is done.
  HostStatus done_with_error(std::string_view text) const {
    result_.clear();
    ValueWriter(result_).error(text);
    return HostStatus::kDone;
  }
  /// Ends the guest with this message.
  HostStatus trap(std::string_view message) const;
  /// Suspends the guest until completion() is completed. Only for functions that said so.
  HostStatus suspend() const { return HostStatus::kPending; }
  /// Suspends until completion() is completed or `deadline_ns` (monotonic) is reached, which gives `result_when_due`.
  HostStatus suspend_until(std::uint64_t deadline_ns, Bytes result_when_due) const;
  Completion completion() const;

 private:
  friend class actor::ActorCell;
  HostCall(ActorContext& actor, std::uint32_t function, const ValueView& params, Bytes& result)
      : actor_(actor), function_(function), params_(params), result_(result) {}

  ActorContext& actor_;
  const std::uint32_t function_;
  const ValueView params_;
  Bytes& result_;
};

/// A handler's side of one actor. It lives on the actor's shard and is called on that thread only; it must not block.
class HandlerInstance {
 public:
  virtual ~HandlerInstance() = default;
  /// The guest called one of the handler's functions.
  virtual HostStatus call(HostCall& call) = 0;
  /// The actor has ended: give back what belongs to it. Called once, on every way out.
  virtual void actor_ended() {}
};

/// What a new actor's manifest says to a handler.
struct HandlerSetup {
  ActorContext& actor;
  /// The actor's [[handler]] block, with what its permissions leave of the fields (FieldSchema::narrowing), and those
  /// of its capability's policy. Of a handler that is not permitted no function is ever called: the runtime refuses
  /// them.
  const HandlerConfig& config;
  const Manifest& manifest;
  const EffectivePermissions& permissions;
  /// May be kept and used from any thread.
  Poster poster;
};

/// The host's side of one or more WIT interfaces, one in a process; makes a HandlerInstance for each actor whose
/// manifest names its type, or that imports it where no grant is needed. Thread-safe after construction.
class Handler {
 public:
  virtual ~Handler() = default;
  /// The `type` in a manifest's [[handler]] block.
  virtual std::string_view type() const = 0;
  /// Interfaces that guests import. Their functions are numbered through, in this order.
  virtual std::span<const HandlerInterface> imports() const = 0;
  /// Exported functions that the handler calls, "package:name/interface.function".
  virtual std::span<const std::string_view> exports() const { return {}; }
  /// The fields of the [[handler]] block.
  virtual HandlerSchema schema() const { return {.type = std::string(type()), .description = {}, .fields = {}}; }
  /// Whether only actors whose manifest names the type may import it. False for what gives them no power over anything
  /// outside; no manifest can name it then.
  virtual bool needs_grant() const { return true; }
  virtual Result<std::unique_ptr<HandlerInstance>> create(const HandlerSetup& setup) const = 0;
};

/// The handlers that a runtime knows. Filled before the runtime starts, only read after.
class HandlerRegistry {
 public:
  /// kAlreadyExists when the type or one of the interfaces has a handler.
  Result<void> add(std::shared_ptr<const Handler> handler);
  const Handler* find(std::string_view type) const;
  /// The handler of an interface, whichever of the names theater:simple and ntwk:theater and whatever version it is
  /// imported by.
  const Handler* find_by_interface(std::string_view interface) const;
  /// Of those that a manifest can name.
  std::vector<HandlerSchema> schemas() const;

 private:
  std::vector<std::shared_ptr<const Handler>> handlers_;
};

/// The name under which an interface is known here: without its version, and with ntwk:theater, the name that older
/// actors use, as theater:simple.
std::string canonical_interface(std::string_view interface);

}  // namespace theater
