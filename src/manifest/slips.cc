#include "manifest/slips.h"

#include <array>
#include <utility>

#include "manifest/diagnostics.h"

namespace theater::slips {
namespace {

using Slip = std::pair<std::string_view, std::string_view>;

constexpr std::array kTopLevelSlips = {
    Slip{"handlers", "[[handler]]"},
    Slip{"package", "component"},
    Slip{"component_path", "component"},
    Slip{"wasm", "component"},
    Slip{"initial_state", "init_state"},
    Slip{"state", "init_state"},
    Slip{"permission", "[permission_policy.<capability>]"},
    Slip{"permissions", "[permission_policy.<capability>]"},
    Slip{"limit", "[limits]"},
    Slip{"supervisor", "[supervision]"},
};

constexpr std::array kHandlerTypeSlips = {
    Slip{"messaging", "message-server"},
    Slip{"message", "message-server"},
    Slip{"time", "timing"},
    Slip{"http", "http-client"},
    Slip{"http-server", "http-framework"},
    Slip{"env", "environment"},
    Slip{"fs", "filesystem"},
    Slip{"file-system", "filesystem"},
    Slip{"file_system", "filesystem"},
};

constexpr std::array kLimitSlips = {
    Slip{"memory_bytes", "memory"},
    Slip{"max_memory", "memory"},
    Slip{"fuel", "fuel_per_turn"},
    Slip{"timeout_ms", "turn_timeout_ms"},
    Slip{"mailbox_size", "mailbox_messages"},
    Slip{"max_channels", "channels_max"},
    Slip{"overflow", "mailbox_overflow"},
    Slip{"message_bytes", "message_max_bytes"},
};

constexpr std::array kSupervisionSlips = {
    Slip{"intensity", "max_restarts"}, Slip{"period", "within_s"},        Slip{"within", "within_s"},
    Slip{"backoff", "backoff_ms"},     Slip{"restart_policy", "restart"},
};

template <class Slips>
std::string find(const Slips& slips, std::string_view word) {
  for (const auto& [wrong, right] : slips) {
    if (wrong == word) return "; did you mean " + in_quotes(right) + "?";
  }
  return {};
}

/// A key that is right elsewhere: in TOML it belongs to the last table header above it.
std::string place_of(std::string_view key) {
  if (find_by_name(top_level_schema(), key) != nullptr) return "; it belongs to the top level, above the first table";
  if (find_by_name(limits_schema(), key) != nullptr) return "; it belongs in [limits]";
  if (find_by_name(supervision_schema(), key) != nullptr) return "; it belongs in [supervision]";
  for (const CapabilitySchema& capability : capability_schemas()) {
    if (find_by_name(capability.restrictions, key) != nullptr)
      return "; it belongs in [permission_policy." + capability.name + ".config]";
  }
  return {};
}

}  // namespace

std::string top_level_hint(std::string_view key) {
  std::string hint = find(kTopLevelSlips, key);
  return hint.empty() ? place_of(key) : hint;
}

std::string handler_hint(std::string_view key, const std::vector<HandlerSchema>& schemas) {
  if (key == "config") return "; a handler's fields stand in its [[handler]] block itself";
  for (const HandlerSchema& schema : schemas) {
    if (find_by_name(schema.fields, key) != nullptr) return "; it belongs to handler " + in_quotes(schema.type);
  }
  return place_of(key);
}

std::string handler_type_hint(std::string_view type) { return find(kHandlerTypeSlips, type); }

std::string limits_hint(std::string_view key) {
  std::string hint = find(kLimitSlips, key);
  return hint.empty() ? place_of(key) : hint;
}

std::string supervision_hint(std::string_view key) {
  std::string hint = find(kSupervisionSlips, key);
  return hint.empty() ? place_of(key) : hint;
}

std::string capability_hint(std::string_view name) {
  if (name == "type") return "; name the capability: [permission_policy.message_server]";
  std::string as_written(name);
  for (char& c : as_written) {
    if (c == '-') c = '_';
  }
  if (as_written == "filesystem") as_written = "file_system";
  if (find_by_name(capability_schemas(), as_written) == nullptr || as_written == name) return {};
  return "; did you mean " + in_quotes(as_written) + "?";
}

std::string restriction_hint(std::string_view key, const CapabilitySchema& capability) {
  if (find_by_name(capability.restrictions, key) == nullptr) return {};
  return "; it belongs in [permission_policy." + capability.name + ".config]";
}

std::string syntax_hint(std::string_view toml) {
  std::size_t headers = 0;
  for (std::size_t at = 0; at < toml.size();) {
    const std::size_t end = std::min(toml.find('\n', at), toml.size());
    if (toml.substr(at, end - at).starts_with("[handler]")) ++headers;
    at = end + 1;
  }
  return headers == 0 ? std::string() : "; write [[handler]], in double brackets, before each handler";
}

}  // namespace theater::slips
