#include "runtime/blueprint.h"

#include <algorithm>

#include "actor/gate.h"
#include "base/limits.h"
#include "runtime/wasm_guest.h"
#include "theater_engine.h"

namespace theater::runtime {
namespace {

constexpr std::string_view kInit = "theater:simple/actor.init";
constexpr std::string_view kMigrate = "theater:ext/migrate.migrate";

std::string canonical_name(const engine::FunctionType& function) {
  return function.interface.empty() ? function.function
                                    : canonical_interface(function.interface) + "." + function.function;
}

/// The function's place in its handler's interfaces, counted through.
std::optional<std::uint16_t> place_of(const Handler& handler, const engine::FunctionType& import) {
  const std::string interface = canonical_interface(import.interface);
  std::uint16_t place = 0;
  for (const HandlerInterface& implemented : handler.imports()) {
    for (const HandlerFunction& function : implemented.functions) {
      if (implemented.name == interface && function.name == import.function) return place;
      ++place;
    }
  }
  return std::nullopt;
}

const HandlerFunction* function_of(const Handler& handler, const engine::FunctionType& import) {
  const std::string interface = canonical_interface(import.interface);
  for (const HandlerInterface& implemented : handler.imports()) {
    if (implemented.name != interface) continue;
    for (const HandlerFunction& function : implemented.functions) {
      if (function.name == import.function) return &function;
    }
  }
  return nullptr;
}

/// result<…, string>.
bool tells_errors(const engine::FunctionType& function) {
  using Kind = engine::ValueType::Kind;
  if (!function.result || function.result->kind != Kind::kResult) return false;
  const auto& members = function.result->members;
  return members.size() == 2 && members[1].type && members[1].type->kind == Kind::kString;
}

std::unexpected<Error> no_handler(const engine::FunctionType& import) {
  return fail(ErrorCode::kMissingHandler,
              "the component imports " + engine::full_name(import) +
                  ", which no handler of this runtime implements; rebuild it without that interface, or "
                  "register a handler for it");
}

std::unexpected<Error> not_granted(const Handler& handler, const engine::FunctionType& import) {
  return fail(ErrorCode::kMissingHandler,
              "the component imports " + import.interface + " (" + import.function +
                  "), which its manifest does not grant; to grant it add these lines:\n\n[[handler]]\n"
                  "type = \"" +
                  std::string(handler.type()) + "\"\n");
}

Result<std::uint32_t> find_export(const engine::Component& component, std::string_view canonical) {
  const auto& exports = component.exports();
  for (std::size_t i = 0; i < exports.size(); ++i) {
    if (canonical_name(exports[i]) != canonical) continue;
    if (!exports[i].handler) {
      return fail(ErrorCode::kInvalidComponent, "the component's export " + engine::full_name(exports[i]) +
                                                    " has not the form func(state: option<list<u8>>, params: tuple<…>) "
                                                    "-> result<tuple<option<list<u8>>, …>, string>");
    }
    return static_cast<std::uint32_t>(i);
  }
  return actor::ActorSpec::kNotExported;
}

Result<void> bind_imports(actor::ActorSpec& spec, const engine::Component& component, const HandlerRegistry& handlers) {
  for (const engine::FunctionType& import : component.imports()) {
    const Handler* handler = handlers.find_by_interface(import.interface);
    const auto place = handler == nullptr ? std::nullopt : place_of(*handler, import);
    if (!place) return no_handler(import);
    auto granted = std::ranges::find(spec.handlers, handler);
    if (granted == spec.handlers.end()) {
      if (handler->needs_grant()) return not_granted(*handler, import);
      granted = spec.handlers.insert(granted, handler);
    }
    spec.imports.push_back({.handler = static_cast<std::uint16_t>(granted - spec.handlers.begin()),
                            .function = *place,
                            .tells_errors = tells_errors(import)});
    spec.functions.imports.push_back(engine::full_name(import));
  }
  return {};
}

Result<void> bind_exports(actor::ActorSpec& spec, const engine::Component& component) {
  std::vector<std::string_view> slots = {kInit};
  // The messaging handler's functions have fixed places, whether or not the manifest names it.
  slots.resize(actor::kFirstPostedSlot);
  spec.first_slots.resize(spec.handlers.size());
  for (std::size_t i = 0; i < spec.handlers.size(); ++i) {
    const Handler& handler = *spec.handlers[i];
    if (handler.type() == "message-server") {
      spec.first_slots[i] = 1;
      std::ranges::copy(handler.exports(), slots.begin() + 1);
    } else {
      spec.first_slots[i] = static_cast<std::uint16_t>(slots.size());
      slots.insert(slots.end(), handler.exports().begin(), handler.exports().end());
    }
  }
  spec.migrate_slot = static_cast<std::uint16_t>(slots.size());
  slots.push_back(kMigrate);
  if (slots.size() > actor::kSlotsMax) {
    return fail(ErrorCode::kInvalidManifest, "the handlers of this manifest call " + std::to_string(slots.size()) +
                                                 " functions, over the limit of " + std::to_string(actor::kSlotsMax));
  }
  for (const std::string_view slot : slots) {
    if (slot.empty()) {
      spec.exports.push_back(actor::ActorSpec::kNotExported);
      continue;
    }
    auto index = find_export(component, slot);
    if (!index) return fail(std::move(index.error()));
    spec.exports.push_back(*index);
  }
  for (const engine::FunctionType& function : component.exports())
    spec.functions.exports.push_back(engine::full_name(function));
  const bool callable = std::ranges::any_of(spec.exports.begin(), spec.exports.end() - 1, [](std::uint32_t index) {
    return index != actor::ActorSpec::kNotExported;
  });
  if (!callable) {
    return fail(ErrorCode::kInvalidComponent,
                "the component exports no function that Theater calls, such as theater:simple/actor.init: it was built "
                "for another world, or cut");
  }
  return {};
}

}  // namespace

Result<std::vector<std::uint32_t>> import_flags(const engine::Component& component, const HandlerRegistry& handlers) {
  std::vector<std::uint32_t> flags;
  for (const engine::FunctionType& import : component.imports()) {
    const Handler* handler = handlers.find_by_interface(import.interface);
    const HandlerFunction* function = handler == nullptr ? nullptr : function_of(*handler, import);
    if (function == nullptr) return no_handler(import);
    flags.push_back(function->suspends ? TE_IMPORT_SUSPENDS : 0u);
  }
  return flags;
}

namespace {

Result<void> add_handlers(actor::ActorSpec& spec, const Manifest& manifest, const HandlerRegistry& handlers) {
  for (const HandlerConfig& config : manifest.handlers) {
    const Handler* handler = handlers.find(config.type);
    if (handler == nullptr) {
      return fail(ErrorCode::kMissingHandler, manifest.source_name + ":" + std::to_string(config.line) +
                                                  ": the handler \"" + config.type +
                                                  "\" is not available in this runtime");
    }
    spec.handlers.push_back(handler);
  }
  return {};
}

/// `spec` has the handlers that are there whatever the component imports.
Result<void> complete(actor::ActorSpec& spec, Manifest manifest, std::shared_ptr<const engine::LinkedComponent> linked,
                      const HandlerRegistry& handlers) {
  const engine::Component& component = linked->component();
  spec.component_digest = component.digest();
  if (auto bound = bind_imports(spec, component, handlers); !bound) return bound;
  if (auto bound = bind_exports(spec, component); !bound) return bound;
  // At least one whole epoch, whichever part of the present one is over.
  spec.turn_deadline_ticks = manifest.limits.turn_timeout_ms / limits::kEpochMs + 1;
  const ActorLimits& limits = manifest.limits;
  auto instance_limits = engine::InstanceLimits::of_actor(limits.memory_bytes, limits.table_elements,
                                                          limits.message_max_bytes, limits.fuel_per_turn);
  instance_limits.start_deadline_ticks = spec.turn_deadline_ticks;
  spec.make_guest = [linked = std::move(linked), instance_limits](actor::ActorCell& cell) {
    return make_wasm_guest(linked, instance_limits, cell);
  };
  spec.manifest = std::move(manifest);
  return {};
}

}  // namespace

Result<std::shared_ptr<const actor::ActorSpec>> make_spec(Manifest manifest,
                                                          std::shared_ptr<const engine::LinkedComponent> linked,
                                                          const HandlerRegistry& handlers) {
  auto spec = std::make_shared<actor::ActorSpec>();
  if (auto added = add_handlers(*spec, manifest, handlers); !added) return fail(std::move(added.error()));
  if (auto made = complete(*spec, std::move(manifest), std::move(linked), handlers); !made) {
    return fail(std::move(made.error()));
  }
  spec->set_permissions(compose_permissions(nullptr, spec->manifest, handlers.schemas()));
  return spec;
}

Result<std::shared_ptr<const actor::ActorSpec>> make_update_spec(const actor::ActorSpec& present,
                                                                 std::shared_ptr<const engine::LinkedComponent> linked,
                                                                 const HandlerRegistry& handlers) {
  auto spec = std::make_shared<actor::ActorSpec>();
  // With their places, since their sides of the actor go on.
  spec->handlers = present.handlers;
  if (auto made = complete(*spec, present.manifest, std::move(linked), handlers); !made) {
    return fail(std::move(made.error()));
  }
  for (std::uint16_t slot = 0; slot < present.migrate_slot; ++slot) {
    const std::uint32_t index = present.exports[slot];
    if (index == actor::ActorSpec::kNotExported || spec->export_of(slot) != actor::ActorSpec::kNotExported) continue;
    return fail(ErrorCode::kInvalidComponent,
                "the new component does not export " + present.functions.exports[index] +
                    ", which the present one does: whoever calls it could not be served any more");
  }
  spec->set_permissions(present.permissions);
  return spec;
}

std::shared_ptr<const actor::ActorSpec> spec_under(std::shared_ptr<const actor::ActorSpec> spec,
                                                   const EffectivePermissions& parent,
                                                   const HandlerRegistry& handlers) {
  EffectivePermissions left = compose_permissions(&parent, spec->manifest, handlers.schemas());
  if (left == spec->permissions) return spec;
  auto narrowed = std::make_shared<actor::ActorSpec>(*spec);
  narrowed->set_permissions(std::move(left));
  return narrowed;
}

}  // namespace theater::runtime
