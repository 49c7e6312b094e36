#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "router/router_core.h"
#include "seeded_world.h"

namespace theater::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class Messaging : public SeededWorld {
 protected:
  std::mutex mutex;
  std::vector<std::string> seen;
  std::atomic<int> count = 0;

  void see(std::string what) {
    const std::lock_guard lock(mutex);
    seen.push_back(std::move(what));
    ++count;
  }
  std::vector<std::string> all_seen() {
    const std::lock_guard lock(mutex);
    return seen;
  }
  /// Notes what it is sent.
  Script listener() {
    return Script().on(kHandleSend, [this](ScriptContext&, Received message) -> Turn {
      see(message.content);
      co_return nothing();
    });
  }
  /// Sends what it is sent on to an actor, and notes the answer.
  Script asker(std::string target) {
    return Script().on(kHandleSend, [this, target](ScriptContext& me, Received message) -> Turn {
      const Answer answer = answer_of(co_await me.request(target, message.content));
      see((answer.ok ? "ok " : "error ") + answer.value);
      co_return nothing();
    });
  }
};

INSTANTIATE_TEST_SUITE_P(ThreadsAndSeeds, Messaging, ::testing::Range(0, 25));
/// The same when nothing is seen before it is safe on a disk.
INSTANTIATE_TEST_SUITE_P(SlowDisk, Messaging, ::testing::Range(100, 112));

// Sending -------------------------------------------------------------------------------------------------------------

TEST_P(Messaging, messages_between_two_actors_arrive_in_order) {
  world.spawn("to", listener());
  const ActorId from = world.spawn("from", Script().on(kHandleSend, [](ScriptContext& me, Received) -> Turn {
    for (int i = 0; i < 200; ++i) EXPECT_TRUE(answer_of(co_await me.send("to", std::to_string(i))).ok);
    co_return nothing();
  }));
  world.send(from, "go");
  world.run_until([&] { return count == 200; });
  for (int i = 0; i < 200; ++i) EXPECT_EQ(all_seen()[static_cast<std::size_t>(i)], std::to_string(i));
}

TEST_P(Messaging, a_send_to_nobody_is_an_error_that_names_the_target) {
  const ActorId from = world.spawn("from", Script().on(kHandleSend, [this](ScriptContext& me, Received) -> Turn {
    see(answer_of(co_await me.send("nobody", "x")).value);
    see(answer_of(co_await me.send("00000000-0000-4000-8000-000000000000", "x")).value);
    co_return nothing();
  }));
  world.send(from, "go");
  world.run_until([&] { return count == 2; });
  EXPECT_THAT(all_seen(), ElementsAre("no such actor: nobody", "no such actor: 00000000-0000-4000-8000-000000000000"));
}

TEST_P(Messaging, a_full_mailbox_refuses_and_loses_nothing_it_accepted) {
  ActorWorld::Options small;
  small.limits.mailbox_messages = 5;
  world.spawn("to", listener(), small);
  std::atomic<int> accepted = 0;
  std::atomic<int> refused = 0;
  const ActorId from = world.spawn("from", Script().on(kHandleSend, [&](ScriptContext& me, Received) -> Turn {
    for (int i = 0; i < 50; ++i) {
      const Answer answer = answer_of(co_await me.send("to", "x"));
      (answer.ok ? accepted : refused)++;
      EXPECT_TRUE(answer.ok || answer.value.starts_with("mailbox full")) << answer.value;
    }
    co_return nothing();
  }));
  world.send(from, "go");
  world.run_until([&] { return accepted + refused == 50 && count == accepted; });
  EXPECT_TRUE(accepted == 5 || !world.simulated()) << accepted;
}

TEST_P(Messaging, a_mailbox_is_bounded_in_bytes_too) {
  ActorWorld::Options small;
  small.limits.mailbox_bytes = 1000;
  world.spawn("to", Script(), small);
  const ActorId from = world.spawn("from", Script().on(kHandleSend, [&](ScriptContext& me, Received) -> Turn {
    co_await me.send("to", std::string(600, 'x'));
    see(answer_of(co_await me.send("to", std::string(600, 'x'))).ok ? "accepted" : "refused");
    co_return nothing();
  }));
  world.send(from, "go");
  world.run_until([&] { return count == 1; });
  EXPECT_TRUE(all_seen()[0] == "refused" || !world.simulated());
}

TEST_P(Messaging, drop_oldest_keeps_the_newest_and_counts_the_dropped) {
  ActorWorld::Options dropping;
  dropping.limits.mailbox_messages = 3;
  dropping.limits.mailbox_overflow = MailboxOverflow::kDropOldest;
  dropping.shard = 0;
  world.spawn("to", listener(), dropping);
  ActorWorld::Options same;
  same.shard = 0;
  const ActorId from = world.spawn("from",
                                   Script().on(kHandleSend,
                                               [](ScriptContext& me, Received) -> Turn {
                                                 for (int i = 0; i < 6; ++i)
                                                   EXPECT_TRUE(answer_of(co_await me.send("to", std::to_string(i))).ok);
                                                 co_return nothing();
                                               }),
                                   same);
  world.send(from, "go");
  world.run_until([&] { return count == 3; });
  EXPECT_THAT(all_seen(), ElementsAre("3", "4", "5"));
  EXPECT_EQ(world.router().totals().dead_letters, 3u);
  EXPECT_EQ(world.router().dead_letters()[0].reason, "dropped-oldest");
}

TEST_P(Messaging, a_message_over_the_receivers_limit_is_refused) {
  ActorWorld::Options small;
  small.limits.message_max_bytes = 10;
  const ActorId to = world.spawn("to", listener(), small);
  const auto sent = world.router().send(to, as_bytes("eleven byte"));
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code(), ErrorCode::kTooLarge);
  EXPECT_TRUE(world.router().send(to, as_bytes("ten bytes!")));
  world.run_until([&] { return count == 1; });
}

TEST_P(Messaging, an_actor_that_stops_leaves_dead_letters_and_an_error_for_later_senders) {
  ActorWorld::Options options;
  const ActorId to = world.spawn("to",
                                 Script().on(kHandleSend,
                                             [](ScriptContext& me, Received) -> Turn {
                                               co_await me.sleep(3'600'000);
                                               co_return nothing();
                                             }),
                                 options);
  for (int i = 0; i < 4; ++i) world.send(to, "x");
  world.run_until([&] { return world.router().totals().delivered == 1; });
  world.stop(to);
  EXPECT_EQ(world.router().totals().dead_letters, 3u);
  const auto late = world.router().send(to, as_bytes("x"));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), ErrorCode::kNotFound);
}

TEST_P(Messaging, a_handlers_error_keeps_the_actor_and_its_state) {
  const ActorId to = world.spawn("to", Script().on(kHandleSend, [this](ScriptContext&, Received message) -> Turn {
    see(message.content);
    if (message.content == "bad") throw GuestError{"no such thing"};
    co_return nothing();
  }));
  world.send(to, "bad");
  world.send(to, "good");
  world.run_until([&] { return count == 2; });
  EXPECT_EQ(world.end_of(to), "");
  EXPECT_THAT(world.log_of("to"), ElementsAre("handler returned an error: no such thing"));
}

TEST_P(Messaging, a_trap_ends_the_actor_and_leaves_the_others_alone) {
  const ActorId bad = world.spawn("bad", Script().on(kHandleSend, [](ScriptContext&, Received) -> Turn {
    throw Trap{"unreachable"};
    co_return nothing();
  }));
  const ActorId good = world.spawn("good", listener());
  world.send(bad, "x");
  world.run_until([&] { return !world.end_of(bad).empty(); });
  world.send(good, "x");
  world.run_until([&] { return count == 1; });
  EXPECT_THAT(world.end_of(bad),
              HasSubstr("failed: trapped in theater:simple/message-server-client.handle-send: unreachable"));
}

TEST_P(Messaging, permissions_refuse_what_the_manifest_does_not_allow) {
  world.spawn("friend", listener());
  world.spawn("stranger", listener());
  ActorWorld::Options options;
  CapabilityPolicy policy{.mode = PermissionMode::kRestrict, .restrictions = {}, .line = 1};
  policy.restrictions["can_request"] = false;
  policy.restrictions["allowed_targets"] = std::vector<std::string>{"friend"};
  options.permissions.capabilities["message_server"] = policy;
  const ActorId from = world.spawn("from",
                                   Script().on(kHandleSend,
                                               [this](ScriptContext& me, Received) -> Turn {
                                                 see(answer_of(co_await me.send("stranger", "x")).value);
                                                 see(answer_of(co_await me.request("friend", "x")).value);
                                                 EXPECT_TRUE(answer_of(co_await me.send("friend", "hello")).ok);
                                                 co_return nothing();
                                               }),
                                   options);
  world.send(from, "go");
  world.run_until([&] { return count == 3; });
  EXPECT_THAT(all_seen()[0], HasSubstr("not permitted"));
  EXPECT_THAT(all_seen()[1], HasSubstr("not permitted"));
}

// Requests ------------------------------------------------------------------------------------------------------------

TEST_P(Messaging, a_request_waits_for_its_answer) {
  world.spawn("echo", Script().on(kHandleRequest, [](ScriptContext&, Received message) -> Turn {
    co_return reply("echo " + message.content);
  }));
  const ActorId from = world.spawn("from", asker("echo"));
  world.send(from, "a");
  world.send(from, "b");
  world.run_until([&] { return count == 2; });
  EXPECT_THAT(all_seen(), ElementsAre("ok echo a", "ok echo b"));
}

TEST_P(Messaging, an_answer_may_be_given_in_a_later_turn) {
  auto owed = std::make_shared<std::vector<std::string>>();
  const ActorId oracle = world.spawn("oracle", Script()
                                                   .on(kHandleRequest,
                                                       [owed](ScriptContext&, Received message) -> Turn {
                                                         owed->push_back(message.id);
                                                         co_return no_reply();
                                                       })
                                                   .on(kHandleSend, [owed](ScriptContext& me, Received) -> Turn {
                                                     const Bytes list = co_await me.list_outstanding();
                                                     EXPECT_EQ(list[0], owed->size());
                                                     for (const std::string& id : *owed)
                                                       EXPECT_TRUE(answer_of(co_await me.respond(id, "at last")).ok);
                                                     co_return nothing();
                                                   }));
  const ActorId a = world.spawn("a", asker("oracle"));
  const ActorId b = world.spawn("b", asker("oracle"));
  world.send(a, "?");
  world.send(b, "?");
  world.run_until([&] { return world.router().totals().delivered == 4; });
  EXPECT_EQ(count, 0);
  world.send(oracle, "now");
  world.run_until([&] { return count == 2; });
  EXPECT_THAT(all_seen(), ElementsAre("ok at last", "ok at last"));
}

TEST_P(Messaging, a_cancelled_request_fails_at_its_sender) {
  world.spawn("no", Script().on(kHandleRequest, [](ScriptContext& me, Received message) -> Turn {
    EXPECT_TRUE(answer_of(co_await me.cancel(message.id)).ok);
    EXPECT_FALSE(answer_of(co_await me.respond(message.id, "late")).ok);
    co_return no_reply();
  }));
  world.send(world.spawn("from", asker("no")), "?");
  world.run_until([&] { return count == 1; });
  EXPECT_EQ(all_seen()[0], "error cancelled: no will not answer the request");
}

TEST_P(Messaging, of_two_answers_the_first_counts_and_the_second_is_recorded) {
  const ActorId twice =
      world.spawn("twice", Script().on(kHandleRequest, [](ScriptContext& me, Received message) -> Turn {
        EXPECT_TRUE(answer_of(co_await me.respond(message.id, "first")).ok);
        co_return reply("second");
      }));
  world.send(world.spawn("from", asker("twice")), "?");
  world.run_until([&] { return count == 1; });
  EXPECT_EQ(all_seen()[0], "ok first");
  world.settle();
  const auto events = world.events(twice);
  EXPECT_TRUE(
      std::ranges::any_of(events, [](const Event& e) { return e.note_type == "message-server.second-answer"; }));
}

TEST_P(Messaging, a_request_that_fails_at_its_receiver_fails_at_its_sender) {
  world.spawn("error", Script().on(kHandleRequest, [](ScriptContext&, Received) -> Turn {
    throw GuestError{"wrong question"};
    co_return nothing();
  }));
  world.spawn("trap", Script().on(kHandleRequest, [](ScriptContext&, Received) -> Turn {
    throw Trap{"unreachable"};
    co_return nothing();
  }));
  world.send(world.spawn("a", asker("error")), "?");
  world.run_until([&] { return count == 1; });
  world.send(world.spawn("b", asker("trap")), "?");
  world.run_until([&] { return count == 2; });
  EXPECT_EQ(all_seen()[0], "error the request failed in error: wrong question");
  EXPECT_EQ(all_seen()[1], "error the request failed in trap: unreachable");
}

TEST_P(Messaging, a_request_to_an_actor_that_stops_fails) {
  const ActorId silent = world.spawn("silent", Script());
  world.send(world.spawn("from", asker("silent")), "?");
  world.run_until([&] { return world.router().totals().delivered == 2; });
  world.stop(silent);
  world.run_until([&] { return count == 1; });
  EXPECT_EQ(all_seen()[0], "error stopped: silent ended before it answered");
}

TEST_P(Messaging, a_request_ends_at_its_deadline_and_a_late_answer_is_an_error) {
  ActorWorld::Options hurried;
  hurried.limits.request_timeout_ms = 20;
  auto owed = std::make_shared<std::string>();
  const ActorId late = world.spawn("late", Script()
                                               .on(kHandleRequest,
                                                   [owed](ScriptContext&, Received message) -> Turn {
                                                     *owed = message.id;
                                                     co_return no_reply();
                                                   })
                                               .on(kHandleSend, [this, owed](ScriptContext& me, Received) -> Turn {
                                                 see(answer_of(co_await me.respond(*owed, "x")).value);
                                                 co_return nothing();
                                               }));
  world.send(world.spawn("from", asker("late"), hurried), "?");
  world.run_until([&] { return count == 1; });
  EXPECT_EQ(all_seen()[0], "error timeout: no answer from late within 20 ms");
  world.send(late, "now");
  world.run_until([&] { return count == 2; });
  EXPECT_THAT(all_seen()[1], HasSubstr("no longer waits"));
}

TEST_P(Messaging, a_request_whose_time_is_over_before_its_turn_is_a_dead_letter) {
  ActorWorld::Options hurried;
  hurried.limits.request_timeout_ms = 10;
  const ActorId busy =
      world.spawn("busy", Script()
                              .on(kHandleSend,
                                  [](ScriptContext& me, Received) -> Turn {
                                    co_await me.sleep(100);
                                    co_return nothing();
                                  })
                              .on(kHandleRequest, [](ScriptContext&, Received) -> Turn { co_return reply("x"); }));
  world.send(busy, "work");
  world.run_until([&] { return world.router().totals().delivered == 1; });
  world.send(world.spawn("from", asker("busy"), hurried), "?");
  world.run_until([&] { return count == 1; });
  world.settle();
  world.run_until([&] { return world.router().totals().dead_letters == 1; });
  EXPECT_EQ(world.router().dead_letters()[0].reason, "expired");
}

TEST_P(Messaging, answering_an_unknown_request_is_an_error) {
  const ActorId me = world.spawn("me", Script().on(kHandleSend, [this](ScriptContext& self, Received) -> Turn {
    see(answer_of(co_await self.respond("not an id", "x")).value);
    see(answer_of(co_await self.cancel("00000000-0000-4000-8000-000000000000")).value);
    co_return nothing();
  }));
  world.send(me, "go");
  world.run_until([&] { return count == 2; });
  for (const std::string& text : all_seen()) EXPECT_THAT(text, HasSubstr("no outstanding request"));
}

// Cycles --------------------------------------------------------------------------------------------------------------

TEST_P(Messaging, a_request_to_itself_fails_at_once) {
  world.send(world.spawn("self", asker("self")), "?");
  world.run_until([&] { return count == 1; });
  EXPECT_THAT(all_seen()[0],
              HasSubstr("error deadlock: this request would close a cycle of actors that wait for each other: self"));
}

/// Asks the next actor when asked, and passes on what comes.
Script relay(std::string next) {
  return Script().on(kHandleRequest, [next](ScriptContext& me, Received message) -> Turn {
    const Answer answer = answer_of(co_await me.request(next, message.content));
    co_return reply(me.cell().name() + (answer.ok ? ": " : " failed: ") + answer.value);
  });
}

TEST_P(Messaging, the_request_that_would_close_a_cycle_fails_with_the_cycle_spelled_out) {
  world.spawn("a", relay("b"));
  world.spawn("b", relay("c"));
  world.spawn("c", relay("a"));
  world.send(world.spawn("from", asker("a")), "?");
  world.run_until([&] { return count == 1; });
  EXPECT_THAT(all_seen()[0], HasSubstr("ok a: b: c failed: deadlock: "));
  // Whole and in order, back to where it began.
  const std::string text = all_seen()[0].substr(all_seen()[0].find("other: "));
  EXPECT_LT(text.find("c ("), text.find("a ("));
  EXPECT_LT(text.find("a ("), text.find("b ("));
  EXPECT_THAT(text, HasSubstr("→ c"));
}

TEST_P(Messaging, of_two_requests_that_close_a_cycle_at_the_same_time_exactly_one_fails) {
  for (int round = 0; round < 20; ++round) {
    const std::string x = "x" + std::to_string(round);
    const std::string y = "y" + std::to_string(round);
    const auto script = [this](std::string other) {
      Script both = asker(std::move(other));
      both.on(kHandleRequest, [](ScriptContext&, Received) -> Turn { co_return reply("fine"); });
      return both;
    };
    const ActorId a = world.spawn(x, script(y));
    const ActorId b = world.spawn(y, script(x));
    world.send(a, "?");
    world.send(b, "?");
    world.run_until([&] { return count == 2 * (round + 1); });
  }
  // Where both were under way at once one failed and the other went through; where they were not, both went through.
  const auto all = all_seen();
  for (int round = 0; round < 20; ++round) {
    const int fine = (all[2 * round] == "ok fine") + (all[2 * round + 1] == "ok fine");
    EXPECT_GE(fine, 1) << all[2 * round] << "\n" << all[2 * round + 1];
  }
}

// Channels ------------------------------------------------------------------------------------------------------------

/// Accepts every channel, and notes what comes.
class Channels : public Messaging {
 protected:
  Script acceptor(std::string first_message = "") {
    return Script()
        .on(kHandleChannelOpen,
            [this, first_message](ScriptContext&, Received open) -> Turn {
              see("open " + open.content);
              co_return first_message.empty() ? accept() : accept(first_message);
            })
        .on(kHandleChannelMessage,
            [this](ScriptContext& me, Received message) -> Turn {
              see(me.cell().name() + " got " + message.content);
              if (message.content.starts_with("echo "))
                co_await me.send_on_channel(message.id, message.content.substr(5));
              if (message.content == "close") {
                EXPECT_TRUE(answer_of(co_await me.close_channel(message.id)).ok);
              }
              co_return nothing();
            })
        .on(kHandleChannelClose, [this](ScriptContext& me, Received) -> Turn {
          see(me.cell().name() + " closed");
          co_return nothing();
        });
  }
  /// Opens a channel with what it is sent first; sends what it is sent later on it.
  Script opener(std::string target) {
    Script script = acceptor();
    auto channel = std::make_shared<std::string>();
    script.on(kHandleSend, [this, target, channel](ScriptContext& me, Received message) -> Turn {
      if (channel->empty()) {
        const Answer opened = answer_of(co_await me.open_channel(target, message.content));
        see(opened.ok ? "opened" : opened.value);
        if (opened.ok) *channel = opened.value;
      } else if (message.content == "close it") {
        see(answer_of(co_await me.close_channel(*channel)).ok ? "closing" : "not closing");
      } else {
        const Answer sent = answer_of(co_await me.send_on_channel(*channel, message.content));
        if (!sent.ok) see(sent.value);
      }
      co_return nothing();
    });
    return script;
  }
};

INSTANTIATE_TEST_SUITE_P(ThreadsAndSeeds, Channels, ::testing::Range(0, 25));
INSTANTIATE_TEST_SUITE_P(SlowDisk, Channels, ::testing::Range(100, 112));

TEST_P(Channels, carry_messages_both_ways_in_order_after_the_first_message) {
  world.spawn("server", acceptor("welcome"));
  const ActorId client = world.spawn("client", opener("server"));
  world.send(client, "hello");
  for (int i = 0; i < 20; ++i) world.send(client, "echo " + std::to_string(i));
  world.run_until([&] { return count == 3 + 40; });
  std::vector<std::string> at_client;
  for (const std::string& what : all_seen()) {
    if (what.starts_with("client got ")) at_client.push_back(what.substr(11));
  }
  ASSERT_THAT(at_client, SizeIs(21));
  EXPECT_EQ(at_client[0], "welcome");
  for (int i = 0; i < 20; ++i) EXPECT_EQ(at_client[static_cast<std::size_t>(i + 1)], std::to_string(i));
}

TEST_P(Channels, may_be_refused_with_a_reason) {
  world.spawn("server",
              Script().on(kHandleChannelOpen, [](ScriptContext&, Received) -> Turn { co_return refuse("not today"); }));
  world.send(world.spawn("client", opener("server")), "hello");
  world.run_until([&] { return count == 1; });
  EXPECT_EQ(all_seen()[0], "channel refused by server: not today");
}

TEST_P(Channels, closed_by_either_side_are_closed_for_both_and_both_are_told) {
  for (const bool by_client : {true, false}) {
    const std::string name = by_client ? "s1" : "s2";
    world.spawn(name, acceptor());
    const ActorId client = world.spawn("c" + name, opener(name));
    const int before = count;
    world.send(client, "hello");
    world.run_until([&] { return count == before + 2; });
    world.send(client, by_client ? "close it" : "close");
    world.run_until([&] { return count == before + 5; });
    world.send(client, "too late");
    world.run_until([&] { return count == before + 6; });
    EXPECT_THAT(all_seen().back(), HasSubstr("channel closed"));
    EXPECT_EQ(std::ranges::count(all_seen(), name + " closed"), 1);
    EXPECT_EQ(std::ranges::count(all_seen(), "c" + name + " closed"), 1);
  }
}

TEST_P(Channels, end_with_either_participant) {
  const ActorId server = world.spawn("server", acceptor());
  const ActorId client = world.spawn("client", opener("server"));
  world.send(client, "hello");
  world.run_until([&] { return count == 2; });
  world.stop(server);
  world.run_until([&] { return count == 3; });
  EXPECT_EQ(all_seen().back(), "client closed");
}

TEST_P(Channels, are_of_use_to_their_participants_only) {
  std::string id;
  world.spawn("server", Script().on(kHandleChannelOpen, [&](ScriptContext&, Received open) -> Turn {
    id = open.id;
    co_return accept();
  }));
  world.send(world.spawn("client", opener("server")), "hello");
  world.run_until([&] { return count == 1; });
  const ActorId thief = world.spawn("thief", Script().on(kHandleSend, [&](ScriptContext& me, Received) -> Turn {
    see(answer_of(co_await me.send_on_channel(id, "x")).value);
    see(answer_of(co_await me.close_channel(id)).value);
    co_return nothing();
  }));
  world.send(thief, "go");
  world.run_until([&] { return count == 3; });
  EXPECT_THAT(all_seen()[1], HasSubstr("is not an open channel of this actor"));
  EXPECT_THAT(all_seen()[2], HasSubstr("is not an open channel of this actor"));
}

TEST_P(Channels, are_checked_against_permissions_again_at_each_use) {
  const auto restricted = [](const std::string& field, const ConfigValue& value) {
    ActorWorld::Options options;
    CapabilityPolicy policy{.mode = PermissionMode::kRestrict, .restrictions = {}, .line = 1};
    policy.restrictions[field] = value;
    options.permissions.capabilities["message_server"] = policy;
    return options;
  };
  // Who was asked for a channel may answer on it.
  const ActorId server = world.spawn("server", acceptor(), restricted("can_open_channels", false));
  const ActorId client =
      world.spawn("client", opener("server"), restricted("allowed_targets", std::vector<std::string>{"server"}));
  world.send(client, "hello");
  world.run_until([&] { return count == 2; });
  world.send(client, "echo yes");
  world.run_until([&] { return count == 4; });
  // From here on it is nobody whom the client may address.
  world.router().core().directory().remove_names(server);
  world.send(client, "echo no");
  world.run_until([&] { return count == 5; });
  EXPECT_THAT(all_seen().back(), AllOf(HasSubstr("not permitted: "), HasSubstr("allowed_targets"),
                                       HasSubstr("[permission_policy.message_server] of client")));
}

TEST_P(Channels, opened_and_closed_many_times_leave_nothing_behind) {
  ActorWorld::Options few;
  few.limits.channels_max = 2;
  world.spawn("server", Script().on(kHandleChannelOpen, [](ScriptContext&, Received) -> Turn { co_return accept(); }),
              few);
  const int rounds = 500;
  const ActorId client = world.spawn("client",
                                     Script().on(kHandleSend,
                                                 [&](ScriptContext& me, Received) -> Turn {
                                                   const Answer opened =
                                                       answer_of(co_await me.open_channel("server", "x"));
                                                   EXPECT_TRUE(opened.ok) << opened.value;
                                                   EXPECT_TRUE(answer_of(co_await me.close_channel(opened.value)).ok);
                                                   if (++count < rounds) {
                                                     EXPECT_TRUE(answer_of(co_await me.send("client", "again")).ok);
                                                   }
                                                   co_return nothing();
                                                 }),
                                     few);
  world.send(client, "go");
  // With a bound of two, a channel left behind at either side would stop this.
  world.run_until([&] { return count == rounds; });
}

TEST_P(Channels, beyond_the_limit_are_refused) {
  ActorWorld::Options one;
  one.limits.channels_max = 1;
  world.spawn("server", acceptor());
  const ActorId client =
      world.spawn("client",
                  Script().on(kHandleSend,
                              [this](ScriptContext& me, Received) -> Turn {
                                see(answer_of(co_await me.open_channel("server", "x")).ok ? "opened" : "");
                                see(answer_of(co_await me.open_channel("server", "x")).value);
                                co_return nothing();
                              }),
                  one);
  world.send(client, "go");
  world.run_until([&] { return count == 3; });
  EXPECT_THAT(all_seen().back(), HasSubstr("limits.channels_max"));
}

// From outside --------------------------------------------------------------------------------------------------------

TEST_P(Messaging, requests_from_outside_are_answered_once) {
  const ActorId echo = world.spawn("echo", Script().on(kHandleRequest, [](ScriptContext&, Received message) -> Turn {
    co_return reply(message.content);
  }));
  world.router().request(echo, as_bytes("hi"), 0,
                         [this](Result<Bytes> answer) { see(std::string(as_text(answer.value()))); });
  world.run_until([&] { return count == 1; });
  EXPECT_EQ(all_seen()[0], "hi");
}

TEST_P(Messaging, an_answer_comes_after_what_was_sent_before_it) {
  ActorWorld::Options elsewhere;
  elsewhere.shard = 1;
  const ActorId to = world.spawn("to", listener(), elsewhere);
  ActorWorld::Options here;
  here.shard = 0;
  const ActorId teller = world.spawn("teller",
                                     Script().on(kHandleRequest,
                                                 [](ScriptContext& me, Received) -> Turn {
                                                   EXPECT_TRUE(answer_of(co_await me.send("to", "first")).ok);
                                                   co_return reply("told");
                                                 }),
                                     here);
  world.router().request(teller, as_bytes("go"), 0,
                         [&](Result<Bytes>) { EXPECT_TRUE(world.router().send(to, as_bytes("second"))); });
  world.run_until([&] { return count == 2; });
  EXPECT_THAT(all_seen(), ElementsAre("first", "second"));
}

TEST_P(Messaging, a_request_from_outside_times_out_or_hears_that_the_actor_stopped) {
  const ActorId silent = world.spawn("silent", Script());
  world.router().request(silent, as_bytes("hi"), 20,
                         [this](Result<Bytes> answer) { see(std::string(to_string(answer.error().code()))); });
  world.run_until([&] { return count == 1; });
  world.router().request(silent, as_bytes("hi"), 3'600'000,
                         [this](Result<Bytes> answer) { see(std::string(to_string(answer.error().code()))); });
  world.run_until([&] { return world.router().totals().delivered == 2; });
  world.stop(silent);
  world.run_until([&] { return count == 2; });
  world.router().request(silent, as_bytes("hi"), 0,
                         [this](Result<Bytes> answer) { see(std::string(to_string(answer.error().code()))); });
  EXPECT_THAT(all_seen(), ElementsAre("timeout", "stopped", "not-found"));
}

class OuterEnd final : public ChannelListener {
 public:
  explicit OuterEnd(std::function<void(std::string)> see) : see_(std::move(see)) {}
  void opened(const ChannelId&) override { see_("outside opened"); }
  void refused(const Error& error) override { see_("outside refused: " + error.message()); }
  void message(const ChannelId&, ByteView message) override { see_("outside got " + std::string(as_text(message))); }
  void closed(const ChannelId&) override { see_("outside closed"); }

 private:
  std::function<void(std::string)> see_;
};

TEST_P(Channels, may_have_one_end_outside) {
  const ActorId server = world.spawn("server", acceptor("welcome"));
  const auto end = std::make_shared<OuterEnd>([this](std::string what) { see(std::move(what)); });
  const auto channel = world.router().open_channel(server, as_bytes("hello"), end);
  ASSERT_TRUE(channel);
  world.run_until([&] { return count == 3; });
  EXPECT_THAT(all_seen(), ElementsAre("open hello", "outside opened", "outside got welcome"));
  EXPECT_TRUE(world.router().send_on_channel(*channel, as_bytes("echo one")));
  world.run_until([&] { return count == 5; });
  EXPECT_THAT(all_seen().back(), "outside got one");
  EXPECT_TRUE(world.router().close_channel(*channel));
  EXPECT_FALSE(world.router().send_on_channel(*channel, as_bytes("x")));
  world.run_until([&] { return count == 6; });
  EXPECT_EQ(all_seen().back(), "server closed");
}

TEST_P(Channels, opened_from_outside_are_given_up_at_the_deadline_and_a_late_acceptance_is_closed) {
  if (!world.simulated()) return;  // Half a minute of real time; the simulation jumps.
  const ActorId slow = world.spawn("slow", Script()
                                               .on(kHandleChannelOpen,
                                                   [](ScriptContext& me, Received) -> Turn {
                                                     co_await me.sleep(60'000);
                                                     co_return accept("too late");
                                                   })
                                               .on(kHandleChannelClose, [this](ScriptContext&, Received) -> Turn {
                                                 see("slow closed");
                                                 co_return nothing();
                                               }));
  const auto end = std::make_shared<OuterEnd>([this](std::string what) { see(std::move(what)); });
  ASSERT_TRUE(world.router().open_channel(slow, as_bytes("hello"), end));
  world.run_until([&] { return count == 2; });
  EXPECT_THAT(all_seen()[0], HasSubstr("neither accepted nor refused the channel within 30000 ms"));
  EXPECT_EQ(all_seen()[1], "slow closed");
}

TEST_P(Channels, closed_by_the_outer_end_before_they_open_say_nothing_more) {
  const ActorId server = world.spawn("server", acceptor("welcome"));
  const auto end = std::make_shared<OuterEnd>([this](std::string what) { see(std::move(what)); });
  const auto channel = world.router().open_channel(server, as_bytes("hello"), end);
  ASSERT_TRUE(channel && world.router().close_channel(*channel));
  world.run_until([&] { return std::ranges::count(all_seen(), "server closed") == 1; });
  const bool heard_late = world.simulated() && std::ranges::count(all_seen(), "outside opened") > 0;
  EXPECT_FALSE(heard_late);
}

TEST_P(Channels, with_one_end_outside_end_with_the_actor) {
  const ActorId server = world.spawn("server", acceptor());
  const auto channel = world.router().open_channel(
      server, as_bytes("hello"), std::make_shared<OuterEnd>([this](std::string what) { see(std::move(what)); }));
  world.run_until([&] { return count == 2; });
  world.stop(server);
  world.run_until([&] { return count == 3; });
  EXPECT_EQ(all_seen().back(), "outside closed");
  EXPECT_EQ(world.router().send_on_channel(*channel, as_bytes("x")).error().code(), ErrorCode::kClosed);
}

// Time ----------------------------------------------------------------------------------------------------------------

TEST_P(Messaging, a_sleeping_actor_does_not_hold_up_its_shard) {
  ActorWorld::Options same;
  same.shard = 0;
  const ActorId sleeper = world.spawn("sleeper",
                                      Script().on(kHandleSend,
                                                  [this](ScriptContext& me, Received) -> Turn {
                                                    EXPECT_TRUE(answer_of(co_await me.sleep(50)).ok);
                                                    see("awake");
                                                    co_return nothing();
                                                  }),
                                      same);
  const ActorId other = world.spawn("other", listener(), same);
  world.send(sleeper, "x");
  world.run_until([&] { return world.router().totals().delivered == 1; });
  world.send(other, "meanwhile");
  world.run_until([&] { return count == 2; });
  EXPECT_THAT(all_seen(), ElementsAre("meanwhile", "awake"));
}

TEST_P(Messaging, sleeping_too_long_or_too_short_is_an_error_and_a_past_deadline_is_none) {
  ActorWorld::Options bounded;
  bounded.min_sleep_ms = 5;
  bounded.max_sleep_ms = 100;
  const ActorId me = world.spawn("me",
                                 Script().on(kHandleSend,
                                             [this](ScriptContext& self, Received) -> Turn {
                                               see(answer_of(co_await self.sleep(101)).value);
                                               see(answer_of(co_await self.sleep(4)).value);
                                               see(answer_of(co_await self.deadline(1)).ok ? "at once" : "no");
                                               see(answer_of(co_await self.deadline(UINT64_MAX)).value);
                                               const Bytes now = co_await self.now();
                                               const std::uint64_t now_ms = ValueReader(now).unsigned_integer();
                                               see(answer_of(co_await self.deadline(now_ms + 20)).ok ? "waited" : "no");
                                               EXPECT_THAT(answer_of(co_await self.deadline(now_ms + 1'000'000)).value,
                                                           HasSubstr("exceeds maximum of 100 ms"));
                                               co_return nothing();
                                             }),
                                 bounded);
  world.send(me, "go");
  world.run_until([&] { return count == 5; });
  EXPECT_THAT(all_seen(),
              ElementsAre("Duration too long: 101 ms exceeds maximum of 100 ms",
                          "Duration too short: 4 ms is below minimum of 5 ms", "at once",
                          "Invalid deadline: 18446744073709551615 is not a time in milliseconds", "waited"));
}

TEST_P(Messaging, an_actor_can_be_stopped_while_it_sleeps) {
  const ActorId sleeper = world.spawn("sleeper", Script().on(kHandleSend, [](ScriptContext& me, Received) -> Turn {
    co_await me.sleep(3'600'000);
    ADD_FAILURE() << "woke up";
    co_return nothing();
  }));
  world.send(sleeper, "x");
  world.run_until([&] { return world.router().totals().delivered == 1; });
  world.stop(sleeper);
  EXPECT_THAT(world.end_of(sleeper), HasSubstr("requested"));
}

TEST_P(Messaging, an_actor_that_asks_for_its_end_ends_after_the_turn) {
  const ActorId me = world.spawn("me", Script().on(kHandleSend, [this](ScriptContext& self, Received) -> Turn {
    co_await self.shutdown();
    see("still here");
    co_return nothing();
  }));
  world.send(me, "go");
  world.run_until([&] { return !world.end_of(me).empty(); });
  EXPECT_EQ(count, 1);
  EXPECT_THAT(world.end_of(me), HasSubstr("shutdown"));
}

TEST(SimulatedMessaging, a_sleep_survives_jumps_of_the_wall_clock) {
  for (const std::int64_t jump_ns : {std::int64_t{3'600'000'000'000}, std::int64_t{-3'600'000'000'000}}) {
    ActorWorld world(1);
    std::uint64_t slept_ns = 0;
    const ActorId sleeper = world.spawn("sleeper", Script().on(kHandleSend, [&](ScriptContext& me, Received) -> Turn {
      const std::uint64_t start_ns = world.simulated_clock().monotonic_ns();
      co_await me.sleep(1000);
      slept_ns = world.simulated_clock().monotonic_ns() - start_ns;
      co_return nothing();
    }));
    world.send(sleeper, "x");
    world.run_until([&] { return world.router().totals().delivered == 1; });
    world.simulated_clock().jump_wall_clock(jump_ns);
    world.run_until([&] { return slept_ns > 0; });
    EXPECT_GE(slept_ns, 1'000'000'000u);
    EXPECT_LT(slept_ns, 1'100'000'000u);
  }
}

// All at once ---------------------------------------------------------------------------------------------------------

TEST_P(Messaging, everything_stays_accounted_for_when_actors_stop_under_load) {
  std::mt19937_64 random(static_cast<std::uint64_t>(GetParam()));
  std::vector<ActorId> ids;
  for (int i = 0; i < 12; ++i) {
    ActorWorld::Options options;
    options.limits.mailbox_messages = 4;
    options.limits.request_timeout_ms = 50;
    if (i % 3 == 0) options.limits.mailbox_overflow = MailboxOverflow::kDropOldest;
    const auto pick = [i, n = std::make_shared<int>(0)] { return "actor" + std::to_string((i * 7 + ++*n * 5) % 12); };
    Script script;
    script.on(kHandleSend, [pick](ScriptContext& me, Received message) -> Turn {
      const int hops = message.content.empty() ? 0 : message.content[0] - 'a';
      if (hops > 0) {
        const std::string next(1, static_cast<char>('a' + hops - 1));
        co_await me.send(pick(), next);
        co_await me.request(pick(), next);
        const Answer channel = answer_of(co_await me.open_channel(pick(), next));
        if (channel.ok) co_await me.send_on_channel(channel.value, next);
        if (channel.ok && hops % 2 == 0) co_await me.close_channel(channel.value);
      }
      co_return nothing();
    });
    script.on(kHandleRequest, [](ScriptContext&, Received message) -> Turn {
      co_return message.content == "a" ? no_reply() : reply("x");
    });
    script.on(kHandleChannelOpen, [](ScriptContext&, Received) -> Turn { co_return accept("first"); });
    script.on(kHandleChannelMessage, [](ScriptContext& me, Received message) -> Turn {
      co_await me.send("actor0", "a");
      if (message.content == "c") throw Trap{"enough"};
      co_return nothing();
    });
    ids.push_back(world.spawn("actor" + std::to_string(i), std::move(script), options));
  }
  for (int i = 0; i < 30; ++i) (void)world.router().send(ids[random() % ids.size()], as_bytes("d"));
  std::ranges::shuffle(ids, random);
  for (std::size_t i = 0; i < ids.size() / 2; ++i) world.stop(ids[i]);
  // TearDown stops the rest, and checks the accounts and every chain.
}

}  // namespace
}  // namespace theater::testing
