#include <sys/resource.h>

#include <algorithm>
#include <cstring>

#include "fixture.h"

namespace theater::engine::test {
namespace {

constexpr std::string_view kClient = "theater:simple/message-server-client";

std::unique_ptr<TestGuest> guest(const Options& options = {}, TestHost::Answer answer = {}) {
  return must(TestGuest::create(shared_engine(), misbehaving_guest(), options, std::move(answer)));
}

std::uint64_t number(te_bytes bytes) {
  std::uint64_t value = 0;
  EXPECT_EQ(bytes.size, sizeof value);
  std::memcpy(&value, bytes.data, std::min(bytes.size, sizeof value));
  return value;
}

/// Everything holds on every path: typed, dynamic, and each on a stack of its own.
class EveryPath : public testing::TestWithParam<Options> {
 protected:
  void SetUp() override { ASSERT_TRUE(have_clang()) << "no clang that makes WebAssembly"; }
  std::unique_ptr<TestGuest> make(TestHost::Answer answer = {}) { return guest(GetParam(), std::move(answer)); }
};

INSTANTIATE_TEST_SUITE_P(
    Paths, EveryPath,
    testing::Values(Options{},
                    Options{.import_flags = TE_IMPORT_DYNAMIC, .link_flags = TE_LINK_EXPORTS_DYNAMIC, .limits = {}},
                    Options{.import_flags = TE_IMPORT_SUSPENDS, .link_flags = 0, .limits = {}},
                    Options{.import_flags = TE_IMPORT_SUSPENDS | TE_IMPORT_DYNAMIC,
                            .link_flags = TE_LINK_EXPORTS_DYNAMIC,
                            .limits = {}}),
    [](const testing::TestParamInfo<Options>& info) {
      std::string name = (info.param.import_flags & TE_IMPORT_DYNAMIC) != 0 ? "dynamic" : "typed";
      if ((info.param.import_flags & TE_IMPORT_SUSPENDS) != 0) name += "_suspending";
      return name;
    });

TEST_P(EveryPath, state_goes_in_and_comes_out) {
  auto g = make();
  const Outcome* outcome = &g->send("+");
  ASSERT_EQ(outcome->status, TE_CALL_RETURNED);
  ASSERT_TRUE(outcome->has_state);
  EXPECT_EQ(to_bytes(view(outcome->state)), Bytes{1});
  outcome = &g->call(
      {.interface = std::string(kClient), .function = "handle-send", .params = listed("+"), .state = Bytes{41}});
  EXPECT_EQ(to_bytes(view(outcome->state)), Bytes{42});
  outcome = &g->send("0");
  EXPECT_FALSE(outcome->has_state);
  outcome = &g->send("=");
  EXPECT_TRUE(outcome->has_state);
  EXPECT_EQ(outcome->state.size, 0u);
}

TEST_P(EveryPath, a_request_s_reply_is_the_tuple_after_the_state) {
  auto g = make();
  const Outcome* outcome = &g->call({.interface = std::string(kClient),
                                     .function = "handle-request",
                                     .params = listed("id", "payload"),
                                     .state = Bytes{7}});
  ASSERT_EQ(outcome->status, TE_CALL_RETURNED);
  EXPECT_EQ(to_bytes(view(outcome->state)), Bytes{7});
  Bytes expected{1};
  append(expected, listed("payload"));
  EXPECT_EQ(joined(outcome->result), expected);
  outcome = &g->call(
      {.interface = std::string(kClient), .function = "handle-request", .params = listed("id", ""), .state = {}});
  EXPECT_FALSE(outcome->has_state);
  EXPECT_EQ(joined(outcome->result), Bytes{0});
}

TEST_P(EveryPath, records_in_results_are_canonical) {
  auto g = make();
  const Outcome* outcome = &g->call({.interface = std::string(kClient),
                                     .function = "handle-channel-open",
                                     .params = listed("channel", "hello"),
                                     .state = Bytes{7}});
  ASSERT_EQ(outcome->status, TE_CALL_RETURNED);
  EXPECT_EQ(to_bytes(view(outcome->state)), Bytes{7});
  Bytes expected{1, 1};
  append(expected, listed("hello"));
  EXPECT_EQ(joined(outcome->result), expected);
  outcome = &g->call({.interface = std::string(kClient),
                      .function = "handle-channel-open",
                      .params = listed("channel", ""),
                      .state = {}});
  EXPECT_EQ(joined(outcome->result), (Bytes{0, 0}));
}

TEST_P(EveryPath, a_handler_s_error_is_text_and_leaves_the_instance_usable) {
  auto g = make();
  const Outcome* outcome = &g->send("e");
  EXPECT_EQ(outcome->status, TE_CALL_GUEST_ERROR);
  EXPECT_EQ(text(outcome->result.head), "the guest says no");
  EXPECT_EQ(g->send("0").status, TE_CALL_RETURNED);
}

TEST_P(EveryPath, host_calls_carry_their_parameters_and_results) {
  auto g = make([](std::string_view function, ByteView, Bytes& reply) {
    ValueWriter out(reply);
    if (function == "send") out.ok();
    if (function == "request") {
      out.ok();
      out.string("pong");
    }
    if (function == "open-channel") {
      out.ok();
      out.string("channel-7");
    }
    if (function == "close-channel") out.error("already closed");
    if (function == "list-outstanding-requests") {
      out.unsigned_integer(2);
      out.string("a");
      out.string("bc");
    }
    if (function == "now") out.unsigned_integer(1'700'000'000'123);
    if (function == "sleep") out.ok();
    if (function == "get-chain") {
      out.unsigned_integer(1);  // events
      out.unsigned_integer(0xfeed'beef'0000'0001);
      out.string("type");
      out.none();
      out.bytes(as_bytes("data"));
    }
    return TE_HOST_DONE;
  });
  EXPECT_EQ(g->send("shello").status, TE_CALL_RETURNED);
  EXPECT_EQ(text(g->send("qping").state), "pong");
  EXPECT_EQ(text(g->send("cfirst").state), "channel-7");
  EXPECT_EQ(text(g->send("Cid").result.head), "already closed");
  EXPECT_EQ(text(g->send("o").state), "a|bc|");
  EXPECT_EQ(number(g->send("n").state), 1'700'000'000'123u);
  EXPECT_EQ(g->send("z   ").status, TE_CALL_RETURNED);
  EXPECT_EQ(g->send("ghello").status, TE_CALL_RETURNED);
  EXPECT_EQ(number(g->send("h").state), 0xfeed'beef'0000'0001u);
  const std::vector<std::pair<std::string, Bytes>> expected{{"send", listed("peer", "hello")},
                                                            {"request", listed("peer", "ping")},
                                                            {"open-channel", listed("peer", "first")},
                                                            {"close-channel", listed("id")},
                                                            {"list-outstanding-requests", {}},
                                                            {"now", {}},
                                                            {"sleep", {3}},
                                                            {"log", listed("hello")},
                                                            {"get-chain", {}}};
  EXPECT_EQ(g->host().asked, expected);
}

TEST_P(EveryPath, a_trap_names_the_functions_and_poisons_the_instance) {
  auto g = make();
  const Outcome& outcome = g->send("u");
  ASSERT_EQ(outcome.status, TE_CALL_TRAPPED);
  EXPECT_EQ(outcome.trap, TE_TRAP_UNREACHABLE);
  EXPECT_NE(text(outcome.message).find("unreachable"), std::string::npos) << text(outcome.message);
  const std::string trace = text(outcome.backtrace);
  EXPECT_LT(trace.find("deep_inside"), trace.find("on_the_way")) << trace;
  EXPECT_NE(trace.find("on_the_way"), std::string::npos) << trace;
  EXPECT_EQ(text(outcome.message).find("backtrace"), std::string::npos);
  te_call_args args{};
  const auto again = g->instance().call(args);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code(), ErrorCode::kInvalidArgument);
}

struct Harm {
  std::string_view message;
  te_trap trap;
};

TEST_P(EveryPath, each_misdeed_traps_with_its_own_code) {
  for (const Harm& harm :
       {Harm{"d", TE_TRAP_ARITHMETIC}, Harm{"i", TE_TRAP_TABLE_OUT_OF_BOUNDS}, Harm{"x", TE_TRAP_MEMORY_OUT_OF_BOUNDS},
        Harm{"p", TE_TRAP_ABI}, Harm{"U", TE_TRAP_ABI}, Harm{"w", TE_TRAP_ABI}, Harm{"W", TE_TRAP_ABI},
        Harm{"X", TE_TRAP_ABI}, Harm{"r", TE_TRAP_STACK_OVERFLOW}}) {
    auto g = make();
    const Outcome& outcome = g->send(harm.message);
    EXPECT_EQ(outcome.status, TE_CALL_TRAPPED) << harm.message;
    EXPECT_EQ(to_string(outcome.trap), to_string(harm.trap)) << harm.message << ": " << text(outcome.message);
    EXPECT_FALSE(text(outcome.message).empty());
    EXPECT_TRUE(g->host().asked.empty()) << harm.message;
  }
}

/// An engine whose memories are small enough for their accesses to be checked, as where address space is scarce.
std::unique_ptr<Engine> engine_that_checks_bounds() {
  rlimit before{};
  EXPECT_EQ(getrlimit(RLIMIT_AS, &before), 0);
  // Any limit makes the engine sparing; this one is never met.
  const rlimit scarce{.rlim_cur = std::min<rlim_t>(before.rlim_max, rlim_t{1} << 62), .rlim_max = before.rlim_max};
  EXPECT_EQ(setrlimit(RLIMIT_AS, &scarce), 0);
  auto engine = must(Engine::create({.allocation = Allocation::kOnDemand, .instances = 1}));
  EXPECT_EQ(setrlimit(RLIMIT_AS, &before), 0);
  return engine;
}

TEST(Traps, are_told_alike_by_engines_that_check_bounds_and_that_have_guard_pages) {
  ASSERT_TRUE(have_clang()) << "no clang that makes WebAssembly";
  const auto guarding = must(Engine::create({.allocation = Allocation::kOnDemand, .instances = 1}));
  const auto checking = engine_that_checks_bounds();
  for (const std::string_view misdeed : {"x", "i", "d", "r", "u"}) {
    const auto first = must(TestGuest::create(*guarding, misbehaving_guest(), {}));
    const auto second = must(TestGuest::create(*checking, misbehaving_guest(), {}));
    const Outcome& one = first->send(misdeed);
    const Outcome& other = second->send(misdeed);
    EXPECT_EQ(to_string(one.trap), to_string(other.trap)) << misdeed;
    EXPECT_EQ(text(one.message), text(other.message)) << misdeed;
    EXPECT_EQ(text(one.backtrace), text(other.backtrace)) << misdeed;
    // How deep a stack goes depends on the frames, which are larger with checks.
    if (one.trap != TE_TRAP_STACK_OVERFLOW) {
      EXPECT_EQ(one.fuel_used, other.fuel_used) << misdeed;
    }
  }
}

TEST_P(EveryPath, fuel_ends_a_loop_and_is_counted) {
  auto g = make();
  g->send("f");  // the guest's allocator starts up
  const Outcome* outcome =
      &g->call({.interface = std::string(kClient), .function = "handle-send", .params = listed("f"), .state = {}});
  ASSERT_EQ(outcome->status, TE_CALL_RETURNED);
  const std::uint64_t used = outcome->fuel_used;
  EXPECT_GT(used, 1'000'000u);
  outcome =
      &g->call({.interface = std::string(kClient), .function = "handle-send", .params = listed("f"), .state = {}});
  EXPECT_EQ(outcome->fuel_used, used) << "the same work costs the same";
  outcome = &g->call({.interface = std::string(kClient),
                      .function = "handle-send",
                      .params = listed("l"),
                      .state = {},
                      .fuel = 100'000});
  EXPECT_EQ(outcome->trap, TE_TRAP_OUT_OF_FUEL);
  EXPECT_NEAR(static_cast<double>(outcome->fuel_used), 100'000, 1000);
}

TEST_P(EveryPath, a_deadline_interrupts_a_loop) {
  const auto engine = must(Engine::create({.instances = 4}));
  auto g = must(TestGuest::create(*engine, misbehaving_guest(), GetParam()));
  engine->tick();
  engine->tick();
  const Outcome& outcome = g->call({.interface = std::string(kClient),
                                    .function = "handle-send",
                                    .params = listed("l"),
                                    .state = {},
                                    .fuel = UINT64_MAX,
                                    .deadline_ticks = 0});
  EXPECT_EQ(outcome.trap, TE_TRAP_INTERRUPTED);
}

TEST_P(EveryPath, memory_stops_growing_at_its_limit) {
  Options options = GetParam();
  options.limits.memory_bytes = 1u << 20;
  auto g = guest(options);
  const std::uint64_t before = g->instance().memory_bytes();
  const Outcome& outcome = g->send("m");
  ASSERT_EQ(outcome.status, TE_CALL_RETURNED);
  EXPECT_EQ(g->instance().memory_bytes(), 1u << 20);
  EXPECT_EQ(number(outcome.state), ((1u << 20) - before) >> 16);
}

TEST_P(EveryPath, a_value_over_its_limit_traps) {
  Options options = GetParam();
  options.limits.value_bytes = 1000;
  EXPECT_EQ(guest(options)->send("B").trap, TE_TRAP_VALUE_TOO_LARGE);
  auto g = guest(options);
  EXPECT_EQ(g->send("s" + std::string(900, 'x')).status, TE_CALL_RETURNED);
  EXPECT_EQ(g->send("s" + std::string(1100, 'x')).trap, TE_TRAP_VALUE_TOO_LARGE);
  g = guest(options);
  EXPECT_EQ(g->send("=" + std::string(1000, 'x')).status, TE_CALL_RETURNED);
  EXPECT_EQ(g->send("=" + std::string(1001, 'x')).trap, TE_TRAP_VALUE_TOO_LARGE);
}

TEST_P(EveryPath, the_host_can_trap_the_guest) {
  auto g = make([](std::string_view, ByteView, Bytes& reply) {
    reply = to_bytes("not permitted");
    return TE_HOST_TRAP;
  });
  const Outcome& outcome = g->send("sx");
  EXPECT_EQ(outcome.trap, TE_TRAP_HOST);
  EXPECT_EQ(text(outcome.message), "not permitted");
}

TEST_P(EveryPath, a_malformed_reply_of_the_host_is_a_trap_that_names_the_import) {
  for (const Bytes& bad :
       {Bytes{}, Bytes{2}, Bytes{0, 0}, Bytes{1}, Bytes{1, 5, 'x'}, Bytes{1, 1, 0xff}, Bytes{1, 0x80, 0}}) {
    auto g = make([&](std::string_view, ByteView, Bytes& reply) {
      reply = bad;
      return TE_HOST_DONE;
    });
    const Outcome& outcome = g->send("sx");
    EXPECT_EQ(outcome.trap, TE_TRAP_HOST) << to_hex(bad);
    EXPECT_NE(text(outcome.message).find("theater:simple/message-server-host#send"), std::string::npos)
        << text(outcome.message);
  }
}

TEST_P(EveryPath, malformed_parameters_are_the_callers_error_and_change_nothing) {
  auto g = make();
  for (const Bytes& bad : {Bytes{}, Bytes{2, 'x'}, Bytes{1, '0', 0}, Bytes{0x81, 0, '0'}}) {
    te_call_args args{};
    args.export_index = *g->component().find_export(kClient, "handle-send");
    args.params.head = raw(bad);
    args.fuel = UINT64_MAX;
    args.deadline_ticks = UINT64_MAX;
    const auto called = g->instance().call(args);
    ASSERT_FALSE(called) << to_hex(bad);
    EXPECT_EQ(called.error().code(), ErrorCode::kInvalidArgument);
  }
  EXPECT_EQ(g->send("0").status, TE_CALL_RETURNED);
}

TEST_P(EveryPath, parameters_may_be_cut_anywhere_into_head_and_body) {
  auto g = make();
  const Bytes all = listed("id", "payload");
  for (std::size_t cut = 0; cut <= all.size(); ++cut) {
    te_call_args args{};
    args.export_index = *g->component().find_export(kClient, "handle-request");
    args.params = {.head = raw(ByteView(all).first(cut)), .body = raw(ByteView(all).subspan(cut))};
    args.fuel = UINT64_MAX;
    args.deadline_ticks = UINT64_MAX;
    const Outcome* outcome = must(g->instance().call(args));
    Bytes expected{1};
    append(expected, listed("payload"));
    EXPECT_EQ(joined(outcome->result), expected) << cut;
  }
}

class Suspending : public testing::TestWithParam<std::uint32_t> {
 protected:
  void SetUp() override { ASSERT_TRUE(have_clang()) << "no clang that makes WebAssembly"; }
  std::unique_ptr<TestGuest> make() {
    return guest({.import_flags = TE_IMPORT_SUSPENDS | GetParam(), .link_flags = 0, .limits = {}},
                 [](std::string_view, ByteView, Bytes&) { return TE_HOST_PENDING; });
  }
  static Bytes ok(std::string_view content) {
    Bytes reply{0};
    append(reply, listed(content));
    return reply;
  }
};

INSTANTIATE_TEST_SUITE_P(Paths, Suspending, testing::Values(0u, TE_IMPORT_DYNAMIC),
                         [](const auto& info) { return info.param == 0 ? "typed" : "dynamic"; });

TEST_P(Suspending, a_pending_host_call_goes_on_where_it_stopped) {
  auto g = make();
  const Outcome* outcome = &g->send("Qstart");
  ASSERT_EQ(outcome->status, TE_CALL_SUSPENDED);
  EXPECT_GT(outcome->fuel_used, 0u);
  outcome = must(g->instance().resume({.head = raw(ok("middle")), .body = {}}));
  ASSERT_EQ(outcome->status, TE_CALL_SUSPENDED);
  outcome = must(g->instance().resume({.head = raw(ok("end")), .body = {}}));
  ASSERT_EQ(outcome->status, TE_CALL_RETURNED);
  EXPECT_EQ(text(outcome->state), "end");
  const std::vector<std::pair<std::string, Bytes>> expected{{"request", listed("first", "start")},
                                                            {"request", listed("second", "middle")}};
  EXPECT_EQ(g->host().asked, expected);
}

TEST_P(Suspending, a_suspended_instance_takes_no_other_call) {
  auto g = make();
  ASSERT_EQ(g->send("q").status, TE_CALL_SUSPENDED);
  te_call_args args{};
  EXPECT_FALSE(g->instance().call(args));
  EXPECT_EQ(must(g->instance().resume({.head = raw(ok("x")), .body = {}}))->status, TE_CALL_RETURNED);
  EXPECT_FALSE(g->instance().resume({}));
  EXPECT_FALSE(g->instance().abort("late"));
}

TEST_P(Suspending, abort_traps_the_call) {
  auto g = make();
  ASSERT_EQ(g->send("q").status, TE_CALL_SUSPENDED);
  const Outcome* outcome = must(g->instance().abort("the actor is stopped"));
  EXPECT_EQ(outcome->trap, TE_TRAP_HOST);
  EXPECT_EQ(text(outcome->message), "the actor is stopped");
}

TEST_P(Suspending, a_malformed_answer_is_a_trap) {
  auto g = make();
  ASSERT_EQ(g->send("q").status, TE_CALL_SUSPENDED);
  EXPECT_EQ(must(g->instance().resume({}))->trap, TE_TRAP_HOST);
}

TEST_P(Suspending, releasing_a_suspended_instance_releases_everything) {
  for (int i = 0; i < 200; ++i) {
    auto g = make();
    ASSERT_EQ(g->send("q").status, TE_CALL_SUSPENDED);
  }
}

TEST_P(Suspending, a_deadline_counts_from_the_resumption) {
  const auto engine = must(Engine::create({.instances = 4}));
  auto g = must(TestGuest::create(*engine, misbehaving_guest(),
                                  {.import_flags = TE_IMPORT_SUSPENDS | GetParam(), .link_flags = 0, .limits = {}},
                                  [](std::string_view, ByteView, Bytes&) { return TE_HOST_PENDING; }));
  ASSERT_EQ(g->call({.interface = std::string(kClient),
                     .function = "handle-send",
                     .params = listed("q"),
                     .state = {},
                     .deadline_ticks = 2})
                .status,
            TE_CALL_SUSPENDED);
  for (int i = 0; i < 10; ++i) engine->tick();
  EXPECT_EQ(must(g->instance().resume({.head = raw(ok("x")), .body = {}}))->status, TE_CALL_RETURNED);
}

TEST(Instance, pending_is_refused_for_an_import_that_is_not_bound_so) {
  ASSERT_TRUE(have_clang());
  auto g = guest({}, [](std::string_view, ByteView, Bytes&) { return TE_HOST_PENDING; });
  const Outcome& outcome = g->send("q");
  EXPECT_EQ(outcome.trap, TE_TRAP_HOST);
}

TEST(Instance, a_host_callback_cannot_enter_its_own_instance) {
  ASSERT_TRUE(have_clang());
  std::unique_ptr<TestGuest> g;
  g = guest({}, [&](std::string_view, ByteView, Bytes& reply) {
    te_call_args args{};
    const auto called = g->instance().call(args);
    EXPECT_FALSE(called);
    reply = {0};
    return TE_HOST_DONE;
  });
  EXPECT_EQ(g->send("sx").status, TE_CALL_RETURNED);
}

TEST(Instance, a_full_pool_is_an_error_and_a_freed_slot_is_used_again) {
  ASSERT_TRUE(have_clang());
  const auto engine = must(Engine::create({.allocation = Allocation::kPooling, .instances = 2}));
  auto first = must(TestGuest::create(*engine, misbehaving_guest(), {}));
  auto second = must(TestGuest::create(*engine, misbehaving_guest(), {}));
  const auto third = TestGuest::create(*engine, misbehaving_guest(), {});
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code(), ErrorCode::kResourceExhausted) << third.error().to_string();
  second.reset();
  EXPECT_TRUE(TestGuest::create(*engine, misbehaving_guest(), {}));
}

TEST(Instance, a_slot_used_again_shows_nothing_of_its_last_user) {
  ASSERT_TRUE(have_clang());
  const auto engine = must(Engine::create({.allocation = Allocation::kPooling, .instances = 1}));
  for (int i = 0; i < 3; ++i) {
    auto g = must(TestGuest::create(*engine, misbehaving_guest(), {}));
    EXPECT_EQ(g->instance().memory_bytes(),
              must(TestGuest::create(shared_engine(), misbehaving_guest(), {}))->instance().memory_bytes());
    EXPECT_EQ(text(g->send("=" + std::string(50'000, 'a' + i)).state), std::string(50'000, 'a' + i));
  }
}

TEST(Instance, on_demand_allocation_runs_as_well) {
  ASSERT_TRUE(have_clang());
  const auto engine = must(Engine::create({.allocation = Allocation::kOnDemand}));
  EXPECT_FALSE(engine->pooling());
  auto g = must(TestGuest::create(*engine, misbehaving_guest(), {}));
  EXPECT_EQ(text(g->send("=hello").state), "hello");
}

}  // namespace
}  // namespace theater::engine::test
