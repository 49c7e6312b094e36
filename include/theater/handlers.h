#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "theater/handler.h"
#include "theater/router.h"

namespace theater {

/// Messages between actors: the interfaces `theater:simple/message-server-host` (for guests to call) and
/// `message-server-client` (called in guests). Registers each of its actors with the router and takes it out again at
/// its end.
class MessageServerHandler final : public Handler {
 public:
  /// `permissions` bound every actor's own; none: no further bound. The router must outlive the runtime.
  MessageServerHandler(std::optional<MessageServerPermissions> permissions, MessageRouter& router);

  std::string_view type() const override { return "message-server"; }
  std::span<const HandlerInterface> imports() const override;
  std::span<const std::string_view> exports() const override;
  Result<std::unique_ptr<HandlerInstance>> create(const HandlerSetup& setup) const override;

 private:
  const std::optional<MessageServerPermissions> permissions_;
  MessageRouter& router_;
};

/// Time: the interface `theater:simple/timing`. A guest that sleeps does not hold up its shard; the wait is measured by
/// a clock that does not jump.
class TimingHandler final : public Handler {
 public:
  std::string_view type() const override { return "timing"; }
  std::span<const HandlerInterface> imports() const override;
  HandlerSchema schema() const override;
  Result<std::unique_ptr<HandlerInstance>> create(const HandlerSetup& setup) const override;
};

/// Names and groups: the interface `theater:ext/registry`. An actor gives itself names to be reached by, and joins
/// groups, to which messages are published. Both are its own across restarts, until it ends for good. The router must
/// outlive the runtime.
class RegistryHandler final : public Handler {
 public:
  explicit RegistryHandler(MessageRouter& router) : router_(router) {}

  std::string_view type() const override { return "registry"; }
  std::span<const HandlerInterface> imports() const override;
  HandlerSchema schema() const override;
  Result<std::unique_ptr<HandlerInstance>> create(const HandlerSetup& setup) const override;

 private:
  MessageRouter& router_;
};

/// Messages later: the interface `theater:ext/timers`. The actor goes on meanwhile; what it set ends with it.
class TimersHandler final : public Handler {
 public:
  std::string_view type() const override { return "timers"; }
  std::span<const HandlerInterface> imports() const override;
  HandlerSchema schema() const override;
  Result<std::unique_ptr<HandlerInstance>> create(const HandlerSetup& setup) const override;
};

/// The actor's log, its own chain, and its end: the interface `theater:simple/runtime`.
class RuntimeHandler final : public Handler {
 public:
  std::string_view type() const override { return "runtime"; }
  std::span<const HandlerInterface> imports() const override;
  Result<std::unique_ptr<HandlerInstance>> create(const HandlerSetup& setup) const override;
};

/// Children: the interfaces `theater:simple/supervisor` (for guests to call) and `supervisor-handlers` (called in
/// guests when a child ends). Only a parent may act on a child.
class SupervisorHandler final : public Handler {
 public:
  std::string_view type() const override { return "supervisor"; }
  std::span<const HandlerInterface> imports() const override;
  std::span<const std::string_view> exports() const override;
  Result<std::unique_ptr<HandlerInstance>> create(const HandlerSetup& setup) const override;
};

/// Time, random bytes and output as components made by other languages' tools ask for them: the clocks, random, and
/// standard output and error of WASI 0.2. The rest of it is closed, and answered by the engine. Every actor has it.
class WasiHandler final : public Handler {
 public:
  std::string_view type() const override { return "wasi"; }
  std::span<const HandlerInterface> imports() const override;
  bool needs_grant() const override { return false; }
  Result<std::unique_ptr<HandlerInstance>> create(const HandlerSetup& setup) const override;
};

/// The handlers that come with Theater, for actors that talk through this router, which must outlive the runtime.
HandlerRegistry builtin_handlers(MessageRouter& router);

}  // namespace theater
