#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "theater/manifest.h"

namespace theater {

/// A line of a manifest that decides over a permission.
struct PermissionOrigin {
  enum class Rule : std::uint8_t {
    kHandler,   ///< the handler's block, or a default of it
    kPolicy,    ///< the capability's policy, or a default of it
    kNoHandler  ///< the manifest names no such handler, so its actor has nothing to hand down
  };

  /// Whose manifest it is: the actor's name, and the manifest as errors call it.
  std::string actor;
  std::string manifest;
  /// Of the table, from 1; 0 for none.
  std::uint32_t line = 0;
  Rule rule = Rule::kHandler;

  bool operator==(const PermissionOrigin&) const = default;
};

/// `worker.toml:12, [permission_policy.timing] of worker`; `capability` as that table calls it.
std::string to_string(const PermissionOrigin& origin, std::string_view capability);

/// What an actor has of one handler.
struct HandlerPermission {
  /// What is left of one field after all who have a say in it, and whose say it was.
  struct Field {
    ConfigValue value;
    std::vector<PermissionOrigin> from;

    bool operator==(const Field&) const = default;
  };

  std::string capability;
  /// Without it every function of the handler is refused.
  bool allowed = false;
  /// What allows or denies it.
  std::vector<PermissionOrigin> from;
  /// Of the handler's block and of its capability's policy; empty when it is not allowed. What is absent is not
  /// narrowed.
  std::map<std::string, Field, std::less<>> fields;

  bool operator==(const HandlerPermission&) const = default;
};

/// What an actor may do: what its manifest grants, as far as its parent may do it.
struct EffectivePermissions {
  std::string actor;
  std::string manifest;
  /// By the type of each handler that the manifest names; of others the actor has nothing.
  std::map<std::string, HandlerPermission, std::less<>> handlers;

  /// Borrowed; null for a handler that the manifest does not name.
  const HandlerPermission* find(std::string_view handler_type) const;
  /// Why every function of the handler is refused, for the guest; none when it is allowed.
  std::optional<std::string> denial(std::string_view handler_type) const;

  bool operator==(const EffectivePermissions&) const = default;
};

/// The permissions of an actor with this manifest: of each handler what its block, its capability's policy and `parent`
/// all allow; a denial by any of them holds. Without a parent the manifest decides alone. `extra_handlers` as for
/// parse_manifest. Any thread.
EffectivePermissions compose_permissions(const EffectivePermissions* parent, const Manifest& manifest,
                                         std::span<const HandlerSchema> extra_handlers = {});

/// What is left of the capability message_server; nothing when its handler is not allowed.
MessageServerPermissions message_permissions(const EffectivePermissions& permissions);

/// The handler's block with what was left of its fields and of its policy's: what a handler goes by.
HandlerConfig effective_config(const HandlerConfig& block, const HandlerPermission& permission);

}  // namespace theater
