#include "cli/permissions_json.h"

#include "manifest/json_forms.h"

namespace theater::cli {
namespace {

OrderedJson messages_json(const MessageServerPermissions& permissions) {
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

std::string permissions_json(const Manifest& manifest) {
  OrderedJson json = {{"name", manifest.name}};
  json["handlers"] = handlers_json(manifest);
  json["capabilities"] = policies_json(manifest.permission_policy);
  json["messages"] = messages_json(message_permissions(compose_permissions(nullptr, manifest)));
  json["limits"] = limits_json(manifest.limits);
  return json.dump(2) + "\n";
}

}  // namespace theater::cli
