#pragma once

#include <memory>
#include <string>

#include "actor/actor_cell.h"
#include "engine/component.h"
#include "engine/linked_component.h"
#include "theater/handler.h"
#include "theater/manifest.h"

namespace theater::runtime {

/// What each of the component's imports may do, for linking: TE_IMPORT_SUSPENDS where its handler's function suspends.
/// kMissingHandler for an interface that no handler implements.
Result<std::vector<std::uint32_t>> import_flags(const engine::Component& component, const HandlerRegistry& handlers);

/// Joins a component and a manifest: which handler serves which import, which export each kind of message calls.
/// kMissingHandler names the interface and the lines to add to the manifest; kInvalidComponent when an export has not
/// the form of a handler. Its permissions are those without a parent.
Result<std::shared_ptr<const actor::ActorSpec>> make_spec(Manifest manifest,
                                                          std::shared_ptr<const engine::LinkedComponent> linked,
                                                          const HandlerRegistry& handlers);

/// The same for a child of a parent with these permissions; the one given where the parent takes nothing from it.
std::shared_ptr<const actor::ActorSpec> spec_under(std::shared_ptr<const actor::ActorSpec> spec,
                                                   const EffectivePermissions& parent, const HandlerRegistry& handlers);

/// The same for a component that is to take the place of an actor's present one: manifest and permissions are the
/// actor's, and what others may call of the actor must still be there; kInvalidComponent names what is not.
Result<std::shared_ptr<const actor::ActorSpec>> make_update_spec(const actor::ActorSpec& present,
                                                                 std::shared_ptr<const engine::LinkedComponent> linked,
                                                                 const HandlerRegistry& handlers);

}  // namespace theater::runtime
