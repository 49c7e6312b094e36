// Names that actors give themselves, and groups.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <random>

#include "base/limits.h"
#include "router/router_core.h"
#include "seeded_world.h"

namespace theater::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

class RegistryWorld : public SeededWorld {
 protected:
  void see(std::string what) {
    const std::lock_guard lock(mutex);
    seen.push_back(std::move(what));
    ++count;
  }
  std::vector<std::string> take_seen() {
    const std::lock_guard lock(mutex);
    count = 0;
    return std::exchange(seen, {});
  }
  static std::string said(const Answer& answer) { return (answer.ok ? "ok " : "error ") + answer.value; }
  static std::string found(const Bytes& bytes) {
    ValueReader reader(bytes);
    return reader.tag() ? std::string(as_text(reader.bytes())) : "nobody";
  }
  /// Does what it is sent: "verb what text", and tells what came of it. What it does not know it notes as heard.
  Script doer(const std::string& name) {
    return Script().on(kHandleSend, [this, name](ScriptContext& me, Received message) -> Turn {
      const std::string text = message.content;
      const auto blank = text.find(' ');
      const std::string verb = text.substr(0, blank);
      std::string what = blank == std::string::npos ? "" : text.substr(blank + 1);
      if (verb == "whereis") {
        see(found(co_await me.whereis(what)));
      } else if (verb == "register") {
        see(said(answer_of(co_await me.register_name(what))));
      } else if (verb == "unregister") {
        see(said(answer_of(co_await me.unregister_name(what))));
      } else if (verb == "join") {
        see(said(answer_of(co_await me.join(what))));
      } else if (verb == "leave") {
        see(said(answer_of(co_await me.leave(what))));
      } else if (verb == "members") {
        see(said(list_of(co_await me.members(what))));
      } else if (verb == "publish") {
        see(said(number_of(co_await me.publish(what, "news"))));
      } else if (verb == "send") {
        see(said(answer_of(co_await me.send(what, "hello"))));
      } else {
        see(name + " heard " + text);
      }
      co_return nothing();
    });
  }
  ActorId spawn_doer(const std::string& name, const ActorWorld::Options& options = ActorWorld::Options()) {
    return world.spawn(name, doer(name), options);
  }
  /// What the actor tells of one message; nothing else may be under way.
  std::string ask(const ActorId& id, const std::string& text) {
    take_seen();
    world.send(id, text);
    world.run_until([&] { return count >= 1; });
    return take_seen().at(0);
  }

  std::mutex mutex;
  std::vector<std::string> seen;
  std::atomic<int> count = 0;
};

INSTANTIATE_TEST_SUITE_P(ThreadsAndSeeds, RegistryWorld, ::testing::Range(0, 12));
INSTANTIATE_TEST_SUITE_P(SlowDisk, RegistryWorld, ::testing::Range(100, 104));

// Names ---------------------------------------------------------------------------------------------------------------

TEST_P(RegistryWorld, an_actor_is_reached_by_every_name_that_it_gives_itself) {
  const ActorId a = spawn_doer("a");
  const ActorId b = spawn_doer("b");
  EXPECT_EQ(ask(b, "whereis printer"), "nobody");
  EXPECT_EQ(ask(a, "register printer"), "ok ");
  EXPECT_EQ(ask(a, "register printer"), "ok ") << "its own";
  EXPECT_EQ(ask(b, "whereis printer"), to_string(a));
  EXPECT_EQ(ask(b, "whereis a"), to_string(a)) << "the name that it was given";
  world.send(b, "send printer");
  world.run_until([&] { return count == 2; });
  EXPECT_THAT(take_seen(), ::testing::UnorderedElementsAre("ok ", "a heard hello"));
  EXPECT_EQ(world.router().find("printer").value(), a);
}

TEST_P(RegistryWorld, a_name_that_is_taken_is_an_error_that_names_its_owner) {
  const ActorId a = spawn_doer("a");
  const ActorId b = spawn_doer("b");
  EXPECT_EQ(ask(a, "register printer"), "ok ");
  EXPECT_EQ(ask(b, "register printer"), "error the name \"printer\" belongs to actor " + to_string(a) + " already");
  EXPECT_EQ(ask(b, "unregister printer"), "error the name printer is not this actor's");
  EXPECT_EQ(ask(b, "register a"), "error the name \"a\" belongs to actor " + to_string(a) + " already");
}

TEST_P(RegistryWorld, a_name_that_was_given_up_reaches_its_next_owner_also_from_who_used_it_before) {
  const ActorId a = spawn_doer("a");
  const ActorId b = spawn_doer("b");
  const ActorId c = spawn_doer("c");
  ask(a, "register printer");
  world.send(c, "send printer");
  world.run_until([&] { return count == 2; });
  EXPECT_EQ(ask(a, "unregister printer"), "ok ");
  EXPECT_EQ(ask(c, "send printer"), "error no such actor: printer");
  EXPECT_EQ(ask(b, "register printer"), "ok ");
  take_seen();
  world.send(c, "send printer");
  world.run_until([&] { return count == 2; });
  EXPECT_THAT(take_seen(), ::testing::UnorderedElementsAre("ok ", "b heard hello"));
}

TEST_P(RegistryWorld, names_are_bounded_and_cannot_be_taken_for_ids) {
  const ActorId a = spawn_doer("a");
  EXPECT_THAT(ask(a, "register "), StartsWith("error not a name"));
  EXPECT_THAT(ask(a, "register " + std::string(limits::kActorNameBytes + 1, 'x')), StartsWith("error not a name"));
  EXPECT_THAT(ask(a, "register two\nlines"), StartsWith("error not a name"));
  EXPECT_THAT(ask(a, "register " + to_string(a)), ::testing::HasSubstr("could be taken for an id"));
  // One it has.
  for (std::size_t i = 1; i < limits::kActorNames; ++i) {
    EXPECT_EQ(ask(a, "register name" + std::to_string(i)), "ok ");
  }
  EXPECT_EQ(ask(a, "register another"), "error the actor has 16 names already, the most allowed; unregister one");
  EXPECT_EQ(ask(a, "unregister name1"), "ok ");
  EXPECT_EQ(ask(a, "register another"), "ok ");
}

TEST_P(RegistryWorld, names_and_memberships_are_free_when_the_actor_is_forgotten) {
  const ActorId a = spawn_doer("a");
  const ActorId b = spawn_doer("b");
  ask(a, "register printer");
  ask(a, "join news");
  world.router().core().forget(a);
  EXPECT_EQ(ask(b, "register printer"), "ok ");
  EXPECT_EQ(ask(b, "members news"), "ok ");
}

TEST_P(RegistryWorld, the_manifest_may_name_the_only_names_and_groups) {
  ActorWorld::Options options;
  options.registry = {{"allowed_names", std::vector<std::string>{"printer"}},
                      {"allowed_groups", std::vector<std::string>{"news"}}};
  const ActorId a = spawn_doer("a", options);
  EXPECT_EQ(ask(a, "register printer"), "ok ");
  EXPECT_EQ(ask(a, "register scanner"),
            "error not permitted: the manifest's handler \"registry\" does not list the name scanner in allowed_names");
  EXPECT_EQ(ask(a, "join news"), "ok ");
  for (const std::string verb : {"join", "leave", "members", "publish"}) {
    EXPECT_THAT(ask(a, verb + " gossip"), StartsWith("error not permitted: ")) << verb;
  }
  const auto is_refusal = [](const Event& event) { return event.note_type == "permission.refused"; };
  EXPECT_EQ(std::ranges::count_if(world.events(a), is_refusal), 5) << "each refusal is an event";
}

// Groups --------------------------------------------------------------------------------------------------------------

TEST_P(RegistryWorld, a_group_has_its_members_in_the_order_in_which_they_joined) {
  const ActorId a = spawn_doer("a");
  const ActorId b = spawn_doer("b");
  EXPECT_EQ(ask(a, "members news"), "ok ") << "a group without members is empty, and no error";
  EXPECT_EQ(ask(b, "join news"), "ok ");
  EXPECT_EQ(ask(a, "join news"), "ok ");
  EXPECT_EQ(ask(b, "join news"), "ok ") << "once more";
  EXPECT_EQ(ask(a, "members news"), "ok " + to_string(b) + " " + to_string(a));
  EXPECT_EQ(ask(b, "leave news"), "ok ");
  EXPECT_EQ(ask(b, "leave news"), "error not a member of the group news");
  EXPECT_EQ(ask(b, "members news"), "ok " + to_string(a));
}

TEST_P(RegistryWorld, what_is_published_reaches_each_member_and_names_the_call) {
  const ActorId a = spawn_doer("a");
  const ActorId b = spawn_doer("b");
  const ActorId c = spawn_doer("c");
  for (const ActorId& id : {a, b}) ask(id, "join news");
  EXPECT_EQ(ask(c, "publish nothing"), "ok 0");
  world.send(c, "publish news");
  world.run_until([&] { return count == 3; });
  EXPECT_THAT(take_seen(), ::testing::UnorderedElementsAre("ok 2", "a heard news", "b heard news"));
  world.send(a, "publish news");
  world.run_until([&] { return count == 3; });
  EXPECT_THAT(take_seen(), ::testing::UnorderedElementsAre("ok 2", "a heard news", "b heard news"))
      << "the publisher too, if it is a member";
  // TearDown checks that each receive names a publish.
}

TEST_P(RegistryWorld, who_may_not_be_sent_to_is_not_counted_as_reached) {
  const ActorId a = spawn_doer("a");
  ask(a, "join news");
  const ActorId b = spawn_doer("b");
  ask(b, "join news");
  ActorWorld::Options bound;
  bound.permissions.capabilities["message_server"] = {
      .mode = PermissionMode::kRestrict,
      .restrictions = {{"allowed_targets", std::vector<std::string>{"b"}}},
      .line = 1};
  const ActorId c = spawn_doer("c", bound);
  world.send(c, "publish news");
  world.run_until([&] { return count == 2; });
  EXPECT_THAT(take_seen(), ::testing::UnorderedElementsAre("ok 1", "b heard news"));
  EXPECT_EQ(world.router().totals().refused, 1u);
}

TEST_P(RegistryWorld, groups_are_bounded) {
  router::Groups groups;
  const auto actor = [](std::size_t number) {
    return ActorId({static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)});
  };
  for (std::size_t i = 0; i < limits::kActorGroups; ++i) {
    ASSERT_TRUE(groups.join("group" + std::to_string(i), actor(1)));
  }
  EXPECT_EQ(groups.join("one more", actor(1)).error().code(), ErrorCode::kResourceExhausted);
  EXPECT_TRUE(groups.join("group0", actor(1))) << "it is in there already";
  for (std::size_t i = 0; i < limits::kGroupMembers; ++i) ASSERT_TRUE(groups.join("large", actor(i + 2)));
  EXPECT_EQ(groups.join("large", actor(0)).error().code(), ErrorCode::kResourceExhausted);
  EXPECT_EQ(groups.join("", actor(0)).error().code(), ErrorCode::kInvalidArgument);
  groups.leave_all(actor(1));
  EXPECT_THAT(groups.members("group0"), IsEmpty());
  EXPECT_THAT(groups.members("large"), SizeIs(limits::kGroupMembers));
}

TEST_P(RegistryWorld, names_and_groups_that_change_while_they_are_used_lose_nothing) {
  std::mt19937_64 random(static_cast<std::uint64_t>(GetParam()));
  std::vector<ActorId> ids;
  for (int i = 0; i < 6; ++i) ids.push_back(spawn_doer("actor" + std::to_string(i)));
  constexpr std::array kDeeds = {"register x",   "unregister x", "join news",   "leave news",
                                 "publish news", "send x",       "publish news"};
  for (int i = 0; i < 80; ++i) {
    const ActorId id = ids[random() % ids.size()];
    if (random() % 30 == 0) world.on_cell(id, [](actor::ActorCell& cell) { cell.end(StopReason::kTerminated, ""); });
    (void)world.router().send(id, as_bytes(kDeeds[random() % kDeeds.size()]));
    bool passed = false;
    if (world.simulated() && random() % 3 == 0) world.run_until([&] { return std::exchange(passed, true); });
  }
  world.settle();
}

}  // namespace
}  // namespace theater::testing
