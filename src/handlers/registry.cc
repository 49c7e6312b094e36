#include <algorithm>

#include "handlers/builtin_schema.h"
#include "handlers/message_server.h"
#include "theater/handlers.h"

namespace theater {
namespace handlers {
namespace {

/// In the order of the interface.
enum Function : std::uint32_t { kWhereis, kRegister, kUnregister, kJoin, kLeave, kMembers, kPublish };

/// The only names that may be used; absent: all.
using Allowed = std::optional<std::vector<std::string>>;

Allowed allowed(const HandlerConfig& config, std::string_view field) {
  const std::vector<std::string>* list = config.string_list(field);
  return list == nullptr ? Allowed() : Allowed(*list);
}

bool permits(const Allowed& allowed, std::string_view name) {
  return !allowed || std::ranges::find(*allowed, name) != allowed->end();
}

class Registry final : public HandlerInstance {
 public:
  Registry(actor::ActorCell& cell, router::RouterCore& router, const HandlerConfig& config)
      : cell_(cell),
        router_(router),
        allowed_names_(allowed(config, "allowed_names")),
        allowed_groups_(allowed(config, "allowed_groups")) {}

  HostStatus call(HostCall& call) override {
    ValueReader params = call.params();
    // Not params.string(): the engine has checked that it is UTF-8.
    const std::string_view name = as_text(params.bytes());
    const ByteView content = call.function() == kPublish ? params.bytes() : ByteView();
    if (!params.done()) return call.trap("malformed parameters");
    switch (static_cast<Function>(call.function())) {
      case kWhereis: return whereis(call, name);
      case kRegister:
        if (!permits(allowed_names_, name)) return refuse(call, "name", name, "allowed_names");
        return done(call, router_.directory().add_name(name, cell_.id()));
      case kUnregister: return done(call, router_.directory().remove_name(name, cell_.id()));
      default: break;
    }
    if (!permits(allowed_groups_, name)) return refuse(call, "group", name, "allowed_groups");
    switch (static_cast<Function>(call.function())) {
      case kJoin: return done(call, router_.groups().join(name, cell_.id()));
      case kLeave: return done(call, router_.groups().leave(name, cell_.id()));
      case kMembers: return members(call, name);
      case kPublish: return publish(call, name, content);
      default: return call.trap("no such function");
    }
  }

 private:
  HostStatus refuse(const HostCall& call, std::string_view what, std::string_view name, std::string_view field) const {
    const std::string told = "not permitted: the manifest's handler \"registry\" does not list the " +
                             std::string(what) + " " + printable(as_bytes(name), 100) + " in " + std::string(field);
    cell_.note(actor::kRefusedNote, as_bytes(told));
    return call.done_with_error(told);
  }
  static HostStatus done(const HostCall& call, const Result<void>& result) {
    if (!result) return call.done_with_error(result.error().message());
    call.result().ok();
    return call.done();
  }

  HostStatus whereis(const HostCall& call, std::string_view name) const {
    const auto id = router_.directory().find_name(name);
    if (id) {
      call.result().some();
      call.result().string(to_string(*id));
    } else {
      call.result().none();
    }
    return call.done();
  }

  HostStatus members(const HostCall& call, std::string_view group) const {
    const std::vector<ActorId> members = router_.groups().members(group);
    ValueWriter result = call.result();
    result.ok();
    result.unsigned_integer(members.size());
    for (const ActorId& member : members) result.string(to_string(member));
    return call.done();
  }

  HostStatus publish(const HostCall& call, std::string_view group, ByteView content) const {
    MessageServer* messages = MessageServer::of(cell_);
    if (messages == nullptr) {
      return call.done_with_error(
          "not permitted: publish sends messages, so the manifest needs [[handler]] type = \"message-server\" as well");
    }
    // Copied and hashed once, for all of them and for this actor's own chain.
    const Payload payload = Payload::copy(content);
    std::uint64_t accepted = 0;
    for (const ActorId& member : router_.groups().members(group)) {
      const auto sent =
          messages->send_to(MessageServer::Right::kSend, to_string(member), payload, cell_.current_sequence());
      if (!sent) continue;
      ++accepted;
      cell_.share_params_body((*sent)->payload());
    }
    call.result().ok();
    call.result().unsigned_integer(accepted);
    return call.done();
  }

  actor::ActorCell& cell_;
  router::RouterCore& router_;
  const Allowed allowed_names_;
  const Allowed allowed_groups_;
};

}  // namespace
}  // namespace handlers

std::span<const HandlerInterface> RegistryHandler::imports() const {
  static const std::vector<HandlerInterface> interfaces = {{.name = "theater:ext/registry",
                                                            .functions = {{.name = "whereis"},
                                                                          {.name = "register"},
                                                                          {.name = "unregister"},
                                                                          {.name = "join"},
                                                                          {.name = "leave"},
                                                                          {.name = "members"},
                                                                          {.name = "publish"}}}};
  return interfaces;
}

HandlerSchema RegistryHandler::schema() const { return handlers::builtin_schema(type()); }

Result<std::unique_ptr<HandlerInstance>> RegistryHandler::create(const HandlerSetup& setup) const {
  return std::make_unique<handlers::Registry>(actor::ActorCell::from(setup.actor), router_.core(), setup.config);
}

}  // namespace theater
