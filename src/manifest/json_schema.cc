#include <nlohmann/json.hpp>

#include "manifest/schema.h"

namespace theater {
namespace {

/// Keeps the order of the tables, which is the order in which a person reads them.
using Json = nlohmann::ordered_json;

Json bounded_integer(const FieldSchema& field) {
  Json schema = {{"type", "integer"}, {"minimum", field.min}};
  schema["maximum"] = field.max;
  return schema;
}

Json list_of_texts(const FieldSchema& field) {
  Json schema = {{"type", "array"}, {"items", {{"type", "string"}, {"minLength", 1}}}};
  if (field.min > 0) schema["minItems"] = field.min;
  if (field.max < INT64_MAX) schema["maxItems"] = field.max;
  return schema;
}

Json bounded_text(const FieldSchema& field) {
  Json schema = {{"type", "string"}};
  if (!field.choices.empty()) schema["enum"] = field.choices;
  if (field.min > 0) schema["minLength"] = field.min;
  if (field.max < INT64_MAX) schema["maxLength"] = field.max;
  return schema;
}

Json type_schema(const FieldSchema& field) {
  switch (field.kind) {
    case FieldKind::kBoolean: return {{"type", "boolean"}};
    case FieldKind::kUnsigned: return bounded_integer(field);
    case FieldKind::kSize: {
      Json schema;
      schema["anyOf"] = {bounded_integer(field), {{"type", "string"}, {"pattern", "^[0-9]+ ?(B|KiB|MiB|GiB)$"}}};
      return schema;
    }
    case FieldKind::kStringList: return list_of_texts(field);
    case FieldKind::kString:
    case FieldKind::kText: break;
  }
  return bounded_text(field);
}

Json field_schema(const FieldSchema& field) {
  Json schema;
  schema["description"] = field.description;
  schema.update(type_schema(field));
  if (field.default_value) std::visit([&](const auto& value) { schema["default"] = value; }, *field.default_value);
  return schema;
}

/// A table that has these fields and no others.
Json table_schema(std::string_view description, const std::vector<FieldSchema>& fields) {
  Json schema;
  schema["description"] = description;
  schema["type"] = "object";
  schema["properties"] = Json::object();
  for (const FieldSchema& field : fields) {
    schema["properties"][field.name] = field_schema(field);
    if (field.required) schema["required"].push_back(field.name);
  }
  schema["additionalProperties"] = false;
  return schema;
}

Json handler_schema(const HandlerSchema& handler) {
  Json schema = table_schema(handler.description, handler.fields);
  schema["properties"]["type"] = {{"const", handler.type}};
  schema["required"].push_back("type");
  return schema;
}

Json handlers_schema(std::span<const HandlerSchema> extra_handlers) {
  Json schema;
  schema["description"] = "What the actor may use: one [[handler]] block each, each type once";
  schema["type"] = "array";
  for (const HandlerSchema& handler : all_handler_schemas(extra_handlers))
    schema["items"]["oneOf"].push_back(handler_schema(handler));
  return schema;
}

/// `config` goes with "restrict" only.
Json capability_schema(const CapabilitySchema& capability) {
  Json schema = table_schema(capability.description, {permission_type_schema()});
  schema["properties"]["config"] =
      table_schema("With type = \"restrict\": what remains allowed", capability.restrictions);
  schema["if"]["properties"]["type"]["enum"] = {"inherit", "disallow"};
  schema["then"]["properties"]["config"] = false;
  return schema;
}

Json permissions_schema(std::span<const HandlerSchema> extra_handlers) {
  Json schema =
      table_schema("What the actor has of what its parent has; a capability that is not named is inherited", {});
  for (const CapabilitySchema& capability : all_capability_schemas(all_handler_schemas(extra_handlers)))
    schema["properties"][capability.name] = capability_schema(capability);
  return schema;
}

}  // namespace

std::string manifest_json_schema(std::span<const HandlerSchema> extra_handlers) {
  Json schema;
  schema["$schema"] = "https://json-schema.org/draft/2020-12/schema";
  schema["title"] = "Theater actor manifest";
  schema.update(table_schema("The manifest of a Theater actor, after its template is filled", top_level_schema()));
  schema["properties"]["handler"] = handlers_schema(extra_handlers);
  schema["properties"]["permission_policy"] = permissions_schema(extra_handlers);
  schema["properties"]["limits"] = table_schema("Bounds of this actor", limits_schema());
  schema["properties"]["chain"] =
      table_schema("What of the actor's chain is kept, where there is a data directory", chain_schema());
  schema["properties"]["instance"] =
      table_schema("What the actor keeps in memory while it has nothing to do", instance_schema());
  Json supervision =
      table_schema("When this actor is started again, and how it restarts its children", supervision_schema());
  supervision["properties"]["backoff_ms"] = table_schema("Waits before restarts, in milliseconds", backoff_schema());
  schema["properties"]["supervision"] = std::move(supervision);
  return schema.dump(2) + '\n';
}

}  // namespace theater
