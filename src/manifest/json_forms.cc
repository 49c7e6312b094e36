#include "manifest/json_forms.h"

namespace theater {
namespace {

OrderedJson to_json(const ConfigValue& value) {
  return std::visit([](const auto& content) { return OrderedJson(content); }, value);
}

OrderedJson to_json(const ConfigFields& fields) {
  OrderedJson json = OrderedJson::object();
  for (const auto& [name, value] : fields) json[name] = to_json(value);
  return json;
}

std::string_view name_of(PermissionOrigin::Rule rule) {
  switch (rule) {
    case PermissionOrigin::Rule::kHandler: return "handler";
    case PermissionOrigin::Rule::kPolicy: return "permission_policy";
    case PermissionOrigin::Rule::kNoHandler: return "no-handler";
  }
  return "unknown";
}

OrderedJson to_json(const std::vector<PermissionOrigin>& origins, std::string_view capability) {
  OrderedJson json = OrderedJson::array();
  for (const PermissionOrigin& origin : origins) {
    json.push_back({{"actor", origin.actor},
                    {"manifest", origin.manifest},
                    {"line", origin.line},
                    {"rule", name_of(origin.rule)},
                    {"text", to_string(origin, capability)}});
  }
  return json;
}

OrderedJson to_json(const MessageServerPermissions& permissions) {
  OrderedJson json = {{"can_send", permissions.can_send},
                      {"can_request", permissions.can_request},
                      {"can_open_channels", permissions.can_open_channels}};
  if (permissions.allowed_targets) {
    json["allowed_targets"] = *permissions.allowed_targets;
  } else {
    json["allowed_targets"] = "all";
  }
  return json;
}

}  // namespace

OrderedJson handlers_json(const Manifest& manifest) {
  OrderedJson json = OrderedJson::array();
  for (const HandlerConfig& handler : manifest.handlers) {
    OrderedJson block = {{"type", handler.type}};
    block.update(to_json(handler.fields));
    json.push_back(std::move(block));
  }
  return json;
}

OrderedJson policies_json(const Permissions& permissions) {
  OrderedJson json = OrderedJson::object();
  for (const auto& [capability, policy] : permissions.capabilities) {
    json[capability] = {{"type", to_string(policy.mode)}};
    if (policy.mode == PermissionMode::kRestrict) json[capability]["config"] = to_json(policy.restrictions);
  }
  return json;
}

OrderedJson limits_json(const ActorLimits& limits) {
  return {{"memory_bytes", limits.memory_bytes},
          {"table_elements", limits.table_elements},
          {"fuel_per_turn", limits.fuel_per_turn},
          {"turn_timeout_ms", limits.turn_timeout_ms},
          {"mailbox_messages", limits.mailbox_messages},
          {"mailbox_bytes", limits.mailbox_bytes},
          {"mailbox_overflow", to_string(limits.mailbox_overflow)},
          {"message_max_bytes", limits.message_max_bytes},
          {"request_timeout_ms", limits.request_timeout_ms},
          {"channels_max", limits.channels_max},
          {"children_max", limits.children_max},
          {"outstanding_requests_max", limits.outstanding_requests_max},
          {"event_bytes_per_turn", limits.event_bytes_per_turn},
          {"stop_timeout_ms", limits.stop_timeout_ms}};
}

OrderedJson grants_json(const Manifest& manifest) {
  OrderedJson json = {{"name", manifest.name}};
  json["handlers"] = handlers_json(manifest);
  json["capabilities"] = policies_json(manifest.permission_policy);
  json["messages"] = to_json(message_permissions(compose_permissions(nullptr, manifest)));
  json["limits"] = limits_json(manifest.limits);
  return json;
}

OrderedJson permissions_json(const EffectivePermissions& permissions) {
  OrderedJson json = {{"actor", permissions.actor}, {"manifest", permissions.manifest}};
  json["handlers"] = OrderedJson::array();
  for (const auto& [type, permission] : permissions.handlers) {
    OrderedJson fields = OrderedJson::object();
    for (const auto& [name, field] : permission.fields) {
      fields[name] = {{"value", to_json(field.value)}, {"from", to_json(field.from, permission.capability)}};
    }
    json["handlers"].push_back({{"handler", type},
                                {"capability", permission.capability},
                                {"allowed", permission.allowed},
                                {"from", to_json(permission.from, permission.capability)},
                                {"fields", std::move(fields)}});
  }
  return json;
}

}  // namespace theater
