#include "theater/permissions.h"

#include <algorithm>
#include <filesystem>

#include "manifest/schema.h"

namespace theater {
namespace {

using Field = HandlerPermission::Field;
using Fields = std::map<std::string, Field, std::less<>>;
using Origins = std::vector<PermissionOrigin>;
using Texts = std::vector<std::string>;

/// The longer of two when one begins with the other.
const std::string* inner_prefix(const std::string& a, const std::string& b) {
  if (a.starts_with(b)) return &a;
  return b.starts_with(a) ? &b : nullptr;
}

std::filesystem::path plain_path(const std::string& text) {
  std::filesystem::path path = std::filesystem::path(text).lexically_normal();
  return path.has_filename() || !path.has_relative_path() ? path : path.parent_path();
}

bool lies_in(const std::string& inner, const std::string& outer) {
  const std::filesystem::path folder = plain_path(outer);
  const std::filesystem::path path = plain_path(inner);
  // What begins with ".." may lead anywhere.
  return std::ranges::mismatch(folder, path).in1 == folder.end() && *path.begin() != "..";
}

/// The inner of two folders when one holds the other.
const std::string* inner_path(const std::string& a, const std::string& b) {
  if (lies_in(a, b)) return &a;
  return lies_in(b, a) ? &b : nullptr;
}

const std::string* same_text(const std::string& a, const std::string& b) { return a == b ? &a : nullptr; }

/// What `common` finds for each pair, in the order of `a`, each once.
Texts pairwise(const Texts& a, const Texts& b,
               const std::string* (*common)(const std::string& a, const std::string& b)) {
  Texts found;
  for (const std::string& one : a) {
    for (const std::string& other : b) {
      const std::string* both = common(one, other);
      if (both != nullptr && std::ranges::find(found, *both) == found.end()) found.push_back(*both);
    }
  }
  return found;
}

Texts united(Texts a, const Texts& b) {
  for (const std::string& text : b) {
    if (std::ranges::find(a, text) == a.end()) a.push_back(text);
  }
  return a;
}

/// What is left of a field in which `own` and `above` have a say; both are of the field's kind.
ConfigValue narrowed(Narrowing narrowing, const ConfigValue& own, const ConfigValue& above) {
  const auto texts = [](const ConfigValue& value) { return std::get<Texts>(value); };
  switch (narrowing) {
    case Narrowing::kNone: return own;
    case Narrowing::kBoth: return std::get<bool>(own) && std::get<bool>(above);
    case Narrowing::kLeast: return std::min(std::get<std::uint64_t>(own), std::get<std::uint64_t>(above));
    case Narrowing::kMost: return std::max(std::get<std::uint64_t>(own), std::get<std::uint64_t>(above));
    case Narrowing::kShared: return pairwise(texts(own), texts(above), same_text);
    case Narrowing::kPrefixes: return pairwise(texts(own), texts(above), inner_prefix);
    case Narrowing::kPaths: return pairwise(texts(own), texts(above), inner_path);
    case Narrowing::kUnited: return united(texts(own), texts(above));
    case Narrowing::kFixed: return above;
  }
  return own;
}

/// Of two equal ones the actor's own manifest says it as well.
Origins origins_of(const ConfigValue& result, const Field& own, const Field& above) {
  if (result == own.value) return own.from;
  if (result == above.value) return above.from;
  Origins both = own.from;
  std::ranges::copy_if(above.from, std::back_inserter(both),
                       [&](const auto& origin) { return std::ranges::find(own.from, origin) == own.from.end(); });
  return both;
}

/// The field of a filesystem handler's block that names the one folder that its actor sees.
constexpr std::string_view kFolder = "path";

constexpr std::string_view kVariables = "allowed_vars";
constexpr std::string_view kPrefixes = "allowed_prefixes";

/// Variables are allowed by name or by prefix: two lists that narrow together, absent for everything.
struct Variables {
  const Field* names = nullptr;
  const Field* prefixes = nullptr;

  static Variables of(const Fields& fields) {
    const auto find = [&](std::string_view name) {
      const auto found = fields.find(name);
      return found == fields.end() ? nullptr : &found->second;
    };
    return {.names = find(kVariables), .prefixes = find(kPrefixes)};
  }
  bool is_everything() const { return names == nullptr && prefixes == nullptr; }
  Texts listed(const Field* field) const { return field == nullptr ? Texts() : std::get<Texts>(field->value); }
  Origins from() const {
    Origins origins = names == nullptr ? Origins() : names->from;
    if (prefixes != nullptr) origins.insert(origins.end(), prefixes->from.begin(), prefixes->from.end());
    return origins;
  }
};

void narrow_variables(Fields& own, const Fields& above) {
  const Variables a = Variables::of(own);
  const Variables b = Variables::of(above);
  if (b.is_everything()) return;
  Field names{.value = b.listed(b.names), .from = b.from()};
  Field prefixes{.value = b.listed(b.prefixes), .from = b.from()};
  if (!a.is_everything()) {
    const auto reached = [](const Texts& candidates, const Variables& by) {
      Texts found;
      const Texts by_name = by.listed(by.names);
      const Texts by_prefix = by.listed(by.prefixes);
      std::ranges::copy_if(candidates, std::back_inserter(found), [&](const std::string& name) {
        return std::ranges::find(by_name, name) != by_name.end() ||
               std::ranges::any_of(by_prefix, [&](const std::string& prefix) { return name.starts_with(prefix); });
      });
      return found;
    };
    const Field own_names{.value = a.listed(a.names), .from = a.from()};
    const Field own_prefixes{.value = a.listed(a.prefixes), .from = a.from()};
    const ConfigValue left = united(reached(a.listed(a.names), b), reached(b.listed(b.names), a));
    names = {.value = left, .from = origins_of(left, own_names, names)};
    const ConfigValue beginnings = narrowed(Narrowing::kPrefixes, own_prefixes.value, prefixes.value);
    prefixes = {.value = beginnings, .from = origins_of(beginnings, own_prefixes, prefixes)};
  }
  own.insert_or_assign(std::string(kVariables), std::move(names));
  own.insert_or_assign(std::string(kPrefixes), std::move(prefixes));
}

/// What one handler's fields narrow by: those of the policy, then those of the block.
class FieldRules {
 public:
  FieldRules(const CapabilitySchema& capability, const HandlerSchema* handler)
      : capability_(capability), handler_(handler) {}

  Narrowing of(std::string_view field) const {
    if (const FieldSchema* known = find_by_name(capability_.restrictions, field)) return known->narrowing;
    const FieldSchema* known = handler_ == nullptr ? nullptr : find_by_name(handler_->fields, field);
    return known == nullptr ? Narrowing::kNone : known->narrowing;
  }

  void narrow(Fields& own, const Fields& above) const {
    const bool has_variables = of(kPrefixes) == Narrowing::kPrefixes;
    if (has_variables) narrow_variables(own, above);
    for (const auto& [name, field] : above) {
      const Narrowing narrowing = of(name);
      if (narrowing == Narrowing::kNone || (has_variables && (name == kVariables || name == kPrefixes))) continue;
      const auto [mine, is_new] = own.try_emplace(name, field);
      if (is_new) continue;
      ConfigValue left = narrowed(narrowing, mine->second.value, field.value);
      Origins from = origins_of(left, mine->second, field);
      mine->second = {.value = std::move(left), .from = std::move(from)};
    }
  }

 private:
  const CapabilitySchema& capability_;
  const HandlerSchema* handler_;
};

/// Relative paths start from the manifest's folder, which is another for a child.
void make_absolute(Fields& fields, const FieldRules& rules, const std::optional<std::filesystem::path>& folder) {
  if (!folder) return;
  const auto absolute = [&](const std::string& text) { return (*folder / text).lexically_normal().string(); };
  for (auto& [name, field] : fields) {
    auto* const one = std::get_if<std::string>(&field.value);
    if (one != nullptr && name == kFolder) *one = absolute(*one);
    if (rules.of(name) == Narrowing::kPaths)
      std::ranges::transform(std::get<Texts>(field.value), std::get<Texts>(field.value).begin(), absolute);
  }
}

void deny(HandlerPermission& permission, Origins from) {
  permission.allowed = false;
  permission.from = std::move(from);
  permission.fields.clear();
}

/// The one folder that a filesystem handler names bounds what its actor and those below it may reach.
void bound_by_folder(HandlerPermission& permission) {
  const auto path = permission.fields.find(kFolder);
  if (path == permission.fields.end()) return;
  Field folder{.value = Texts{std::get<std::string>(path->second.value)}, .from = path->second.from};
  const auto [allowed, is_new] = permission.fields.try_emplace("allowed_paths", folder);
  if (is_new) return;
  const ConfigValue left = narrowed(Narrowing::kPaths, folder.value, allowed->second.value);
  if (left == folder.value) {
    allowed->second = std::move(folder);
  } else {
    // It lies outside, or holds what is allowed and more.
    const Origins from = allowed->second.from;
    deny(permission, from);
  }
}

}  // namespace

std::string to_string(const PermissionOrigin& origin, std::string_view capability) {
  const std::string place = origin.manifest + (origin.line == 0 ? "" : ":" + std::to_string(origin.line));
  switch (origin.rule) {
    case PermissionOrigin::Rule::kHandler: return place + ", [[handler]] of " + origin.actor;
    case PermissionOrigin::Rule::kPolicy:
      return place + ", [permission_policy." + std::string(capability) + "] of " + origin.actor;
    case PermissionOrigin::Rule::kNoHandler: return place + ", which names no such handler for " + origin.actor;
  }
  return place;
}

const HandlerPermission* EffectivePermissions::find(std::string_view handler_type) const {
  const auto found = handlers.find(handler_type);
  return found == handlers.end() ? nullptr : &found->second;
}

std::optional<std::string> EffectivePermissions::denial(std::string_view handler_type) const {
  const HandlerPermission* permission = find(handler_type);
  if (permission == nullptr) return "the manifest names no handler \"" + std::string(handler_type) + "\"";
  if (permission->allowed) return std::nullopt;
  const PermissionOrigin& first = permission->from.front();
  if (first.rule == PermissionOrigin::Rule::kNoHandler) {
    return "its parent " + first.actor + " does not have the handler \"" + std::string(handler_type) +
           "\"; to hand it down add [[handler]] type = \"" + std::string(handler_type) + "\" to " + first.manifest;
  }
  return "denied by " + to_string(first, permission->capability);
}

EffectivePermissions compose_permissions(const EffectivePermissions* parent, const Manifest& manifest,
                                         std::span<const HandlerSchema> extra_handlers) {
  using Rule = PermissionOrigin::Rule;
  const std::vector<HandlerSchema> handlers = all_handler_schemas(extra_handlers);
  const std::vector<CapabilitySchema> capabilities = all_capability_schemas(handlers);
  EffectivePermissions effective{.actor = manifest.name, .manifest = manifest.source_name, .handlers = {}};
  const auto origin = [&](Rule rule, std::uint32_t line) {
    return PermissionOrigin{.actor = manifest.name, .manifest = manifest.source_name, .line = line, .rule = rule};
  };
  for (const HandlerConfig& block : manifest.handlers) {
    HandlerPermission& permission = effective.handlers[block.type];
    permission.capability = capability_of(block.type);
    permission.allowed = true;
    permission.from = {origin(Rule::kHandler, block.line)};
    const auto handler = std::ranges::find(handlers, block.type, &HandlerSchema::type);
    const CapabilitySchema* known = find_by_name(capabilities, permission.capability);
    const CapabilitySchema without_fields{.name = permission.capability};
    const FieldRules rules(known == nullptr ? without_fields : *known, handler == handlers.end() ? nullptr : &*handler);
    const auto fields_of = [&](const ConfigFields& config, const PermissionOrigin& from) {
      Fields fields;
      for (const auto& [name, value] : config) fields[name] = {.value = value, .from = {from}};
      make_absolute(fields, rules, manifest.base_directory);
      return fields;
    };
    permission.fields = fields_of(block.fields, permission.from.front());

    const CapabilityPolicy& policy = manifest.permission_policy.capability(permission.capability);
    const PermissionOrigin by_policy = origin(Rule::kPolicy, policy.line);
    const HandlerPermission* above = parent == nullptr ? nullptr : parent->find(block.type);
    if (parent != nullptr && above == nullptr) {
      deny(permission, {{.actor = parent->actor, .manifest = parent->manifest, .line = 0, .rule = Rule::kNoHandler}});
    } else if (above != nullptr && !above->allowed) {
      deny(permission, above->from);
    } else if (policy.mode == PermissionMode::kDisallow) {
      deny(permission, {by_policy});
    } else {
      if (policy.mode == PermissionMode::kRestrict)
        rules.narrow(permission.fields, fields_of(policy.restrictions, by_policy));
      if (above != nullptr) rules.narrow(permission.fields, above->fields);
      bound_by_folder(permission);
    }
  }
  return effective;
}

MessageServerPermissions message_permissions(const EffectivePermissions& permissions) {
  const HandlerPermission* permission = permissions.find("message-server");
  if (permission == nullptr || !permission->allowed) return {false, false, false, Texts()};
  const auto find = [&](std::string_view name) {
    const auto found = permission->fields.find(name);
    return found == permission->fields.end() ? nullptr : &found->second.value;
  };
  const auto may = [&](std::string_view name) {
    const ConfigValue* value = find(name);
    return value == nullptr || std::get<bool>(*value);
  };
  MessageServerPermissions left{.can_send = may("can_send"),
                                .can_request = may("can_request"),
                                .can_open_channels = may("can_open_channels"),
                                .allowed_targets = std::nullopt};
  if (const ConfigValue* targets = find("allowed_targets")) left.allowed_targets = std::get<Texts>(*targets);
  return left;
}

HandlerConfig effective_config(const HandlerConfig& block, const HandlerPermission& permission) {
  HandlerConfig config{.type = block.type, .fields = {}, .line = block.line};
  for (const auto& [name, field] : permission.fields) config.fields[name] = field.value;
  return config;
}

}  // namespace theater
