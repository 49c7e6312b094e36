#include "replay/condition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "theater/bytes.h"

namespace theater::replay {
namespace {

using ::testing::HasSubstr;

class Facts final : public Answers {
 public:
  const Json& get(Subject subject) override { return facts[subject]; }
  std::map<Subject, Json> facts;
};

Json binary(std::string_view text) { return Json::binary(to_bytes(text)); }

class ConditionTest : public testing::Test {
 protected:
  ConditionTest() {
    facts.facts = {
        {Subject::kState, binary(R"({"count": 7, "names": ["a", "b"], "deep": {"x": null, "odd key": 1}})")},
        {Subject::kParams, Json::parse(R"({"actor-id": "pong", "msg": "{\"ball\": 10}", "raw": {"hex": "00ff05"}})")},
        {Subject::kSequence, 42},
        {Subject::kKind, "host-call"},
        {Subject::kFunction, "theater:simple/runtime.log"},
        {Subject::kFuel, 18'446'744'073'709'551'615u},
    };
  }
  bool holds(std::string_view text) {
    const auto condition = Condition::parse(text);
    EXPECT_TRUE(condition) << text << ": " << condition.error().to_string();
    return condition && condition->holds(facts);
  }
  static std::string refusal(std::string_view text) {
    const auto condition = Condition::parse(text);
    return condition ? "" : condition.error().message();
  }
  Facts facts;
};

TEST_F(ConditionTest, fields_of_a_state_that_is_json_are_found_by_name) {
  EXPECT_TRUE(holds("state.count == 7"));
  EXPECT_TRUE(holds("state.count>6&&state.count<=7"));
  EXPECT_FALSE(holds("state.count != 7"));
  EXPECT_TRUE(holds(R"(state.names[1] == "b")"));
  EXPECT_TRUE(holds(R"(state.names contains 'a')"));
  EXPECT_TRUE(holds(R"(state.deep["odd key"] == 1)"));
  EXPECT_TRUE(holds("size(state.names) == 2"));
}

TEST_F(ConditionTest, what_is_not_there_is_null_and_compares_with_nothing_else) {
  EXPECT_TRUE(holds("state.nothing == null"));
  EXPECT_TRUE(holds("state.deep.x == null"));
  EXPECT_TRUE(holds("state.nothing.further[3] == null"));
  EXPECT_TRUE(holds("result == null && message == null"));
  EXPECT_FALSE(holds("state.nothing > 0"));
  EXPECT_FALSE(holds("state.nothing <= 0"));
  EXPECT_FALSE(holds("state.nothing"));
  EXPECT_TRUE(holds("state.nothing != 0"));
}

TEST_F(ConditionTest, parameters_have_the_components_names_and_texts_in_them_are_taken_apart_as_json) {
  EXPECT_TRUE(holds(R"(params.actor-id == "pong")"));
  EXPECT_TRUE(holds("params.msg.ball == 10"));
  EXPECT_TRUE(holds(R"(params.msg contains "ball")"));
  EXPECT_TRUE(holds("kind == 'host-call' && function contains '/runtime.'"));
}

TEST_F(ConditionTest, bytes_are_compared_and_read_as_numbers) {
  EXPECT_TRUE(holds("hex(params.raw) == '00ff05'"));
  EXPECT_TRUE(holds("size(params.raw) == 3"));
  EXPECT_TRUE(holds("u8(params.raw, 1) == 255"));
  EXPECT_TRUE(holds("s8(params.raw, 1) == -1"));
  EXPECT_TRUE(holds("u16(params.raw, 1) == 1535"));
  EXPECT_TRUE(holds("u16(params.raw, 2) == null"));
  EXPECT_TRUE(holds("u8(params.raw, 99999999999) == null"));
  facts.facts[Subject::kState] = Json::binary({0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff});
  EXPECT_TRUE(holds("s64(state, 0) == -2 && u64(state, 0) > 9223372036854775807"));
}

TEST_F(ConditionTest, a_state_that_is_a_number_in_digits_is_that_number) {
  facts.facts[Subject::kState] = binary("41");
  EXPECT_TRUE(holds("state > 40"));
  EXPECT_TRUE(holds("state < 41.5"));
  EXPECT_TRUE(holds("9 < state"));
  EXPECT_TRUE(holds("state == '41'"));
  facts.facts[Subject::kState] = binary("forty-one");
  EXPECT_FALSE(holds("state > 40 || state <= 40"));
  facts.facts[Subject::kState] = Json();
  EXPECT_TRUE(holds("state == null"));
}

TEST_F(ConditionTest, numbers_are_compared_exactly) {
  EXPECT_TRUE(holds("fuel == 18446744073709551615"));
  EXPECT_TRUE(holds("fuel > 18446744073709551614"));
  EXPECT_TRUE(holds("fuel > -1"));
  EXPECT_TRUE(holds("sequence == 42.0"));
  EXPECT_TRUE(holds("1_000 == 1000"));
}

TEST_F(ConditionTest, and_binds_tighter_than_or_and_not_tighter_than_both) {
  EXPECT_TRUE(holds("true || true && false"));
  EXPECT_FALSE(holds("(true || true) && false"));
  EXPECT_TRUE(holds("!false && !(1 == 2)"));
  EXPECT_TRUE(holds("!!true"));
  EXPECT_TRUE(holds("!1 == 2"));
}

TEST_F(ConditionTest, what_is_wrong_is_told_with_its_place) {
  EXPECT_THAT(refusal("state ="), HasSubstr("at character 7: expected an operator"));
  EXPECT_THAT(refusal("stat == 1"), HasSubstr("character 1: expected one of state, params, result"));
  EXPECT_THAT(refusal("sise(state) == 1"), HasSubstr("one of the functions size, text"));
  EXPECT_THAT(refusal("state == "), HasSubstr("character 10: expected a value"));
  EXPECT_THAT(refusal("state == 'abc"), HasSubstr("character 10: expected a text that ends with another '"));
  EXPECT_THAT(refusal("(state == 1"), HasSubstr("expected \")\", found its end"));
  EXPECT_EQ(refusal("  "), "the condition is empty");
  EXPECT_THAT(refusal("kind == 'faild'"),
              HasSubstr("character 9: expected one of the kinds started, call, host-call,"));
  EXPECT_THAT(refusal("state. == 1"), HasSubstr("expected a field's name"));
  EXPECT_THAT(refusal("state[x]"), HasSubstr("a number or \"a key\""));
  EXPECT_THAT(refusal("u8(state) == 1"), HasSubstr("expected \",\""));
  EXPECT_THAT(refusal("1.2.3 == 1"), HasSubstr("character 1: expected a number"));
  EXPECT_THAT(refusal("a\x1b[31m"), HasSubstr("\\x1b"));
}

TEST_F(ConditionTest, its_length_and_nesting_are_bounded) {
  EXPECT_THAT(refusal(std::string(100, '(') + "true" + std::string(100, ')')), HasSubstr("fewer parentheses"));
  EXPECT_THAT(refusal(std::string(100, '!') + "true"), HasSubstr("fewer parentheses"));
  EXPECT_THAT(refusal(std::string(5000, ' ') + "true"), HasSubstr("4096 characters"));
  std::string longest = "true";
  while (longest.size() + 7 <= Condition::kTextBytesMax) longest += "&&!null";
  EXPECT_TRUE(holds(longest));
  std::string path = "state";
  while (path.size() + 2 <= Condition::kTextBytesMax) path += ".a";
  EXPECT_FALSE(holds(path));
  // As deep as JSON is taken apart, and deeper.
  facts.facts[Subject::kState] = binary(std::string(100'000, '[') + std::string(100'000, ']'));
  EXPECT_TRUE(holds("state[0] == null && !(state == json(state))"));
}

TEST_F(ConditionTest, tells_what_it_asks_for) {
  const auto condition = Condition::parse("state.count > 3 || kind == 'call'");
  ASSERT_TRUE(condition);
  EXPECT_TRUE(condition->asks_for(Subject::kState));
  EXPECT_TRUE(condition->asks_for(Subject::kKind));
  EXPECT_FALSE(condition->asks_for(Subject::kParams));
}

}  // namespace
}  // namespace theater::replay
