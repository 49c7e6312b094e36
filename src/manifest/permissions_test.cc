#include "theater/permissions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <random>

#include "manifest/schema.h"

namespace theater {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Texts = std::vector<std::string>;

constexpr std::array kModes = {PermissionMode::kInherit, PermissionMode::kDisallow, PermissionMode::kRestrict};

/// A handler of an embedding program, with a permission and a field that is none.
HandlerSchema own_handler() {
  FieldSchema most{.name = "max_sails", .kind = FieldKind::kUnsigned};
  most.narrowing = Narrowing::kLeast;
  return {.type = "sail-maker", .description = "", .fields = {most, {.name = "colour"}}};
}

Manifest manifest_of(const std::string& name, const std::string& text) {
  const HandlerSchema own = own_handler();
  ParseOptions options;
  options.source_name = name + ".toml";
  options.base_directory = "/actors";
  options.extra_handlers = std::span(&own, 1);
  auto manifest = parse_manifest("name = \"" + name + "\"\ncomponent = \"c.wasm\"\n" + text, options);
  EXPECT_TRUE(manifest) << manifest.error().to_string();
  return manifest.value_or(Manifest());
}

EffectivePermissions compose(const EffectivePermissions* parent, const Manifest& manifest) {
  const HandlerSchema own = own_handler();
  return compose_permissions(parent, manifest, std::span(&own, 1));
}

// What permissions mean, told a second time and for single acts: the composition is compared with this. -------------

/// Something that an actor may be allowed to do with a handler: by a field, for a value.
struct Act {
  std::string field;
  ConfigValue value;
};

const ConfigValue* value_of(const HandlerPermission& permission, std::string_view field) {
  const auto found = permission.fields.find(field);
  return found == permission.fields.end() ? nullptr : &found->second.value;
}

bool lists(const ConfigValue* list, const std::string& text) {
  return list != nullptr && std::ranges::find(std::get<Texts>(*list), text) != std::get<Texts>(*list).end();
}

bool begins_with_one_of(const ConfigValue* list, const std::string& text) {
  return list != nullptr &&
         std::ranges::any_of(std::get<Texts>(*list), [&](const std::string& with) { return text.starts_with(with); });
}

bool lies_in_one_of(const ConfigValue& list, const std::string& path) {
  return std::ranges::any_of(std::get<Texts>(list), [&](const std::string& folder) {
    return path == folder || path.starts_with(folder + "/");
  });
}

bool allows(const HandlerPermission* permission, Narrowing narrowing, const Act& act) {
  if (permission == nullptr || !permission->allowed) return false;
  const ConfigValue* bound = value_of(*permission, act.field);
  if (act.field == "allowed_vars") {
    const auto& variable = std::get<std::string>(act.value);
    const ConfigValue* prefixes = value_of(*permission, "allowed_prefixes");
    if (lists(value_of(*permission, "denied_vars"), variable)) return false;
    return (bound == nullptr && prefixes == nullptr) || lists(bound, variable) ||
           begins_with_one_of(prefixes, variable);
  }
  if (bound == nullptr) return true;
  switch (narrowing) {
    case Narrowing::kBoth: return std::get<bool>(*bound);
    case Narrowing::kLeast: return std::get<std::uint64_t>(act.value) <= std::get<std::uint64_t>(*bound);
    case Narrowing::kMost: return std::get<std::uint64_t>(act.value) >= std::get<std::uint64_t>(*bound);
    case Narrowing::kShared: return lists(bound, std::get<std::string>(act.value));
    case Narrowing::kPaths: return lies_in_one_of(*bound, std::get<std::string>(act.value));
    case Narrowing::kUnited: return !lists(bound, std::get<std::string>(act.value));
    case Narrowing::kFixed: return std::get<std::uint64_t>(act.value) == std::get<std::uint64_t>(*bound);
    case Narrowing::kPrefixes:  // with allowed_vars
    case Narrowing::kNone: return true;
  }
  return true;
}

const Texts kWords = {"A", "AB", "ABC", "B", "C"};
const Texts kFolders = {"/a", "/a/b", "/a/b/c", "/ab", "/b"};
constexpr std::uint64_t kNumbers = 5;

std::vector<Act> acts_of(const FieldSchema& field) {
  std::vector<Act> acts;
  switch (field.narrowing) {
    case Narrowing::kBoth: return {{field.name, true}};
    case Narrowing::kLeast:
    case Narrowing::kMost:
    case Narrowing::kFixed:
      for (std::uint64_t number = 0; number <= kNumbers; ++number) acts.push_back({field.name, number});
      return acts;
    case Narrowing::kShared:
    case Narrowing::kUnited:
      for (const std::string& word : kWords) acts.push_back({field.name, word});
      return acts;
    case Narrowing::kPaths:
      for (const std::string& folder : kFolders) acts.push_back({field.name, folder});
      return acts;
    case Narrowing::kPrefixes:
    case Narrowing::kNone: return {};
  }
  return acts;
}

/// A handler with all fields that a manifest may narrow it by.
struct Subject {
  HandlerSchema handler;
  CapabilitySchema capability;

  std::vector<FieldSchema> fields() const {
    std::vector<FieldSchema> fields = capability.restrictions;
    for (const FieldSchema& field : handler.fields) {
      if (find_by_name(fields, field.name) == nullptr) fields.push_back(field);
    }
    return fields;
  }
};

std::vector<Subject> subjects() {
  const HandlerSchema own = own_handler();
  const std::vector<HandlerSchema> handlers = all_handler_schemas(std::span(&own, 1));
  const std::vector<CapabilitySchema> capabilities = all_capability_schemas(handlers);
  std::vector<Subject> subjects;
  for (const HandlerSchema& handler : handlers) {
    subjects.push_back({handler, *find_by_name(capabilities, capability_of(handler.type))});
  }
  return subjects;
}

class Maker {
 public:
  explicit Maker(std::uint32_t seed) : random_(seed) {}

  std::uint32_t below(std::uint32_t bound) {
    return std::uniform_int_distribution<std::uint32_t>(0, bound - 1)(random_);
  }

  ConfigValue value(const FieldSchema& field) {
    switch (field.kind) {
      case FieldKind::kBoolean: return below(2) == 0;
      case FieldKind::kUnsigned:
      case FieldKind::kSize: return std::uint64_t{below(kNumbers + 1)};
      case FieldKind::kStringList: {
        Texts texts;
        for (const std::string& text : field.narrowing == Narrowing::kPaths ? kFolders : kWords) {
          if (below(2) == 0) texts.push_back(text);
        }
        return texts;
      }
      case FieldKind::kString:
      case FieldKind::kText: return field.name == "path" ? kFolders[below(5)] : kWords[below(5)];
    }
    return false;
  }
  ConfigFields some_of(const std::vector<FieldSchema>& fields) {
    ConfigFields chosen;
    for (const FieldSchema& field : fields) {
      if (below(2) == 0) chosen[field.name] = value(field);
    }
    return chosen;
  }
  Manifest manifest(const std::string& name, const Subject& subject, PermissionMode mode) {
    Manifest manifest;
    manifest.name = name;
    manifest.source_name = name + ".toml";
    manifest.handlers.push_back({.type = subject.handler.type, .fields = some_of(subject.handler.fields), .line = 3});
    CapabilityPolicy policy{.mode = mode, .restrictions = {}, .line = 7};
    if (mode == PermissionMode::kRestrict) policy.restrictions = some_of(subject.capability.restrictions);
    manifest.permission_policy.capabilities[subject.capability.name] = policy;
    return manifest;
  }

 private:
  std::mt19937 random_;
};

/// Every handler, each of its fields with each value, and each mode in each of three generations.
void for_each_family(const std::function<void(const Subject&, const std::array<Manifest, 3>&)>& look) {
  Maker maker(7);
  for (const Subject& subject : subjects()) {
    for (const PermissionMode first : kModes) {
      for (const PermissionMode second : kModes) {
        for (const PermissionMode third : kModes) {
          for (int times = 0; times < 20; ++times) {
            look(subject, {maker.manifest("eldest", subject, first), maker.manifest("middle", subject, second),
                           maker.manifest("youngest", subject, third)});
          }
        }
      }
    }
  }
}

bool has_mode(const Manifest& manifest, PermissionMode mode) {
  return manifest.permission_policy.capabilities.begin()->second.mode == mode;
}

TEST(Permissions, a_child_never_exceeds_its_parent_nor_its_own_manifest) {
  for_each_family([](const Subject& subject, const std::array<Manifest, 3>& family) {
    std::optional<EffectivePermissions> above;
    for (const Manifest& manifest : family) {
      const EffectivePermissions alone = compose(nullptr, manifest);
      const EffectivePermissions left = compose(above ? &*above : nullptr, manifest);
      for (const FieldSchema& field : subject.fields()) {
        for (const Act& act : acts_of(field)) {
          const bool allowed = allows(left.find(subject.handler.type), field.narrowing, act);
          const bool by_parent = !above || allows(above->find(subject.handler.type), field.narrowing, act);
          const bool by_itself = allows(alone.find(subject.handler.type), field.narrowing, act);
          // What is fixed is what the eldest says.
          if (field.narrowing == Narrowing::kFixed) {
            EXPECT_TRUE(by_parent || !allowed) << subject.handler.type << " " << act.field;
            continue;
          }
          // A folder that cannot be reached takes the whole file system.
          const bool may_lose_all = subject.handler.type == "filesystem";
          if (may_lose_all ? allowed && !(by_parent && by_itself) : allowed != (by_parent && by_itself)) {
            ADD_FAILURE() << subject.handler.type << " " << act.field << " of " << manifest.name;
          }
        }
      }
      above = left;
    }
  });
}

TEST(Permissions, a_denial_holds_for_all_below_and_names_the_eldest_who_says_it) {
  for_each_family([](const Subject& subject, const std::array<Manifest, 3>& family) {
    const EffectivePermissions eldest = compose(nullptr, family[0]);
    const EffectivePermissions middle = compose(&eldest, family[1]);
    const EffectivePermissions youngest = compose(&middle, family[2]);
    const HandlerPermission& left = *youngest.find(subject.handler.type);
    const auto denies = [](const Manifest& manifest) { return has_mode(manifest, PermissionMode::kDisallow); };
    const auto first = std::ranges::find_if(family, denies);
    if (first == family.end()) return;
    EXPECT_FALSE(left.allowed);
    EXPECT_THAT(left.fields, IsEmpty());
    // A file system's folder may be out of reach before.
    if (subject.handler.type != "filesystem") {
      EXPECT_EQ(left.from.front().actor, first->name);
      EXPECT_EQ(left.from.front().line, 7u);
      EXPECT_EQ(left.from.front().rule, PermissionOrigin::Rule::kPolicy);
    }
  });
}

TEST(Permissions, what_was_narrowed_is_not_narrowed_again_by_the_same) {
  for_each_family([](const Subject& subject, const std::array<Manifest, 3>& family) {
    const EffectivePermissions above = compose(nullptr, family[0]);
    const EffectivePermissions once = compose(&above, family[1]);
    const EffectivePermissions twice = compose(&once, family[1]);
    const HandlerPermission& a = *once.find(subject.handler.type);
    const HandlerPermission& b = *twice.find(subject.handler.type);
    ASSERT_EQ(a.allowed, b.allowed) << subject.handler.type;
    for (const FieldSchema& field : subject.fields()) {
      for (const Act& act : acts_of(field))
        EXPECT_EQ(allows(&a, field.narrowing, act), allows(&b, field.narrowing, act)) << act.field;
    }
  });
}

TEST(Permissions, every_line_says_where_it_comes_from) {
  for_each_family([](const Subject&, const std::array<Manifest, 3>& family) {
    const EffectivePermissions eldest = compose(nullptr, family[0]);
    const EffectivePermissions middle = compose(&eldest, family[1]);
    for (const auto& [type, permission] : compose(&middle, family[2]).handlers) {
      EXPECT_THAT(permission.from, Not(IsEmpty()));
      for (const auto& [name, field] : permission.fields) EXPECT_THAT(field.from, Not(IsEmpty())) << type << name;
    }
  });
}

TEST(Permissions, every_handler_can_be_denied_by_its_capability) {
  for (const Subject& subject : subjects()) {
    const std::string block = "[[handler]]\ntype = \"" + subject.handler.type + "\"\n";
    const std::string policy = "[permission_policy." + subject.capability.name + "]\ntype = \"disallow\"\n";
    const EffectivePermissions denied = compose(nullptr, manifest_of("one", block + policy));
    ASSERT_NE(denied.find(subject.handler.type), nullptr);
    EXPECT_FALSE(denied.find(subject.handler.type)->allowed) << subject.handler.type;
    EXPECT_TRUE(compose(nullptr, manifest_of("one", block)).find(subject.handler.type)->allowed);
  }
}

TEST(Permissions, a_handler_that_the_parent_does_not_have_cannot_be_had) {
  const EffectivePermissions parent = compose(nullptr, manifest_of("parent", "[[handler]]\ntype = \"supervisor\""));
  const EffectivePermissions child = compose(&parent, manifest_of("child", "[[handler]]\ntype = \"timing\""));
  EXPECT_FALSE(child.find("timing")->allowed);
  EXPECT_EQ(
      child.denial("timing"),
      "its parent parent does not have the handler \"timing\"; to hand it down add [[handler]] type = \"timing\" to "
      "parent.toml");
  EXPECT_EQ(child.denial("random"), "the manifest names no handler \"random\"");
  // Nor by a grandchild.
  const EffectivePermissions grandchild = compose(&child, manifest_of("third", "[[handler]]\ntype = \"timing\""));
  EXPECT_THAT(*grandchild.denial("timing"), HasSubstr("parent.toml"));
}

TEST(Permissions, blocks_and_policies_narrow_a_child_s_values_line_by_line) {
  const EffectivePermissions parent = compose(nullptr, manifest_of("parent", R"(
[[handler]]
type = "timing"
max_sleep_duration = 1000
[[handler]]
type = "message-server"
[permission_policy.message_server]
type = "restrict"
config = { can_request = false, allowed_targets = ["a", "b"] }
)"));
  const EffectivePermissions child = compose(&parent, manifest_of("child", R"(
[[handler]]
type = "timing"
min_sleep_duration = 5
[[handler]]
type = "message-server"
[permission_policy.timing]
type = "restrict"
config = { max_sleep_duration = 2000 }
[permission_policy.message_server]
type = "restrict"
config = { allowed_targets = ["b", "c"] }
)"));
  const auto& timing = child.find("timing")->fields;
  EXPECT_EQ(timing.at("max_sleep_duration").value, ConfigValue(std::uint64_t{1000}));
  EXPECT_EQ(to_string(timing.at("max_sleep_duration").from.front(), "timing"), "parent.toml:4, [[handler]] of parent");
  EXPECT_EQ(timing.at("min_sleep_duration").value, ConfigValue(std::uint64_t{5}));
  EXPECT_EQ(to_string(timing.at("min_sleep_duration").from.front(), "timing"), "child.toml:4, [[handler]] of child");
  const MessageServerPermissions messages = message_permissions(child);
  EXPECT_TRUE(messages.can_send);
  EXPECT_FALSE(messages.can_request);
  EXPECT_THAT(*messages.allowed_targets, ElementsAre("b"));
  const auto& targets = child.find("message-server")->fields.at("allowed_targets");
  ASSERT_THAT(targets.from, SizeIs(2)) << "neither said it alone";
  EXPECT_EQ(to_string(targets.from[0], "message_server"), "child.toml:12, [permission_policy.message_server] of child");
  EXPECT_EQ(to_string(targets.from[1], "message_server"),
            "parent.toml:9, [permission_policy.message_server] of parent");
}

TEST(Permissions, of_messages_are_everything_nothing_or_what_is_restricted) {
  const std::string block = "[[handler]]\ntype = \"message-server\"\n";
  const auto messages = [&](const std::string& policy) {
    return message_permissions(compose(nullptr, manifest_of("one", block + policy)));
  };
  const MessageServerPermissions nothing{false, false, false, Texts()};
  EXPECT_EQ(messages(""), MessageServerPermissions());
  EXPECT_EQ(messages("[permission_policy.message_server]\ntype = \"disallow\""), nothing);
  EXPECT_EQ(message_permissions(compose(nullptr, manifest_of("one", ""))), nothing) << "without the handler";
  const MessageServerPermissions some = messages(
      "[permission_policy.message_server]\ntype = \"restrict\"\nconfig = { can_request = false, allowed_targets = "
      "[\"x\"] }");
  EXPECT_TRUE(some.can_send);
  EXPECT_FALSE(some.can_request);
  EXPECT_TRUE(some.can_open_channels);
  EXPECT_THAT(*some.allowed_targets, ElementsAre("x"));
}

TEST(Permissions, a_relative_folder_starts_from_its_own_manifest) {
  const std::string block = "[[handler]]\ntype = \"filesystem\"\npath = \"data\"\n";
  const EffectivePermissions parent = compose(nullptr, manifest_of("parent", block));
  Manifest inside = manifest_of("child", block);
  EXPECT_TRUE(compose(&parent, inside).find("filesystem")->allowed);
  inside.base_directory = "/elsewhere";
  EXPECT_FALSE(compose(&parent, inside).find("filesystem")->allowed);
  Manifest out = manifest_of("child", "[[handler]]\ntype = \"filesystem\"\npath = \"data/../..\"\n");
  EXPECT_FALSE(compose(&parent, out).find("filesystem")->allowed);
  EXPECT_TRUE(compose(&parent, manifest_of("child", "[[handler]]\ntype = \"filesystem\"\npath = \"data/mine\"\n"))
                  .find("filesystem")
                  ->allowed);
}

TEST(Permissions, a_handler_goes_by_what_is_left_of_its_block) {
  const EffectivePermissions parent =
      compose(nullptr, manifest_of("parent", "[[handler]]\ntype = \"sail-maker\"\nmax_sails = 3\ncolour = \"red\""));
  const Manifest manifest = manifest_of("child", "[[handler]]\ntype = \"sail-maker\"\nmax_sails = 9\n");
  const HandlerConfig config =
      effective_config(manifest.handlers.front(), *compose(&parent, manifest).find("sail-maker"));
  EXPECT_EQ(config.unsigned_integer("max_sails"), 3u);
  EXPECT_EQ(config.string("colour"), nullptr) << "what is no permission is not inherited";
}

}  // namespace
}  // namespace theater
