#include <algorithm>

#include "fixture.h"

namespace theater::engine::test {
namespace {

Result<std::shared_ptr<const Component>> compile_wat(std::string_view text) {
  auto wasm = wat_to_wasm(text);
  if (!wasm) return std::unexpected(std::move(wasm).error());
  return Component::compile(shared_engine(), *wasm);
}

/// A component whose exported `f` returns what `body`, an instruction sequence, leaves on the stack.
std::string returning(std::string_view type, std::string_view core_result, std::string_view body) {
  return "(component (core module $m (memory (export \"memory\") 1) (func (export \"f\") (result " +
         std::string(core_result) + ") " + std::string(body) + ")) (core instance $i (instantiate $m)) " +
         "(func (export \"f\") (result " + std::string(type) +
         ") (canon lift (core func $i \"f\") (memory (core memory $i \"memory\")))))";
}

const Outcome* run(TestGuest& guest) {
  return &guest.call({.interface = "", .function = "f", .params = {}, .state = {}});
}

TEST(Component, what_is_no_component_is_refused_with_a_reason) {
  struct Case {
    Bytes wasm;
    std::string_view reason;
  };
  const Bytes module = must(wat_to_wasm("(module (func (export \"f\")))"));
  const Bytes component = must(wat_to_wasm(returning("u32", "i32", "i32.const 7")));
  std::vector<Case> cases{{{}, "not WebAssembly"},
                          {to_bytes("(component)"), "not WebAssembly"},
                          {to_bytes("#!/bin/sh"), "not WebAssembly"},
                          {module, "core WebAssembly module"}};
  for (std::size_t size = 4; size < component.size(); size += 7) {
    cases.push_back({Bytes(component.begin(), component.begin() + static_cast<std::ptrdiff_t>(size)), ""});
  }
  for (const Case& c : cases) {
    const auto compiled = Component::compile(shared_engine(), c.wasm);
    // A cut between two sections leaves a smaller component that is whole.
    if (compiled) continue;
    EXPECT_EQ(compiled.error().code(), ErrorCode::kInvalidComponent);
    EXPECT_NE(compiled.error().to_string().find(c.reason), std::string::npos) << compiled.error().to_string();
  }
  EXPECT_FALSE(Component::compile(shared_engine(), {}));
  EXPECT_FALSE(Component::compile(shared_engine(), module));
}

TEST(Component, features_that_are_off_are_refused) {
  EXPECT_FALSE(compile_wat("(component (core module (memory 1 1 shared)))"));
  EXPECT_FALSE(compile_wat("(component (core module (memory i64 1)))"));
  EXPECT_FALSE(compile_wat("(component (core module (tag)))"));
  EXPECT_FALSE(compile_wat("(component (core module (type (struct))))"));
  EXPECT_FALSE(compile_wat("(component (import \"f\" (func async)))"));
}

TEST(Component, resources_and_modules_as_imports_are_named_in_the_refusal) {
  auto resource = compile_wat("(component (import \"a:b/c\" (instance (export \"thing\" (type (sub resource))))))");
  ASSERT_FALSE(resource);
  EXPECT_NE(resource.error().message().find("a:b/c#thing"), std::string::npos) << resource.error().message();
  EXPECT_NE(resource.error().message().find("resource"), std::string::npos);
  auto module = compile_wat("(component (import \"code\" (core module)))");
  ASSERT_FALSE(module);
  EXPECT_NE(module.error().message().find("code"), std::string::npos) << module.error().message();
}

TEST(Component, is_described_with_every_kind_of_type) {
  const auto component = must(compile_wat(R"((component
    (type $r (record (field "a" u8) (field "b" (list string))))
    (type $v (variant (case "none") (case "some" f64)))
    (type $e (enum "x" "y"))
    (type $fl (flags "p" "q"))
    (import "r" (type $r2 (eq $r)))
    (import "v" (type $v2 (eq $v)))
    (import "e" (type $e2 (eq $e)))
    (import "fl" (type $fl2 (eq $fl)))
    (import "top" (func (param "r" $r2) (param "v" $v2) (param "e" $e2) (param "fl" $fl2)
      (param "t" (tuple s8 char bool)) (param "o" (option s64)) (result (result (error string)))))
    (type $u u32)
    (import "a:b/types@1.2.3" (instance (alias outer 1 $u (type $w)) (export "t" (type (eq $w)))))
    (import "a:b/c" (instance (export "f" (func))))
  ))"));
  ASSERT_EQ(component->imports().size(), 2u);
  const FunctionType& top = component->imports()[0];
  EXPECT_EQ(top.interface, "");
  EXPECT_EQ(top.function, "top");
  std::string signature;
  for (const auto& param : top.params) signature += param.name + ": " + to_string(param.type) + "; ";
  EXPECT_EQ(signature,
            "r: record { a: u8, b: list<string> }; v: variant { none, some(f64) }; e: enum { x, y }; "
            "fl: flags { p, q }; t: tuple<s8, char, bool>; o: option<s64>; ");
  EXPECT_EQ(to_string(*top.result), "result<_, string>");
  EXPECT_EQ(component->imports()[1].interface, "a:b/c");
  EXPECT_EQ(component->empty_interfaces(), std::vector<std::string>{"a:b/types@1.2.3"});
}

TEST(Component, handlers_of_both_namespaces_are_known_by_their_shape) {
  ASSERT_TRUE(have_clang());
  for (const std::string name : {"theater:simple", "ntwk:theater"}) {
    std::string wit =
        read_text(THEATER_WIT_FOLDER "/theater-simple.wit") + read_text(GUEST_FOLDER "/misbehaving_guest.wit");
    wit.replace(wit.find("package theater:simple;"), sizeof "package theater:simple;" - 1, "package " + name + ";");
    std::string source = read_text(GUEST_FOLDER "/misbehaving_guest.c");
    std::string prefix = name;
    std::ranges::replace(prefix, ':', '_');
    for (std::size_t at = source.find("theater_simple"); at != std::string::npos;
         at = source.find("theater_simple", at + prefix.size())) {
      source.replace(at, sizeof "theater_simple" - 1, prefix);
    }
    auto guest = must(TestGuest::create(shared_engine(), must(build_c_guest(wit, "guest", source)), {}));
    const auto index = guest->component().find_export(name + "/message-server-client", "handle-send");
    ASSERT_TRUE(index);
    EXPECT_TRUE(guest->component().exports()[*index].handler);
    const Outcome& outcome =
        guest->call({.interface = name + "/actor", .function = "init", .params = listed("my-id"), .state = {}});
    EXPECT_EQ(text(outcome.state), "my-id");
    EXPECT_EQ(guest->component().empty_interfaces(), std::vector<std::string>{name + "/types"});
  }
}

TEST(Component, linking_wants_flags_for_every_import) {
  const auto component = must(compile_wat("(component (import \"f\" (func)))"));
  EXPECT_FALSE(LinkedComponent::link(component, TestHost::callback, {}));
}

TEST(Component, top_level_functions_are_called_without_state) {
  auto guest =
      must(TestGuest::create(shared_engine(), must(wat_to_wasm(returning("u32", "i32", "i32.const 300"))), {}));
  EXPECT_EQ(joined(run(*guest)->result), (Bytes{0xac, 0x02}));
  te_call_args args{};
  args.has_state = true;
  EXPECT_FALSE(guest->instance().call(args));
  args.has_state = false;
  args.export_index = 1;
  EXPECT_FALSE(guest->instance().call(args));
}

TEST(Component, a_function_s_type_that_is_exported_cannot_be_called_and_harms_nothing) {
  auto guest = must(TestGuest::create(shared_engine(), must(wat_to_wasm(R"((component
    (type $t (func))
    (export "a-type" (type $t))
    (core module $m (func (export "f")))
    (core instance $i (instantiate $m))
    (func (export "a-function") (canon lift (core func $i "f")))
  ))")),
                                      {}));
  te_call_args args{};
  args.fuel = 1'000;
  args.deadline_ticks = UINT64_MAX;
  for (const FunctionType& function : guest->component().exports()) {
    const auto outcome = guest->instance().call(args);
    ++args.export_index;
    if (function.function == "a-function") {
      EXPECT_TRUE(outcome) << outcome.error().to_string();
    } else {
      ASSERT_FALSE(outcome);
      EXPECT_NE(outcome.error().message().find("`a-type`: the component exports a function's type"), std::string::npos)
          << outcome.error().message();
    }
  }
  EXPECT_EQ(args.export_index, 2u);
}

/// Flags of an export's link: the engine's own codec, and the dynamic values.
class BothCodecs : public testing::TestWithParam<std::uint32_t> {
 protected:
  const Outcome* call(const std::string& wat) {
    guest_ = must(TestGuest::create(shared_engine(), must(wat_to_wasm(wat)),
                                    {.import_flags = 0, .link_flags = GetParam(), .limits = {}}));
    return run(*guest_);
  }

 private:
  std::unique_ptr<TestGuest> guest_;
};

INSTANTIATE_TEST_SUITE_P(Codecs, BothCodecs, testing::Values(0u, TE_LINK_EXPORTS_DYNAMIC));

TEST_P(BothCodecs, values_that_break_the_abi_trap) {
  // Discriminants and chars on the stack, then in memory, then pointers.
  for (const std::string& wat :
       {returning("(result u8 (error u8))", "i32", "(i32.store8 (i32.const 16) (i32.const 2)) i32.const 16"),
        returning("(option u8)", "i32", "(i32.store8 (i32.const 16) (i32.const 9)) i32.const 16"),
        returning("char", "i32", "i32.const 0xd800"), returning("char", "i32", "i32.const 0x110000"),
        returning("string", "i32",
                  "(i32.store (i32.const 16) (i32.const 65530)) (i32.store (i32.const 20) (i32.const 7)) i32.const 16"),
        returning("(list u64)", "i32",
                  "(i32.store (i32.const 16) (i32.const 4)) (i32.store (i32.const 20) (i32.const 1)) i32.const 16"),
        returning(
            "(list u64)", "i32",
            "(i32.store (i32.const 16) (i32.const 8)) (i32.store (i32.const 20) (i32.const 0x20000000)) i32.const 16"),
        returning("string", "i32", "i32.const 65532"), returning("string", "i32", "i32.const 17")}) {
    const Outcome* outcome = call(wat);
    EXPECT_EQ(outcome->status, TE_CALL_TRAPPED) << wat;
    EXPECT_EQ(to_string(outcome->trap), to_string(TE_TRAP_ABI)) << wat << ": " << text(outcome->message);
  }
}

TEST_P(BothCodecs, a_bad_enum_discriminant_traps) {
  const std::string head =
      "(component (type $e (enum \"a\" \"b\")) (export $e2 \"e\" (type $e)) (core module $m (func (export \"f\") "
      "(result i32) i32.const ";
  const std::string tail =
      ")) (core instance $i (instantiate $m)) (func (export \"f\") (result $e2) (canon lift (core func $i \"f\"))))";
  EXPECT_EQ(joined(call(head + "1" + tail)->result), Bytes{1});
  EXPECT_EQ(to_string(call(head + "2" + tail)->trap), to_string(TE_TRAP_ABI));
}

TEST_P(BothCodecs, nans_are_canonical) {
  EXPECT_EQ(joined(call(returning("f32", "f32", "f32.const -nan:0x1234"))->result), (Bytes{0, 0, 0xc0, 0x7f}));
  EXPECT_EQ(joined(call(returning("f64", "f64", "f64.const -nan:0x1234"))->result),
            (Bytes{0, 0, 0, 0, 0, 0, 0xf8, 0x7f}));
}

TEST_P(BothCodecs, small_integers_take_the_low_bits) {
  EXPECT_EQ(joined(call(returning("u8", "i32", "i32.const 0x1ff"))->result), Bytes{0xff});
  EXPECT_EQ(joined(call(returning("s16", "i32", "i32.const 0x1ffff"))->result), Bytes{0x7f});
  EXPECT_EQ(joined(call(returning("bool", "i32", "i32.const 2"))->result), Bytes{1});
}

TEST(Limits, a_start_function_is_bounded_by_fuel) {
  const Bytes wasm = must(wat_to_wasm(
      "(component (core module $m (func $s (loop $l br $l)) (start $s)) (core instance (instantiate $m)))"));
  Options options;
  options.limits.start_fuel = 10'000;
  const auto guest = TestGuest::create(shared_engine(), wasm, options);
  ASSERT_FALSE(guest);
  EXPECT_EQ(guest.error().code(), ErrorCode::kTrapped);
  EXPECT_NE(guest.error().message().find("fuel"), std::string::npos) << guest.error().message();
}

TEST(Limits, a_start_function_is_bounded_by_its_deadline) {
  const Bytes wasm = must(wat_to_wasm(
      "(component (core module $m (func $s (loop $l br $l)) (start $s)) (core instance (instantiate $m)))"));
  Options options;
  options.limits.start_fuel = UINT64_MAX;
  options.limits.start_deadline_ticks = 0;
  const auto guest = TestGuest::create(shared_engine(), wasm, options);
  ASSERT_FALSE(guest);
  EXPECT_EQ(guest.error().code(), ErrorCode::kTrapped);
}

TEST(Limits, a_trap_in_start_is_an_error_with_its_backtrace) {
  const Bytes wasm =
      must(wat_to_wasm("(component (core module $m (func $starts_badly unreachable) (start $starts_badly)) (core "
                       "instance (instantiate $m)))"));
  const auto guest = TestGuest::create(shared_engine(), wasm, {});
  ASSERT_FALSE(guest);
  EXPECT_EQ(guest.error().code(), ErrorCode::kTrapped);
  EXPECT_NE(guest.error().message().find("starts_badly"), std::string::npos) << guest.error().message();
}

TEST(Limits, an_instance_whose_minimum_is_over_a_limit_is_not_made) {
  Options options;
  options.limits.memory_bytes = 1u << 20;
  options.limits.table_elements = 100;
  for (const std::string_view wat :
       {"(component (core module $m (memory 17)) (core instance (instantiate $m)))",
        "(component (core module $m (memory 9)) (core instance (instantiate $m)) (core instance (instantiate $m)))",
        "(component (core module $m (table 101 funcref)) (core instance (instantiate $m)))"}) {
    const auto guest = TestGuest::create(shared_engine(), must(wat_to_wasm(wat)), options);
    ASSERT_FALSE(guest) << wat;
    EXPECT_EQ(guest.error().code(), ErrorCode::kResourceExhausted) << guest.error().to_string();
  }
}

TEST(Limits, a_table_stops_growing_at_its_limit) {
  Options options;
  options.limits.table_elements = 50;
  const std::string wat = R"((component (core module $m (table $t 1 funcref)
      (func (export "f") (result i32) (local $n i32)
        (loop $l (br_if $l (i32.ne (i32.const -1) (table.grow $t (ref.null func) (i32.const 1)))))
        (table.size $t)))
    (core instance $i (instantiate $m)) (func (export "f") (result u32) (canon lift (core func $i "f")))))";
  auto guest = must(TestGuest::create(shared_engine(), must(wat_to_wasm(wat)), options));
  EXPECT_EQ(joined(run(*guest)->result), Bytes{50});
}

TEST(Build, errors_say_what_is_wrong) {
  const auto none = bindgen_c("/nonexistent/path", "");
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().message().find("/nonexistent/path"), std::string::npos);
  const TemporaryFolder folder;
  write_file(folder.path() / "a.wit",
             as_bytes("package a:b; interface i { f: func(x: nothing); } world w { import i; }"));
  const auto wrong = bindgen_c(folder.path() / "a.wit", "w");
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().message().find("nothing"), std::string::npos) << wrong.error().message();
  EXPECT_FALSE(componentize(as_bytes("no module")));
  EXPECT_FALSE(wat_to_wasm("(component"));
}

TEST(Engine, says_what_it_chose_and_why) {
  EXPECT_NE(shared_engine().describe().find("64 instance slots"), std::string::npos) << shared_engine().describe();
  const auto many = must(Engine::create({.instances = 4'000'000'000}));
  // Where a sanitizer leaves too little address space for so many, it says that instead.
  EXPECT_NE(many->describe().find(many->pooling() ? "vm.max_map_count" : "pooling failed"), std::string::npos)
      << many->describe();
  const auto demand = must(Engine::create({.allocation = Allocation::kOnDemand}));
  EXPECT_NE(demand->describe().find("on demand"), std::string::npos);
}

TEST(Engine, compatibility_tells_settings_apart) {
  const auto same = must(Engine::create({.instances = 64, .memory_bytes = 64u << 20}));
  EXPECT_EQ(same->compatibility(), shared_engine().compatibility());
  const auto other = must(Engine::create({.instances = 64, .fuel = false}));
  EXPECT_NE(other->compatibility(), shared_engine().compatibility());
}

}  // namespace
}  // namespace theater::engine::test
