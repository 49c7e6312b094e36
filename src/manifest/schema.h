#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "theater/manifest.h"

namespace theater {

/// A capability that `[permission_policy]` may name, and what its `.config` may restrict.
struct CapabilitySchema {
  std::string name = {};
  std::string description = {};
  std::vector<FieldSchema> restrictions = {};
};

/// The capability that a handler's type is called in `[permission_policy]`.
std::string capability_of(std::string_view handler_type);

/// The keys of the top level beside its tables.
const std::vector<FieldSchema>& top_level_schema();
/// The tables of the top level: handler, permission_policy, limits, chain, instance, supervision.
const std::vector<std::string>& top_level_tables();
const std::vector<FieldSchema>& limits_schema();
const std::vector<FieldSchema>& chain_schema();
const std::vector<FieldSchema>& instance_schema();
/// Beside its table `backoff_ms`.
const std::vector<FieldSchema>& supervision_schema();
const std::vector<FieldSchema>& backoff_schema();
/// Those with restrictions of their own.
const std::vector<CapabilitySchema>& capability_schemas();
/// The same, and one for each other handler: it restricts the fields of the handler's block that are permissions.
std::vector<CapabilitySchema> all_capability_schemas(const std::vector<HandlerSchema>& handlers);
/// The one field `type` of a capability's table.
const FieldSchema& permission_type_schema();

/// The built-in handlers with the caller's own, which win.
std::vector<HandlerSchema> all_handler_schemas(std::span<const HandlerSchema> extra_handlers);

/// The names of a list of schemas (fields, capabilities), in order.
template <class Schema>
std::vector<std::string> names_of(const std::vector<Schema>& schemas) {
  std::vector<std::string> names;
  for (const Schema& schema : schemas) names.push_back(schema.name);
  return names;
}

template <class Schema>
const Schema* find_by_name(const std::vector<Schema>& schemas, std::string_view name) {
  for (const Schema& schema : schemas) {
    if (schema.name == name) return &schema;
  }
  return nullptr;
}

}  // namespace theater
