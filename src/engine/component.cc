#include "engine/component.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "engine/raw.h"

namespace theater::engine {
namespace {

using Json = nlohmann::json;
using Kind = ValueType::Kind;

struct PlainName {
  std::string_view name;
  Kind kind;
};

constexpr PlainName kPlainNames[] = {
    {"bool", Kind::kBool}, {"s8", Kind::kS8},     {"u8", Kind::kU8},         {"s16", Kind::kS16}, {"u16", Kind::kU16},
    {"s32", Kind::kS32},   {"u32", Kind::kU32},   {"s64", Kind::kS64},       {"u64", Kind::kU64}, {"f32", Kind::kF32},
    {"f64", Kind::kF64},   {"char", Kind::kChar}, {"string", Kind::kString},
};

ValueType parse_type(const Json& json);

std::optional<ValueType> parse_optional(const Json& json) {
  if (json.is_null()) return std::nullopt;
  return parse_type(json);
}

ValueType parse_named(Kind kind, const Json& members) {
  ValueType type{.kind = kind, .members = {}};
  for (const Json& member : members) {
    if (member.is_string()) {
      type.members.push_back({.name = member.get<std::string>(), .type = std::nullopt});
    } else {
      type.members.push_back({.name = member.at("name").get<std::string>(), .type = parse_optional(member.at("type"))});
    }
  }
  return type;
}

ValueType parse_type(const Json& json) {
  if (json.is_string()) {
    const std::string& name = json.get_ref<const std::string&>();
    for (const PlainName& plain : kPlainNames) {
      if (plain.name == name) return {.kind = plain.kind, .members = {}};
    }
    throw Json::other_error::create(501, "unknown type " + name, &json);
  }
  const std::string& key = json.begin().key();
  const Json& value = json.begin().value();
  if (key == "list" || key == "option") {
    return {.kind = key == "list" ? Kind::kList : Kind::kOption, .members = {{.name = {}, .type = parse_type(value)}}};
  }
  if (key == "result") {
    return {.kind = Kind::kResult,
            .members = {{.name = "ok", .type = parse_optional(value.at("ok"))},
                        {.name = "error", .type = parse_optional(value.at("err"))}}};
  }
  if (key == "tuple") {
    ValueType type{.kind = Kind::kTuple, .members = {}};
    for (const Json& item : value) type.members.push_back({.name = {}, .type = parse_type(item)});
    return type;
  }
  if (key == "record") return parse_named(Kind::kRecord, value);
  if (key == "variant") return parse_named(Kind::kVariant, value);
  if (key == "enum") return parse_named(Kind::kEnum, value);
  return parse_named(Kind::kFlags, value);
}

std::vector<FunctionType> parse_functions(const Json& list) {
  std::vector<FunctionType> functions;
  for (const Json& json : list) {
    FunctionType& function = functions.emplace_back();
    function.interface = json.at("interface").get<std::string>();
    function.function = json.at("function").get<std::string>();
    for (const Json& param : json.at("params")) {
      function.params.push_back({.name = param.at("name").get<std::string>(), .type = parse_type(param.at("type"))});
    }
    function.result = parse_optional(json.at("result"));
    function.handler = json.at("handler").get<bool>();
  }
  return functions;
}

std::string_view name_of(Kind kind) {
  for (const PlainName& plain : kPlainNames) {
    if (plain.kind == kind) return plain.name;
  }
  switch (kind) {
    case Kind::kList: return "list";
    case Kind::kOption: return "option";
    case Kind::kResult: return "result";
    case Kind::kTuple: return "tuple";
    case Kind::kRecord: return "record";
    case Kind::kVariant: return "variant";
    case Kind::kEnum: return "enum";
    default: return "flags";
  }
}

std::string describe_result(const ValueType& type) {
  const std::optional<ValueType>& ok = type.members[0].type;
  const std::optional<ValueType>& error = type.members[1].type;
  if (!ok && !error) return "result";
  std::string text = "result<";
  text += ok ? to_string(*ok) : "_";
  if (error) text.append(", ").append(to_string(*error));
  return text + ">";
}

}  // namespace

std::string to_string(const ValueType& type) {
  if (type.kind == Kind::kResult) return describe_result(type);
  std::string text(name_of(type.kind));
  if (type.members.empty()) return text;
  const bool named = !type.members.front().name.empty();
  text += named ? " { " : "<";
  std::string_view separator;
  for (const ValueType::Member& member : type.members) {
    text += std::exchange(separator, ", ");
    text += member.name;
    if (!member.type) continue;
    if (!named) {
      text += to_string(*member.type);
    } else if (type.kind == Kind::kRecord) {
      text.append(": ").append(to_string(*member.type));
    } else {
      text.append("(").append(to_string(*member.type)).append(")");
    }
  }
  return text + (named ? " }" : ">");
}

std::string full_name(const FunctionType& function) {
  return function.interface.empty() ? function.function : function.interface + "." + function.function;
}

Component::~Component() { te_component_free(raw_); }

Result<std::shared_ptr<const Component>> Component::compile(const Engine& engine, ByteView wasm) {
  te_component* raw = nullptr;
  te_error error{};
  const te_status status = te_component_compile(engine.raw(), to_raw(wasm), &raw, &error);
  if (status != TE_OK) return fail(status, error);
  return describe(raw, sha256(wasm));
}

Result<std::shared_ptr<const Component>> Component::load(const Engine& engine, const std::filesystem::path& path,
                                                         const Digest& digest) {
  te_component* raw = nullptr;
  te_error error{};
  const te_status status = te_component_deserialize_file(engine.raw(), to_raw(path.native()), &raw, &error);
  if (status != TE_OK) return fail(status, error);
  return describe(raw, digest);
}

Result<std::shared_ptr<const Component>> Component::describe(te_component* raw, const Digest& digest) {
  std::shared_ptr<Component> component(new Component(raw, digest));
  te_buffer text{};
  te_error error{};
  const te_status status = te_component_describe(raw, &text, &error);
  if (status != TE_OK) return fail(status, error);
  try {
    const Json json = Json::parse(take_text(text));
    component->imports_ = parse_functions(json.at("imports"));
    component->exports_ = parse_functions(json.at("exports"));
    component->empty_interfaces_ = json.at("empty_interfaces").get<std::vector<std::string>>();
  } catch (const Json::exception& problem) {
    return fail(ErrorCode::kInternal, std::string("the engine's description of a component: ") + problem.what());
  }
  return component;
}

std::optional<std::uint32_t> Component::find_export(std::string_view interface, std::string_view function) const {
  for (std::uint32_t i = 0; i < exports_.size(); ++i) {
    if (exports_[i].function == function && exports_[i].interface == interface) return i;
  }
  return std::nullopt;
}

Result<Bytes> Component::serialize() const {
  te_buffer out{};
  te_error error{};
  const te_status status = te_component_serialize(raw_, &out, &error);
  if (status != TE_OK) return fail(status, error);
  return take(out);
}

}  // namespace theater::engine
