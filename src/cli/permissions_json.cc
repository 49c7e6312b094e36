#include "cli/permissions_json.h"

#include <nlohmann/json.hpp>

namespace theater::cli {
namespace {

using nlohmann::ordered_json;

ordered_json to_json(const ConfigFields& fields) {
  ordered_json json = ordered_json::object();
  for (const auto& [name, value] : fields) {
    std::visit([&](const auto& content) { json[name] = content; }, value);
  }
  return json;
}

std::string_view name_of(PermissionMode mode) {
  switch (mode) {
    case PermissionMode::kInherit: return "inherit";
    case PermissionMode::kDisallow: return "disallow";
    case PermissionMode::kRestrict: return "restrict";
  }
  return "unknown";
}

ordered_json to_json(const MessageServerPermissions& permissions) {
  ordered_json json = {{"can_send", permissions.can_send},
                       {"can_request", permissions.can_request},
                       {"can_open_channels", permissions.can_open_channels}};
  if (permissions.allowed_targets) {
    json["allowed_targets"] = *permissions.allowed_targets;
  } else {
    json["allowed_targets"] = "all";
  }
  return json;
}

ordered_json to_json(const ActorLimits& limits) {
  return {{"memory_bytes", limits.memory_bytes},
          {"fuel_per_turn", limits.fuel_per_turn},
          {"turn_timeout_ms", limits.turn_timeout_ms},
          {"mailbox_messages", limits.mailbox_messages},
          {"mailbox_bytes", limits.mailbox_bytes},
          {"mailbox_overflow", limits.mailbox_overflow == MailboxOverflow::kRefuse ? "refuse" : "drop-oldest"},
          {"message_max_bytes", limits.message_max_bytes},
          {"request_timeout_ms", limits.request_timeout_ms},
          {"channels_max", limits.channels_max}};
}

}  // namespace

std::string permissions_json(const Manifest& manifest) {
  ordered_json json = {{"name", manifest.name}};
  json["handlers"] = ordered_json::array();
  for (const HandlerConfig& handler : manifest.handlers) {
    ordered_json one = {{"type", handler.type}};
    one.update(to_json(handler.fields));
    json["handlers"].push_back(std::move(one));
  }
  json["capabilities"] = ordered_json::object();
  for (const auto& [name, policy] : manifest.permission_policy.capabilities) {
    ordered_json one = {{"type", name_of(policy.mode)}};
    if (policy.mode == PermissionMode::kRestrict) one["config"] = to_json(policy.restrictions);
    json["capabilities"][name] = std::move(one);
  }
  json["messages"] = to_json(manifest.permission_policy.message_server());
  json["limits"] = to_json(manifest.limits);
  return json.dump(2) + "\n";
}

}  // namespace theater::cli
