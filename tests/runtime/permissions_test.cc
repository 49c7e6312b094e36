#include <gmock/gmock.h>
#include <unistd.h>

#include <array>

#include "actor/actor_cell.h"
#include "runtime_fixture.h"

namespace theater::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Every function ------------------------------------------------------------------------------------------------------

constexpr std::array kModes = {PermissionMode::kInherit, PermissionMode::kDisallow, PermissionMode::kRestrict};

Manifest manifest_with(const std::string& name, const Handler& handler, PermissionMode mode) {
  Manifest manifest;
  manifest.name = name;
  manifest.source_name = name + ".toml";
  manifest.handlers.push_back({.type = std::string(handler.type()), .fields = {}, .line = 1});
  std::string capability(handler.type());
  std::ranges::replace(capability, '-', '_');
  manifest.permission_policy.capabilities[capability] = {.mode = mode, .restrictions = {}, .line = 2};
  return manifest;
}

/// An actor that imports everything that the handler has.
actor::ActorSpec spec_of(const Handler& handler, Manifest manifest) {
  actor::ActorSpec spec;
  spec.manifest = std::move(manifest);
  spec.handlers = {&handler};
  std::uint16_t function = 0;
  for (const HandlerInterface& interface : handler.imports()) {
    for (const HandlerFunction& imported : interface.functions) {
      spec.functions.imports.push_back(std::string(interface.name) + "." + std::string(imported.name));
      spec.imports.push_back({.handler = 0, .function = function++});
    }
  }
  return spec;
}

TEST(PermissionMatrix, every_function_of_every_handler_is_refused_where_any_of_three_generations_denies_it) {
  MessageRouter router;
  const HandlerRegistry registry = builtin_handlers(router);
  std::size_t functions = 0;
  for (const HandlerSchema& schema : registry.schemas()) {
    const Handler& handler = *registry.find(schema.type);
    for (const PermissionMode first : kModes) {
      for (const PermissionMode second : kModes) {
        for (const PermissionMode third : kModes) {
          const auto eldest = compose_permissions(nullptr, manifest_with("eldest", handler, first));
          const auto middle = compose_permissions(&eldest, manifest_with("middle", handler, second));
          actor::ActorSpec spec = spec_of(handler, manifest_with("youngest", handler, third));
          spec.set_permissions(compose_permissions(&middle, spec.manifest));
          const bool denied = first == PermissionMode::kDisallow || second == PermissionMode::kDisallow ||
                              third == PermissionMode::kDisallow;
          for (std::size_t i = 0; i < spec.imports.size(); ++i) {
            EXPECT_EQ(spec.imports[i].is_refused, denied) << spec.functions.imports[i];
            ++functions;
          }
          // Nor does one who names no such handler have anything to hand down.
          const auto nobody = compose_permissions(&middle, Manifest());
          spec.set_permissions(compose_permissions(&nobody, spec.manifest));
          for (const auto& import : spec.imports) EXPECT_TRUE(import.is_refused);
        }
      }
    }
  }
  EXPECT_GE(functions, 27u * 20u);
}

// Real actors: a boss, a boss below it, and their workers
// ---------------------------------------------------------------

class Generations : public RuntimeTest {
 protected:
  void SetUp() override {
    RuntimeTest::SetUp();
    eldest = start_eldest("");
  }
  ActorId start_eldest(const std::string& policies) {
    auto loaded = runtime->load(THEATER_EXAMPLES "/supervisor_tree/manifest.toml");
    EXPECT_TRUE(loaded) << loaded.error().to_string();
    ParseOptions options;
    options.base_directory = loaded->manifest.base_directory;
    options.source_name = "eldest.toml";
    auto manifest = parse_manifest(loaded->manifest.text + policies, options);
    EXPECT_TRUE(manifest) << manifest.error().to_string();
    const auto blueprint = runtime->prepare(std::move(*manifest));
    EXPECT_TRUE(blueprint) << blueprint.error().to_string();
    return runtime->spawn(*blueprint).value_or(ActorId());
  }
  /// A boss below the eldest, who makes its own workers; or the error.
  std::string spawn_middle(const std::string& policies, const std::string& handlers = kHandlers) {
    return ask_text(eldest, "spawn name = \"middle\"\ncomponent = \"build/boss.wasm\"\n" + handlers + policies);
  }
  /// The first of its workers.
  ActorId worker_of(const std::string& middle) {
    const auto id = parse_id<ActorId>(middle);
    EXPECT_TRUE(id) << middle;
    if (!id) return {};
    const auto children = runtime->children(*id);
    EXPECT_THAT(children, SizeIs(2));
    return children.empty() ? ActorId() : children.front();
  }
  std::string text_of_events(const ActorId& id, EventKind kind) {
    std::string text;
    for (const Event& event : runtime->events(id).value_or(std::vector<Event>())) {
      if (event.kind == kind) text += to_line(event) + "\n";
    }
    return text;
  }

  static constexpr const char* kHandlers =
      "[[handler]]\ntype = \"runtime\"\n[[handler]]\ntype = \"message-server\"\n[[handler]]\ntype = \"supervisor\"\n"
      "[[handler]]\ntype = \"timing\"\n";
  ActorId eldest;
};

TEST_F(Generations, what_a_grandparent_denies_is_refused_with_an_event_that_says_who_denies_it) {
  ASSERT_TRUE(runtime->stop(eldest));
  eldest = start_eldest("[permission_policy.timing]\ntype = \"disallow\"\n");
  const ActorId worker = worker_of(spawn_middle(""));
  send(worker, "sleep");
  wait_for_log("worker-ann", "not permitted: theater:simple/timing.sleep: denied by eldest.toml:");
  EXPECT_EQ(runtime->info(worker)->status, ActorStatus::kRunning) << "it was an error, and no trap";
  EXPECT_THAT(text_of_events(worker, EventKind::kNote),
              AllOf(HasSubstr("permission.refused"), HasSubstr("[permission_policy.timing] of boss")));
  EXPECT_THAT(text_of_events(worker, EventKind::kHostCall), HasSubstr("timing.sleep"));
  const auto permissions = runtime->permissions(worker);
  ASSERT_TRUE(permissions);
  EXPECT_FALSE(permissions->find("timing")->allowed);
  EXPECT_TRUE(permissions->find("runtime")->allowed);
}

TEST_F(Generations, what_a_parent_restricts_binds_its_child) {
  const ActorId worker = worker_of(
      spawn_middle("[permission_policy.timing]\ntype = \"restrict\"\nconfig = { max_sleep_duration = 10 }\n"));
  send(worker, "sleep");
  wait_for_log("worker-ann", "exceeds maximum of 10 ms");
}

TEST_F(Generations, a_handler_that_the_parent_lacks_is_refused_and_the_line_to_add_is_told) {
  const std::string without_timing =
      "[[handler]]\ntype = \"runtime\"\n[[handler]]\ntype = \"message-server\"\n[[handler]]\ntype = \"supervisor\"\n";
  const ActorId worker = worker_of(spawn_middle("", without_timing));
  send(worker, "sleep");
  wait_for_log("worker-ann",
               "its parent middle does not have the handler \"timing\"; to hand it down add [[handler]] type = "
               "\"timing\" to manifest given to spawn");
}

TEST_F(Generations, a_function_that_can_tell_no_error_ends_the_actor_instead) {
  const std::string error = spawn_middle("[permission_policy.runtime]\ntype = \"disallow\"\n");
  EXPECT_THAT(error, AllOf(HasSubstr("not permitted: theater:simple/runtime.log: denied by"),
                           HasSubstr("[permission_policy.runtime] of middle")));
}

TEST_F(Generations, a_supervisor_that_may_not_have_children_gets_an_error) {
  EXPECT_THAT(spawn_middle("[permission_policy.supervisor]\ntype = \"disallow\"\n"),
              HasSubstr("no worker: not permitted: theater:simple/supervisor.spawn: denied by"));
}

TEST_F(Generations, permissions_of_messages_narrow_from_one_generation_to_the_next) {
  const ActorId worker = worker_of(spawn_middle(
      "[permission_policy.message_server]\ntype = \"restrict\"\nconfig = { can_open_channels = false }\n"));
  const auto permissions = runtime->permissions(worker);
  ASSERT_TRUE(permissions);
  const MessageServerPermissions messages = message_permissions(*permissions);
  EXPECT_TRUE(messages.can_send);
  EXPECT_FALSE(messages.can_open_channels);
  EXPECT_EQ(permissions->find("message-server")->fields.at("can_open_channels").from.front().actor, "middle");
}

TEST_F(Generations, a_restarted_child_has_no_more_than_before) {
  const ActorId worker = worker_of(spawn_middle("[permission_policy.timing]\ntype = \"disallow\"\n"));
  const auto before = runtime->permissions(worker);
  ASSERT_TRUE(runtime->restart(worker));
  EXPECT_EQ(*runtime->permissions(worker), *before);
  EXPECT_FALSE(before->find("timing")->allowed);
}

// Resumed children
// ------------------------------------------------------------------------------------------------------

class ResumedChildren : public RuntimeTest {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "/theater_permissions_XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder = name;
    open();
  }
  void TearDown() override {
    RuntimeTest::TearDown();
    runtime.reset();
    std::filesystem::remove_all(folder);
  }
  void open() {
    runtime.reset();
    RuntimeOptions options;
    options.data_directory = folder;
    start(std::move(options));
  }
  ActorId spawn_below(const std::optional<ActorId>& parent, const std::string& name, const std::string& keys,
                      const std::string& tables = "") {
    const auto blueprint = runtime->prepare(*parse(keys + manifest_text(name, "guests/echo", tables)));
    EXPECT_TRUE(blueprint) << blueprint.error().to_string();
    SpawnOptions options;
    options.parent = parent;
    const auto id = runtime->spawn(*blueprint, std::move(options));
    EXPECT_TRUE(id) << id.error().to_string();
    return id.value_or(ActorId());
  }
  std::filesystem::path folder;
};

TEST_F(ResumedChildren, have_no_more_than_before_though_their_parents_stay_away) {
  const ActorId eldest = spawn_below(std::nullopt, "eldest", "", "[permission_policy.timing]\ntype = \"disallow\"\n");
  const ActorId middle = spawn_below(eldest, "middle", "");
  const ActorId child = spawn_below(middle, "child", "resume = true\n");
  const auto before = runtime->permissions(child);
  ASSERT_TRUE(before);
  EXPECT_FALSE(before->find("timing")->allowed);
  open();
  const auto resumed = runtime->resume();
  ASSERT_THAT(resumed, SizeIs(1));
  ASSERT_FALSE(resumed[0].error) << resumed[0].error->to_string();
  const auto after = runtime->permissions(child);
  ASSERT_TRUE(after);
  EXPECT_FALSE(after->find("timing")->allowed);
  EXPECT_EQ(after->find("timing")->from.front().actor, "eldest");
  EXPECT_TRUE(after->find("runtime")->allowed);
}

TEST_F(ResumedChildren, stay_away_when_it_is_not_known_what_their_parents_may_do) {
  const ActorId parent = spawn_below(std::nullopt, "parent", "", "[chain]\ndurability = \"none\"\n");
  (void)spawn_below(parent, "child", "resume = true\n");
  open();
  const auto resumed = runtime->resume();
  ASSERT_THAT(resumed, SizeIs(1));
  ASSERT_TRUE(resumed[0].error);
  EXPECT_THAT(resumed[0].error->to_string(), HasSubstr("a parent whose children resume must keep its own"));
}

}  // namespace
}  // namespace theater::testing
