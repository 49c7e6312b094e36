#include "runtime/blueprint.h"

#include <algorithm>

#include "base/limits.h"
#include "theater_engine.h"

namespace theater::runtime {
namespace {

constexpr std::string_view kInit = "theater:simple/actor.init";

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
  const bool callable =
      std::ranges::any_of(spec.exports, [](std::uint32_t index) { return index != actor::ActorSpec::kNotExported; });
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

Result<std::shared_ptr<const actor::ActorSpec>> make_spec(Manifest manifest, const engine::Component& component,
                                                          const HandlerRegistry& handlers) {
  auto spec = std::make_shared<actor::ActorSpec>();
  for (const HandlerConfig& config : manifest.handlers) {
    const Handler* handler = handlers.find(config.type);
    if (handler == nullptr) {
      return fail(ErrorCode::kMissingHandler, manifest.source_name + ":" + std::to_string(config.line) +
                                                  ": the handler \"" + config.type +
                                                  "\" is not available in this runtime");
    }
    spec->handlers.push_back(handler);
  }
  spec->component_digest = component.digest();
  if (auto bound = bind_imports(*spec, component, handlers); !bound) return fail(std::move(bound.error()));
  if (auto bound = bind_exports(*spec, component); !bound) return fail(std::move(bound.error()));
  // At least one whole epoch, whichever part of the present one is over.
  spec->turn_deadline_ticks = manifest.limits.turn_timeout_ms / limits::kEpochMs + 1;
  spec->manifest = std::move(manifest);
  spec->set_permissions(compose_permissions(nullptr, spec->manifest, handlers.schemas()));
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
