#include "engine/value_text.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "theater/value.h"

namespace theater::engine {
namespace {

using Kind = ValueType::Kind;

ValueType plain(Kind kind) { return {.kind = kind, .members = {}}; }
ValueType of(Kind kind, std::vector<ValueType::Member> members) {
  return {.kind = kind, .members = std::move(members)};
}
ValueType list(ValueType item) { return of(Kind::kList, {{.name = {}, .type = std::move(item)}}); }
ValueType option(ValueType item) { return of(Kind::kOption, {{.name = {}, .type = std::move(item)}}); }
ValueType byte_list() { return list(plain(Kind::kU8)); }

struct Shown {
  std::string text;
  std::string json;
};

Shown shown(const ValueType& type, const ShownValue& value) {
  const auto text = value_to_text(type, value, 1000);
  const auto json = value_to_json(type, value);
  EXPECT_TRUE(text) << text.error().to_string();
  EXPECT_TRUE(json) << json.error().to_string();
  EXPECT_TRUE(nlohmann::json::accept(json.value_or("")));
  return {text.value_or(""), json.value_or("")};
}

template <class Write>
Bytes written(Write&& write) {
  Bytes bytes;
  ValueWriter writer(bytes);
  write(writer);
  return bytes;
}

TEST(ValueText, a_record_has_its_field_names) {
  const ValueType type = of(Kind::kRecord, {{"to", plain(Kind::kString)},
                                            {"count", plain(Kind::kU32)},
                                            {"delta", plain(Kind::kS64)},
                                            {"data", byte_list()},
                                            {"tags", list(plain(Kind::kString))}});
  const Bytes bytes = written([](ValueWriter& writer) {
    writer.string("po\"ng\n");
    writer.unsigned_integer(300);
    writer.signed_integer(-5);
    writer.bytes(Bytes{0, 255});
    writer.unsigned_integer(2);
    writer.string("a");
    writer.string("b");
  });
  const Shown both = shown(type, {.head = bytes});
  EXPECT_EQ(both.text, R"({to: "po\"ng\n", count: 300, delta: -5, data: 0x00ff, tags: ["a", "b"]})");
  EXPECT_EQ(both.json, R"({"to":"po\"ng\n","count":300,"delta":-5,"data":{"hex":"00ff"},"tags":["a","b"]})");
}

TEST(ValueText, every_kind_of_choice_names_what_was_chosen) {
  const ValueType result = of(Kind::kResult, {{"ok", std::nullopt}, {"error", plain(Kind::kString)}});
  EXPECT_EQ(shown(result, {.head = Bytes{0}}).text, "ok");
  EXPECT_EQ(shown(result, {.head = Bytes{0}}).json, R"({"ok":null})");
  const Bytes error = written([](ValueWriter& writer) { writer.error("no"); });
  EXPECT_EQ(shown(result, {.head = error}).text, R"(error("no"))");
  EXPECT_EQ(shown(result, {.head = error}).json, R"({"error":"no"})");

  const ValueType variant = of(Kind::kVariant, {{"none-at-all", std::nullopt}, {"some-number", plain(Kind::kU8)}});
  EXPECT_EQ(shown(variant, {.head = Bytes{0}}).text, "none-at-all");
  EXPECT_EQ(shown(variant, {.head = Bytes{0}}).json, R"("none-at-all")");
  EXPECT_EQ(shown(variant, {.head = Bytes{1, 7}}).text, "some-number(7)");
  EXPECT_EQ(shown(variant, {.head = Bytes{1, 7}}).json, R"({"some-number":7})");

  const ValueType maybe = option(plain(Kind::kBool));
  EXPECT_EQ(shown(maybe, {.head = Bytes{0}}).json, "null");
  EXPECT_EQ(shown(maybe, {.head = Bytes{1, 1}}).json, "true");
  EXPECT_EQ(shown(maybe, {.head = Bytes{1, 1}}).text, "some(true)");
  EXPECT_EQ(shown(option(maybe), {.head = Bytes{1, 0}}).json, R"({"some":null})");

  const ValueType color = of(Kind::kEnum, {{"red", std::nullopt}, {"blue", std::nullopt}});
  EXPECT_EQ(shown(color, {.head = Bytes{1}}).text, "blue");
  const ValueType flags = of(Kind::kFlags, {{"read", std::nullopt}, {"write", std::nullopt}, {"run", std::nullopt}});
  EXPECT_EQ(shown(flags, {.head = Bytes{5}}).text, "{read, run}");
  EXPECT_EQ(shown(flags, {.head = Bytes{5}}).json, R"(["read","run"])");
  const ValueType pair = of(Kind::kTuple, {{{}, plain(Kind::kChar)}, {{}, plain(Kind::kS8)}});
  EXPECT_EQ(shown(pair, {.head = Bytes{'x', 0xff}}).text, R"(("x", -1))");
  EXPECT_EQ(shown(pair, {.head = Bytes{'x', 0xff}}).json, R"(["x",-1])");
}

TEST(ValueText, floats_that_json_lacks_are_strings) {
  const ValueType type = list(plain(Kind::kF64));
  const Bytes bytes = written([](ValueWriter& writer) {
    writer.unsigned_integer(3);
    writer.f64(0.1);
    writer.f64(std::numeric_limits<double>::quiet_NaN());
    writer.f64(-std::numeric_limits<double>::infinity());
  });
  EXPECT_EQ(shown(type, {.head = bytes}).json, R"([0.1,"nan","-inf"])");
  EXPECT_EQ(shown(type, {.head = bytes}).text, "[0.1, nan, -inf]");
}

TEST(ValueText, content_in_the_body_is_shown_and_missing_content_is_named) {
  const ValueType type = of(Kind::kTuple, {{{}, plain(Kind::kString)}, {{}, byte_list()}});
  const Bytes head = written([](ValueWriter& writer) {
    writer.string("to");
    writer.unsigned_integer(5);
  });
  EXPECT_EQ(shown(type, {.head = head, .body = as_bytes("hello")}).text, R"(("to", "hello"))");
  EXPECT_EQ(shown(type, {.head = head, .missing_bytes = 5}).text, R"(("to", <5 bytes not kept>))");
  EXPECT_EQ(shown(type, {.head = head, .missing_bytes = 5}).json, R"(["to",{"missing_bytes":5}])");
  EXPECT_FALSE(value_to_text(type, {.head = head, .missing_bytes = 4}, 100));
}

TEST(ValueText, text_is_one_line_without_control_characters_and_is_cut) {
  const ValueType type = plain(Kind::kString);
  const Bytes bytes = written([](ValueWriter& writer) { writer.string("\x1b[31mred\n" + std::string(500, 'x')); });
  const auto text = value_to_text(type, {.head = bytes}, 40);
  ASSERT_TRUE(text);
  EXPECT_LT(text->size(), 60u);
  EXPECT_TRUE(text->starts_with("\"\\x1b[31mred\\n")) << *text;
  EXPECT_NE(text->find("…"), std::string::npos);
}

TEST(ValueText, bytes_that_are_no_value_of_the_type_are_refused) {
  const auto refused = [](const ValueType& type, Bytes bytes) {
    return !value_to_json(type, {.head = bytes}) && !value_to_text(type, {.head = bytes}, 100);
  };
  EXPECT_TRUE(refused(plain(Kind::kBool), {2}));
  EXPECT_TRUE(refused(plain(Kind::kU8), {}));
  EXPECT_TRUE(refused(plain(Kind::kU8), {1, 1}));
  EXPECT_TRUE(refused(plain(Kind::kU16), {0x80, 0x80, 0x04}));
  EXPECT_TRUE(refused(plain(Kind::kS16), {0x80, 0x80, 0x02}));
  EXPECT_TRUE(refused(plain(Kind::kString), {1, 0xff}));
  EXPECT_TRUE(refused(list(plain(Kind::kU16)), {0xff, 0xff, 0xff, 0xff, 0x0f}));
  EXPECT_TRUE(refused(of(Kind::kEnum, {{"a", std::nullopt}}), {1}));
  EXPECT_TRUE(refused(of(Kind::kFlags, {{"a", std::nullopt}}), {2}));
  EXPECT_TRUE(refused(of(Kind::kVariant, {{"a", std::nullopt}}), {1}));
}

TEST(ValueText, a_function_records_its_parameters_by_name_and_a_handler_what_stands_beside_its_state) {
  FunctionType host;
  host.params = {{"to", plain(Kind::kString)}, {"data", byte_list()}};
  EXPECT_EQ(to_string(recorded_params(host)), "record { to: string, data: list<u8> }");
  EXPECT_EQ(recorded_result(host), std::nullopt);

  const ValueType state = option(byte_list());
  const auto handler = [&](std::vector<ValueType::Member> returned) {
    FunctionType function;
    function.handler = true;
    function.params = {{"state", state}, {"params", of(Kind::kTuple, {{{}, plain(Kind::kString)}})}};
    function.result =
        of(Kind::kResult, {{"ok", of(Kind::kTuple, std::move(returned))}, {"error", plain(Kind::kString)}});
    return function;
  };
  const FunctionType silent = handler({{{}, state}});
  EXPECT_EQ(to_string(recorded_params(silent)), "tuple<string>");
  EXPECT_EQ(recorded_result(silent), std::nullopt);
  EXPECT_EQ(to_string(*recorded_result(handler({{{}, state}, {{}, plain(Kind::kU8)}}))), "u8");
  EXPECT_EQ(to_string(*recorded_result(handler({{{}, state}, {{}, plain(Kind::kU8)}, {{}, plain(Kind::kBool)}}))),
            "tuple<u8, bool>");
}

}  // namespace
}  // namespace theater::engine
