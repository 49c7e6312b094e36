#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "guest_harness.h"

namespace theater {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::unique_ptr<GuestHarness> guest(const std::string& name) {
  auto harness = GuestHarness::load(std::string(THEATER_COMPONENTS) + "/" + name + ".wasm");
  EXPECT_NE(harness, nullptr) << name;
  return harness;
}

Bytes strings(std::initializer_list<std::string_view> items) {
  Bytes bytes;
  ValueWriter writer(bytes);
  for (const std::string_view item : items) writer.string(item);
  return bytes;
}

Bytes ok_string(std::string_view text) {
  Bytes bytes;
  ValueWriter writer(bytes);
  writer.ok();
  writer.string(text);
  return bytes;
}

Bytes error_string(std::string_view text) {
  Bytes bytes;
  ValueWriter(bytes).error(text);
  return bytes;
}

/// The answer in handle-request's result; none when it comes later.
std::optional<std::string> answer_of(const GuestOutcome& outcome) {
  ValueReader reader(outcome.result);
  const std::optional<Bytes> bytes = reader.optional_bytes();
  EXPECT_TRUE(reader.done());
  if (!bytes) return std::nullopt;
  return std::string(as_text(*bytes));
}

struct Acceptance {
  bool accepted = false;
  std::optional<std::string> message;
  bool operator==(const Acceptance&) const = default;
};

Acceptance acceptance_of(const GuestOutcome& outcome) {
  ValueReader reader(outcome.result);
  Acceptance acceptance{reader.boolean(), std::nullopt};
  if (const auto message = reader.optional_bytes()) acceptance.message = std::string(as_text(*message));
  EXPECT_TRUE(reader.done());
  return acceptance;
}

std::vector<std::string> functions_called(GuestHarness& harness) {
  std::vector<std::string> names;
  for (const auto& call : harness.host_calls()) names.push_back(call.function);
  return names;
}

std::vector<std::string> imports_of(GuestHarness& harness) {
  std::vector<std::string> names;
  for (const auto& import : harness.component().imports()) names.push_back(import.interface + "." + import.function);
  return names;
}

std::string last_log(GuestHarness& harness) {
  for (auto call = harness.host_calls().rbegin(); call != harness.host_calls().rend(); ++call) {
    if (call->function != "runtime.log") continue;
    ValueReader reader(call->params);
    return std::string(reader.string());
  }
  return "";
}

constexpr std::string_view kId = "0a1b2c3d-0000-4000-8000-000000000001";

TEST(Sdk, an_actor_imports_only_the_functions_that_it_calls) {
  EXPECT_THAT(imports_of(*guest("guests/sdk_nothing")), ElementsAre());
  EXPECT_THAT(imports_of(*guest("bencher")), ElementsAre("theater:simple/message-server-host.send"));
  EXPECT_THAT(imports_of(*guest("responder")), ElementsAre());
}

TEST(Sdk, the_same_component_speaks_the_older_package) {
  const auto old = guest("guests/old_namespace");
  EXPECT_THAT(imports_of(*old), ElementsAre("ntwk:theater/runtime.log"));
  EXPECT_EQ(old->call("ntwk:theater/actor", "init", strings({kId})).status, TE_CALL_RETURNED);
  EXPECT_EQ(old->call("ntwk:theater/message-server-client", "handle-send", strings({"hello"})).status,
            TE_CALL_RETURNED);
  EXPECT_EQ(last_log(*old), "old: hello");
}

TEST(Sdk, a_handler_that_is_not_there_says_so) {
  const auto nothing = guest("guests/sdk_nothing");
  EXPECT_EQ(nothing->init(kId).status, TE_CALL_RETURNED);
  EXPECT_THAT(nothing->send("x").message, HasSubstr("not handled"));
  EXPECT_THAT(nothing->request("r", "x").message, HasSubstr("not handled"));
  EXPECT_THAT(nothing->channel_message("c", "x").message, HasSubstr("not handled"));
  EXPECT_EQ(acceptance_of(nothing->channel_open("c", "x")), (Acceptance{false, std::nullopt}));
  EXPECT_EQ(nothing->channel_close("c").status, TE_CALL_RETURNED);
}

TEST(Sdk, the_first_start_gets_the_initial_state_and_the_id) {
  const auto actor = guest("guests/sdk_everything");
  actor->set_state(to_bytes("first bytes"));
  EXPECT_EQ(actor->init(kId).status, TE_CALL_RETURNED);
  EXPECT_EQ(last_log(*actor), "started as " + std::string(kId) + " with first bytes");
  EXPECT_EQ(answer_of(actor->request("r", "")), "starts 1 numbers 0 upgraded false");
}

TEST(Sdk, a_start_may_fail) {
  const auto actor = guest("guests/sdk_everything");
  actor->set_state(to_bytes("refuse"));
  const GuestOutcome outcome = actor->init(kId);
  EXPECT_EQ(outcome.status, TE_CALL_GUEST_ERROR);
  EXPECT_EQ(outcome.message, "will not start");
}

TEST(Sdk, members_are_kept_from_turn_to_turn_and_over_a_restart) {
  const auto actor = guest("guests/sdk_everything");
  actor->init(kId);
  EXPECT_EQ(actor->send("add 5").status, TE_CALL_RETURNED);
  const auto again = guest("guests/sdk_everything");
  again->set_state(actor->state());
  again->init(kId);
  EXPECT_EQ(answer_of(again->request("r", "")), "starts 2 numbers 1 upgraded false");
}

TEST(Sdk, a_failed_turn_changes_no_member) {
  const auto actor = guest("guests/sdk_everything");
  actor->init(kId);
  const GuestOutcome outcome = actor->send("fail-after-change at all");
  EXPECT_EQ(outcome.status, TE_CALL_GUEST_ERROR);
  EXPECT_EQ(outcome.message, "changed in vain: at all");
  EXPECT_EQ(answer_of(actor->request("r", "")), "starts 1 numbers 0 upgraded false");
}

TEST(Sdk, a_state_of_another_version_goes_to_on_upgrade_or_is_refused) {
  const auto actor = guest("guests/sdk_everything");
  Bytes old = to_bytes("TS");
  append(old, Bytes{2, 0, 4, 0, 0, 0, 'a', 'b', 'c', 'd'});
  actor->set_state(old);
  EXPECT_EQ(actor->init(kId).status, TE_CALL_RETURNED);
  EXPECT_EQ(answer_of(actor->request("r", "")), "starts 0 numbers 2 upgraded true");

  const auto counter = guest("counter");
  counter->set_state(old);
  EXPECT_THAT(counter->init(kId).message, HasSubstr("version 2, this component keeps version 1"));
  counter->set_state(to_bytes("nonsense"));
  EXPECT_THAT(counter->send("1").message, HasSubstr("not written by this component"));
}

TEST(Sdk, every_function_of_the_message_server_is_called_as_its_interface_says) {
  const auto actor = guest("guests/sdk_everything");
  actor->init(kId);
  actor->host_calls().clear();
  EXPECT_EQ(actor->send("send peer some text").status, TE_CALL_RETURNED);
  EXPECT_EQ(actor->host_calls().back().params, strings({"peer", "some text"}));

  actor->answer("message-server-host.request", ok_string("forty-two"));
  EXPECT_EQ(actor->send("ask what").status, TE_CALL_RETURNED);
  EXPECT_EQ(last_log(*actor), "answer forty-two");
  actor->answer("message-server-host.request", error_string("no such actor"));
  EXPECT_EQ(actor->send("ask what").message, "no such actor");

  actor->answer("message-server-host.open-channel", ok_string("channel-1"));
  EXPECT_EQ(actor->send("open hello").status, TE_CALL_RETURNED);
  EXPECT_EQ(actor->host_calls().back().params, strings({"peer", "hello"}));
  EXPECT_EQ(actor->send("say something").status, TE_CALL_RETURNED);
  EXPECT_EQ(actor->host_calls().back().params, strings({"channel-1", "something"}));
  EXPECT_EQ(actor->send("close").status, TE_CALL_RETURNED);
  EXPECT_EQ(actor->host_calls().back().params, strings({"channel-1"}));

  EXPECT_EQ(answer_of(actor->request("request-1", "later")), std::nullopt);
  EXPECT_EQ(actor->send("respond the answer").status, TE_CALL_RETURNED);
  EXPECT_EQ(actor->host_calls().back().params, strings({"request-1", "the answer"}));
  EXPECT_EQ(actor->send("cancel").status, TE_CALL_RETURNED);
  EXPECT_EQ(actor->host_calls().back().params, strings({"request-1"}));
  EXPECT_EQ(actor->request("request-2", "fail").message, "no");

  actor->answer("message-server-host.list-outstanding-requests", Bytes{2, 1, 'a', 2, 'b', 'c'});
  EXPECT_EQ(answer_of(actor->request("r", "outstanding")), "[a][bc]");
}

TEST(Sdk, a_channel_is_accepted_or_refused_with_or_without_a_message) {
  const auto actor = guest("guests/sdk_everything");
  actor->init(kId);
  EXPECT_EQ(acceptance_of(actor->channel_open("c", "")), (Acceptance{true, std::nullopt}));
  EXPECT_EQ(acceptance_of(actor->channel_open("c", "hello")), (Acceptance{true, "hello"}));
  EXPECT_EQ(acceptance_of(actor->channel_open("c", "refuse")), (Acceptance{false, "not today"}));
  EXPECT_EQ(actor->channel_open("c", "fail").message, "broken");
  EXPECT_EQ(actor->channel_message("c", "text").status, TE_CALL_RETURNED);
  EXPECT_EQ(actor->host_calls().back().params, strings({"c", "text"}));
  EXPECT_EQ(actor->channel_close("c").status, TE_CALL_RETURNED);
  EXPECT_EQ(last_log(*actor), "closed c");
}

TEST(Sdk, time_and_runtime_functions_are_called_as_their_interfaces_say) {
  const auto actor = guest("guests/sdk_everything");
  actor->init(kId);
  actor->host_calls().clear();
  actor->answer("timing.now", Bytes{100});
  EXPECT_EQ(actor->send("until").status, TE_CALL_RETURNED);
  EXPECT_THAT(functions_called(*actor), ElementsAre("timing.now", "timing.deadline"));
  EXPECT_EQ(actor->host_calls().back().params, Bytes{105});
  actor->answer("timing.sleep", error_string("too long"));
  EXPECT_EQ(actor->send("sleep 99").message, "too long");
  EXPECT_EQ(actor->host_calls().back().params, Bytes{99});
  EXPECT_EQ(actor->send("shutdown bye").status, TE_CALL_RETURNED);
  EXPECT_EQ(actor->host_calls().back().params, (Bytes{1, 3, 'b', 'y', 'e'}));
  // [{hash 5, event {"t", none, "xy"}}, {hash 6, event {"u", some 5, ""}}]
  actor->answer("runtime.get-chain", Bytes{2, 5, 1, 't', 0, 2, 'x', 'y', 6, 1, 'u', 1, 5, 0});
  EXPECT_EQ(answer_of(actor->request("r", "chain")), "t=5xyu=6<");
}

TEST(Sdk, names_groups_and_timers_are_called_as_their_interfaces_say) {
  const auto actor = guest("guests/sdk_ext");
  actor->init(kId);
  const auto ask = [&](std::string_view command) { return answer_of(actor->request("r", command)); };
  const auto with_number = [](std::uint64_t number, std::string_view to, std::string_view message) {
    Bytes params;
    ValueWriter writer(params);
    writer.unsigned_integer(number);
    writer.string(to);
    writer.string(message);
    return params;
  };
  const auto ok_number = [](std::uint64_t number) {
    Bytes bytes;
    ValueWriter writer(bytes);
    writer.ok();
    writer.unsigned_integer(number);
    return bytes;
  };
  actor->answer("registry.whereis", Bytes{0});
  EXPECT_EQ(ask("whereis printer"), "nobody");
  EXPECT_EQ(actor->host_calls().back().params, strings({"printer"}));
  actor->answer("registry.whereis", Bytes{1, 2, 'i', 'd'});
  EXPECT_EQ(ask("whereis printer"), "id");
  EXPECT_EQ(ask("register printer"), "ok");
  actor->answer("registry.register", error_string("taken"));
  EXPECT_EQ(ask("register printer"), "error: taken");
  EXPECT_EQ(ask("unregister printer"), "ok");
  EXPECT_EQ(ask("join news"), "ok");
  EXPECT_EQ(ask("leave news"), "ok");
  EXPECT_EQ(actor->host_calls().back().params, strings({"news"}));
  actor->answer("registry.members", Bytes{0, 2, 1, 'a', 2, 'b', 'c'});
  EXPECT_EQ(ask("members news"), "[a][bc]");
  actor->answer("registry.members", error_string("not permitted"));
  EXPECT_EQ(ask("members news"), "error: not permitted");
  actor->answer("registry.publish", ok_number(3));
  EXPECT_EQ(ask("publish news a b"), "3");
  EXPECT_EQ(actor->host_calls().back().params, strings({"news", "a b"}));

  actor->answer("timers.send-after", ok_number(0x1'2345'6789));
  EXPECT_EQ(ask("after 5000000000 printer page 1"), std::to_string(0x1'2345'6789));
  EXPECT_EQ(actor->host_calls().back().params, with_number(5'000'000'000, "printer", "page 1"));
  actor->answer("timers.send-after", error_string("too late"));
  EXPECT_EQ(ask("after 1 printer x"), "error: too late");
  actor->answer("timers.send-every", ok_number(7));
  EXPECT_EQ(ask("every 20 self tick"), "7");
  EXPECT_EQ(actor->host_calls().back().params, with_number(20, kId, "tick"));
  actor->answer("timers.cancel", Bytes{1});
  EXPECT_EQ(ask("cancel 7"), "true");
  actor->answer("timers.cancel", Bytes{0});
  EXPECT_EQ(ask("cancel 7"), "false");
  EXPECT_EQ(actor->host_calls().back().params, Bytes{7});
}

TEST(Sdk, integers_of_every_width_are_written_in_decimal) {
  const auto actor = guest("guests/sdk_everything");
  actor->init(kId);
  actor->send("integers");
  EXPECT_EQ(last_log(*actor), "0 -1 -9223372036854775808 18446744073709551615 200 c true 7");
}

TEST(Sdk, text_that_is_not_utf8_is_made_so_before_it_crosses) {
  const auto actor = guest("guests/sdk_everything");
  actor->init(kId);
  actor->send("echo-log \xff ok \xc3\xa4 \xed\xa0\x80 \xf0\x9f\x8e\xad \xe2\x82");
  EXPECT_EQ(last_log(*actor), "? ok \xc3\xa4 ??? \xf0\x9f\x8e\xad ??");
  EXPECT_EQ(actor->send("add \xff").message, "not a number: ?");
}

TEST(Sdk, memory_of_a_turn_grows_as_needed_and_is_taken_again_by_the_next) {
  const auto actor = guest("guests/sdk_everything");
  actor->init(kId);
  actor->set_fuel(limits::kFuelPerTurn);
  EXPECT_EQ(actor->send("fill").message, "");
  const std::uint64_t memory_bytes = actor->memory_bytes();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(actor->send("fill").message, "");
  EXPECT_LE(actor->memory_bytes(), memory_bytes * 3);
  EXPECT_EQ(actor->send("add 5").status, TE_CALL_RETURNED);
  EXPECT_EQ(actor->send("bytes").status, TE_CALL_RETURNED);
  EXPECT_EQ(last_log(*actor), "true 3890");
}

TEST(Sdk, large_messages_are_taken_one_after_the_other_without_growing) {
  const auto actor = guest("guests/echo");
  actor->init(kId);
  const std::string message(300'000, 'm');
  actor->request("r", message);
  const std::uint64_t memory_bytes = actor->memory_bytes();
  for (int i = 0; i < 50; ++i) EXPECT_EQ(answer_of(actor->request("r", message)), message);
  EXPECT_LE(actor->memory_bytes(), memory_bytes + (2u << 20));
}

TEST(Sdk, an_actor_may_save_itself_and_have_global_constructors) {
  const auto actor = guest("guests/sdk_saves_itself");
  actor->init(kId);
  actor->send("ab");
  actor->send("cd");
  EXPECT_EQ(answer_of(actor->request("r", "")), "2 abcd 7");
}

TEST(Sdk, a_c_actor_has_state_answers_and_channels) {
  const auto actor = guest("guests/echo");
  EXPECT_EQ(actor->init(kId).status, TE_CALL_RETURNED);
  EXPECT_EQ(actor->send("kept").status, TE_CALL_RETURNED);
  EXPECT_EQ(answer_of(actor->request("r", "state")), "kept");
  EXPECT_EQ(answer_of(actor->request("r", "anything")), "anything");
  EXPECT_EQ(actor->send("fail").message, "failed as asked");
  EXPECT_EQ(actor->request("r", "fail").message, "failed as asked");
  EXPECT_EQ(answer_of(actor->request("q", "later")), std::nullopt);
  EXPECT_EQ(actor->send("now").status, TE_CALL_RETURNED);
  EXPECT_EQ(actor->host_calls().back().params, strings({"q", "now"}));
  EXPECT_EQ(acceptance_of(actor->channel_open("c", "refuse")), (Acceptance{false, "refuse"}));
  EXPECT_EQ(acceptance_of(actor->channel_open("c", "")), (Acceptance{true, std::nullopt}));
}

TEST(Sdk, the_benchmark_s_actor_returns_the_received_bytes_with_its_own_id) {
  const auto actor = guest("bencher");
  actor->init(kId);
  const std::string peer(36, 'p');
  EXPECT_EQ(actor->send(peer + " and the rest").status, TE_CALL_RETURNED);
  EXPECT_EQ(actor->host_calls().back().params, strings({peer, std::string(kId) + " and the rest"}));
  EXPECT_LE(actor->fuel_used(), 300u);
}

TEST(Guests, each_fails_the_way_that_its_name_says) {
  const auto fails_by = [](const char* name, std::string_view message) {
    const auto actor = guest(std::string("guests/") + name);
    EXPECT_EQ(actor->init(kId).status, TE_CALL_RETURNED) << name;
    const GuestOutcome outcome = actor->send(message);
    EXPECT_EQ(outcome.status, TE_CALL_TRAPPED) << name;
    return outcome.trap;
  };
  EXPECT_EQ(fails_by("traps", ""), TE_TRAP_UNREACHABLE);
  EXPECT_EQ(fails_by("loops_in_handler", ""), TE_TRAP_OUT_OF_FUEL);
  EXPECT_EQ(fails_by("recurses", ""), TE_TRAP_MEMORY_OUT_OF_BOUNDS);
  EXPECT_EQ(fails_by("recurses", "a long message"), TE_TRAP_STACK_OVERFLOW);
  EXPECT_EQ(fails_by("returns_invalid_utf8", ""), TE_TRAP_ABI);
  EXPECT_EQ(fails_by("returns_bad_pointer", ""), TE_TRAP_ABI);
  EXPECT_EQ(fails_by("returns_bad_tag", ""), TE_TRAP_ABI);
  EXPECT_EQ(fails_by("returns_large_state", "40000000"), TE_TRAP_VALUE_TOO_LARGE);
}

TEST(Guests, a_loop_at_the_start_ends_by_fuel) {
  const auto in_init = guest("guests/loops_in_init");
  EXPECT_EQ(in_init->init(kId).trap, TE_TRAP_OUT_OF_FUEL);
  const auto in_start = guest("guests/loops_in_start");
  in_start->set_fuel(100'000);
  EXPECT_FALSE(in_start->instantiate());
}

TEST(Guests, memory_and_tables_end_at_their_limits) {
  const auto memory = guest("guests/eats_memory");
  EXPECT_EQ(memory->send("").message, "1010 0");
  EXPECT_LE(memory->memory_bytes(), limits::kMemoryBytes);
  EXPECT_EQ(guest("guests/eats_memory")->request("r", "").status, TE_CALL_TRAPPED);
  const auto table = guest("guests/eats_table");
  const GuestOutcome outcome = table->send("");
  EXPECT_EQ(outcome.status, TE_CALL_GUEST_ERROR) << outcome.message;
  EXPECT_LE(std::stoull(outcome.message), limits::kTableElements);
}

}  // namespace
}  // namespace theater
