#include "manifest/template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/limits.h"

namespace theater {
namespace {

using ::testing::HasSubstr;

/// The filled text, or what is wrong.
std::string fill(std::string_view text, std::optional<std::string> state = std::nullopt,
                 TemplateFilling filling = TemplateFilling::kState) {
  Diagnostics diagnostics("m.toml");
  std::optional<ByteView> bytes;
  if (state) bytes = as_bytes(*state);
  std::string filled = fill_template(text, bytes, filling, diagnostics);
  return diagnostics.empty() ? filled : diagnostics.to_error().message();
}

TEST(Template, text_without_tags_is_untouched) {
  const std::string text =
      "\xef\xbb\xbfname = \"a { b } \\u0041 \\\" c\"\r\nx = { a = [1, 2] } # { } '\ny = '''it's\n'''''\n";
  EXPECT_EQ(fill(text), text);
  EXPECT_EQ(fill(text, "{}"), text);
  EXPECT_EQ(fill(""), "");
}

TEST(Template, scalars_are_filled_as_text) {
  EXPECT_EQ(fill("name = \"{{app.name}}\"", R"({"app":{"name":"test-app"}})"), "name = \"test-app\"");
  EXPECT_EQ(fill("a = {{on}}\nb = {{n}}\nc = {{f}}", R"({"on":true,"n":-42,"f":1.5})"), "a = true\nb = -42\nc = 1.5");
  EXPECT_EQ(fill("url = \"{{p}}://{{ h }}:{{port}}\"", R"({"p":"https","h":"example.org","port":443})"),
            "url = \"https://example.org:443\"");
  EXPECT_EQ(fill("a = '{{x}}'", R"({"x":"C:\\dir"})"), "a = 'C:\\dir'");
  EXPECT_EQ(fill("a = \"{{{x}}}\"", R"({"x":"<b>"})"), "a = \"<b>\"");
  EXPECT_EQ(fill("a = {b = {{x}}}", R"({"x":1})"), "a = {b = 1}");
  EXPECT_EQ(fill("a = {{x}}", R"({"x":"64"})"), "a = 64");
}

TEST(Template, paths_reach_into_lists_and_odd_names) {
  const std::string state = R"({"servers":[{"host":"one"},{"host":"two"}],"odd name":"x","ключ":"y"})";
  EXPECT_EQ(fill("h = \"{{servers.[1].host}}\"", state), "h = \"two\"");
  EXPECT_EQ(fill("h = \"{{servers.0.host}}\"", state), "h = \"one\"");
  EXPECT_EQ(fill("h = \"{{[odd name]}}{{ключ}}\"", state), "h = \"xy\"");
  EXPECT_THAT(fill("h = \"{{servers.[2].host}}\"", state), HasSubstr("no value for \"servers.[2].host\""));
  EXPECT_THAT(fill("h = \"{{servers.99999999999999999999.host}}\"", state), HasSubstr("no value for"));
}

TEST(Template, a_list_of_scalars_fills_a_list) {
  EXPECT_EQ(fill("a = {{x}}", R"({"x":["a\"]","b",1,true]})"), "a = [\"a\\\"]\", \"b\", 1, true]");
  EXPECT_EQ(fill("a = {{default x \"[]\"}}", R"({"x":["a"]})"), "a = [\"a\"]");
  EXPECT_EQ(fill("a = {{x}}", R"({"x":[]})"), "a = []");
  EXPECT_THAT(fill("a = {{x}}", R"({"x":[[1]]})"), HasSubstr("texts, numbers and booleans only"));
  EXPECT_THAT(fill("a = \"{{x}}\"", R"({"x":[1]})"), HasSubstr("a list, which cannot stand inside a text"));
  EXPECT_THAT(fill("a = {{x}}", R"({"x":{"a":1}})"), HasSubstr("\"x\" of the initial state is an object"));
}

TEST(Template, default_stands_in_for_missing_null_and_empty) {
  const std::string text = "port = {{default server.port \"8080\"}}";
  EXPECT_EQ(fill(text), "port = 8080");
  EXPECT_EQ(fill(text, "not json"), "port = 8080");
  EXPECT_EQ(fill(text, "{}"), "port = 8080");
  EXPECT_EQ(fill(text, R"({"server":{"port":null}})"), "port = 8080");
  EXPECT_EQ(fill(text, R"({"server":{"port":""}})"), "port = 8080");
  EXPECT_EQ(fill(text, R"({"server":{"port":9000}})"), "port = 9000");
  EXPECT_EQ(fill("u = \"{{default api \"https://a.b/?c=d\"}}\""), "u = \"https://a.b/?c=d\"");
  EXPECT_EQ(fill("u = \"{{default api 'it is \"x\"'}}\""), "u = \"it is \\\"x\\\"\"");
  EXPECT_EQ(fill("n = {{default n 7}}"), "n = 7");
  EXPECT_EQ(fill("n = {{default n \"\\\"text\\\"\"}}"), "n = \"text\"");
  EXPECT_EQ(fill("n = {{default n '[\"a\"]'}}"), "n = [\"a\"]");
  EXPECT_EQ(fill("n = \"{{default n \"\"}}\""), "n = \"\"");
}

TEST(Template, a_key_named_default_can_be_read) {
  EXPECT_EQ(fill("n = {{default}}", R"({"default":3})"), "n = 3");
  EXPECT_EQ(fill("n = {{default.x}}", R"({"default":{"x":4}})"), "n = 4");
}

TEST(Template, a_missing_key_is_an_error_with_its_place_and_name) {
  EXPECT_EQ(fill("name = \"a\"\nversion = \"{{app.version}}\"", "{}"),
            "m.toml:2:12: the initial state has no value for \"app.version\"; give it one, or write {{default "
            "app.version \"…\"}}");
  EXPECT_THAT(fill("a = \"{{x}}\""), HasSubstr("m.toml:1:6: no initial state was given that could fill \"x\""));
  EXPECT_THAT(fill("a = \"{{x}}\"", "\x01\x02"), HasSubstr("the initial state is not JSON"));
  EXPECT_THAT(fill("a = \"{{x}}\"", R"({"x":null})"), HasSubstr("no value for \"x\""));
  EXPECT_THAT(fill("a = \"{{x.y}}\"", R"({"x":"text"})"), HasSubstr("no value for \"x.y\""));
}

TEST(Template, every_error_is_told) {
  EXPECT_EQ(fill("a = \"{{x}}\"\nb = \"é{{y}}\"", "{}"),
            "m.toml:1:6: the initial state has no value for \"x\"; give it one, or write {{default x \"…\"}}\n"
            "m.toml:2:7: the initial state has no value for \"y\"; give it one, or write {{default y \"…\"}}");
}

TEST(Template, a_backslash_keeps_the_braces) {
  EXPECT_EQ(fill("a = \"\\{{x}}\""), "a = \"{{x}}\"");
  EXPECT_EQ(fill("a = '\\{{x}}'"), "a = '{{x}}'");
  EXPECT_EQ(fill("a = \"C:\\\\{{x}}\"", R"({"x":"nul"})"), "a = \"C:\\\\nul\"");
  EXPECT_EQ(fill("a = 'C:\\\\{{x}}'", R"({"x":"nul"})"), "a = 'C:\\nul'");
}

TEST(Template, comments_are_left_alone) {
  EXPECT_EQ(fill("# {{#each x}} {{missing}}\na = 1 # {{y"), "# {{#each x}} {{missing}}\na = 1 # {{y");
}

TEST(Template, nothing_else_of_handlebars_is_accepted) {
  for (const char* tag : {"{{#each x}}",
                          "{{/each}}",
                          "{{> part}}",
                          "{{else if}}",
                          "{{!comment}}",
                          "{{~x~}}",
                          "{{../x}}",
                          "{{@index}}",
                          "{{helper x y}}",
                          "{{default x}}",
                          "{{default x y}}",
                          "{{default x \"a\" \"b\"}}",
                          "{{",
                          "{{}}",
                          "{{x",
                          "{{x}",
                          "{{x\n}}",
                          "{{.x}}",
                          "{{x.}}",
                          "{{x..y}}",
                          "{{x.[}}",
                          "{{{x}}",
                          "{{default x \"a}}"}) {
    EXPECT_THAT(
        fill(std::string("a = ") + tag, R"({"x":1,"y":2})"),
        HasSubstr("m.toml:1:5: this template is not understood: supported are {{path}} and {{default path \"value\"}}"))
        << tag;
  }
}

// Injection: the state's author is not the manifest's.

TEST(Template, a_value_cannot_leave_a_basic_string) {
  const std::string state = R"({"x":"\"\n[[handler]]\ntype = \"process\" # \\ \u0000 \u007f \t"})";
  EXPECT_EQ(fill("a = \"{{x}}\"", state),
            "a = \"\\\"\\u000A[[handler]]\\u000Atype = \\\"process\\\" # \\\\ \\u0000 \\u007F \\u0009\"");
  EXPECT_EQ(fill("a = \"\"\"{{x}}\"\"\"", R"({"x":"\"\"\"\nb = 1"})"), "a = \"\"\"\\\"\\\"\\\"\\u000Ab = 1\"\"\"");
}

TEST(Template, a_value_cannot_end_the_escape_before_it) {
  // The author's own backslash stays the author's.
  EXPECT_EQ(fill("a = \"\\\\\\\\{{x}}\"", R"({"x":"\""})"), "a = \"\\\\\\\\\\\"\"");
}

TEST(Template, a_value_cannot_leave_a_literal_string) {
  for (const char* state : {R"({"x":"' \nb = 1"})", R"({"x":"'"})", R"({"x":"a\nb"})", R"({"x":"\u0000"})"}) {
    EXPECT_THAT(fill("a = '{{x}}'", state), HasSubstr("cannot stand inside '…'")) << state;
    EXPECT_THAT(fill("a = '''{{x}}'''", state), HasSubstr("cannot stand inside '…'")) << state;
  }
}

TEST(Template, a_value_outside_quotes_is_one_bare_value) {
  for (const char* state :
       {R"({"x":"1\nb = 2"})", R"({"x":"1, 2"})", R"({"x":"1]"})", R"({"x":"\"a\""})", R"({"x":"'a'"})",
        R"({"x":"{a=1}"})", R"({"x":"[]"})", R"({"x":"1 # "})", R"({"x":"a=b"})", R"({"x":"é"})", R"({"x":"a b"})"}) {
    EXPECT_THAT(fill("a = {{x}}", state), HasSubstr("is text and stands outside quotes; write \"{{x}}\"")) << state;
  }
  EXPECT_THAT(fill("a = {{x}}", R"({"x":""})"), HasSubstr("stands outside quotes"));
}

TEST(Template, a_value_cannot_be_a_key_or_a_header) {
  const std::string state = R"({"x":"save_chain"})";
  for (const char* text :
       {"{{x}} = true", "\"{{x}}\" = true", "'{{x}}' = 1", "[{{x}}]", "[[{{x}}]]", "[\"{{x}}\"]", "a.{{x}} = 1",
        "a = { {{x}} = 1 }", "a = { b = 1, {{x}} = 2 }", "a = [{ {{x}} = 1 }]", "a = 1\n{{x}} = 2"}) {
    EXPECT_THAT(fill(text, state), HasSubstr("a template may fill a value only")) << text;
  }
  EXPECT_EQ(fill("a = [1,\n {{x}},\n \"{{x}}\"]", state), "a = [1,\n save_chain,\n \"save_chain\"]");
  EXPECT_EQ(fill("a = { b = {{x}}, c = [{{x}}] }", state), "a = { b = save_chain, c = [save_chain] }");
}

TEST(Template, quotes_at_the_end_of_a_multi_line_string_belong_to_it) {
  const std::string state = R"({"y":"'"})";
  EXPECT_EQ(fill("a = ['''x'''', \"{{y}}\"]", state), "a = ['''x'''', \"'\"]");
  EXPECT_EQ(fill("a = [\"\"\"x\"\"\"\", \"{{y}}\"]", state), "a = [\"\"\"x\"\"\"\", \"'\"]");
  EXPECT_EQ(fill("a = [\"\"\"\\\"\"\"\", \"{{y}}\"]", state), "a = [\"\"\"\\\"\"\"\", \"'\"]");
}

TEST(Template, a_value_with_braces_is_not_filled_again) {
  EXPECT_EQ(fill("a = \"{{x}}\"", R"({"x":"{{y}}","y":"secret"})"), "a = \"{{y}}\"");
}

// Bounds.

TEST(Template, a_small_text_cannot_fill_up_the_memory) {
  const std::string state = "{\"x\":\"" + std::string(limits::kTemplateStateBytes - 8, 'a') + "\"}";
  ASSERT_EQ(state.size(), limits::kTemplateStateBytes);
  std::string text = "a = \"";
  for (int i = 0; i < 900; ++i) text += "{{x}}";
  EXPECT_THAT(fill(text + "\"", state), HasSubstr("the filled template is larger than a manifest may be"));
}

TEST(Template, tags_and_state_have_bounds) {
  std::string text = "a = \"";
  for (std::size_t i = 0; i < limits::kTemplateTags; ++i) text += "{{x}}";
  EXPECT_EQ(fill(text + "\"", R"({"x":1})"), "a = \"" + std::string(limits::kTemplateTags, '1') + "\"");
  EXPECT_THAT(fill(text + "{{x}}\"", R"({"x":1})"), HasSubstr("more than 1000 template tags"));
  const std::string state = "{\"x\":\"" + std::string(limits::kTemplateStateBytes, 'a') + "\"}";
  EXPECT_THAT(fill("a = \"{{x}}\"", state), HasSubstr("too large for a template"));
}

TEST(Template, deep_json_is_no_trouble) {
  const std::string state = "{\"x\":1,\"y\":" + std::string(100'000, '[') + std::string(100'000, ']') + "}";
  EXPECT_EQ(fill("a = {{x}}", state), "a = 1");
}

TEST(Template, dotted_keys_have_a_bound_and_dotted_values_have_none) {
  std::string key = "a";
  for (std::size_t i = 1; i < limits::kManifestNesting; ++i) key += ".a";
  EXPECT_EQ(fill(key + " = 1\n[" + key + "]"), key + " = 1\n[" + key + "]");
  EXPECT_EQ(fill(key + ".a = 1"), "m.toml:1:32: a key of more than 16 dotted names");
  EXPECT_THAT(fill("[" + key + " . a]"), HasSubstr("dotted names"));
  EXPECT_THAT(fill("x = { " + key + ".a = 1 }"), HasSubstr("dotted names"));
  EXPECT_THAT(fill("x = '''a''''' \n" + key + ".a = 1"), HasSubstr("m.toml:2:32"));
  EXPECT_THAT(fill("x = {{default y \"'''\"}}\n'''\n" + key + ".a = 1\n"), HasSubstr("dotted names"));
  const std::string text = "x = \"" + std::string(1000, '.') + "\" # " + std::string(1000, '.');
  EXPECT_EQ(fill(text), text);
}

TEST(Template, columns_after_a_tag_are_those_of_the_text_as_given) {
  Diagnostics diagnostics("m.toml");
  const std::string filled = fill_template("a = [{{x}}, \"{{y}}\", oops]", as_bytes(R"({"x":1,"y":"long long long"})"),
                                           TemplateFilling::kState, diagnostics);
  ASSERT_EQ(filled, "a = [1, \"long long long\", oops]");
  diagnostics.report_filled({1, 27}, "after");
  diagnostics.report_filled({1, 12}, "inside");
  diagnostics.report_filled({1, 3}, "before");
  EXPECT_EQ(diagnostics.to_error().message(), "m.toml:1:3: before\nm.toml:1:14: inside\nm.toml:1:22: after");
}

TEST(Template, placeholders_keep_the_text_toml) {
  EXPECT_EQ(fill("a = {{x}}\nb = \"{{y}}\"", std::nullopt, TemplateFilling::kPlaceholder), "a = 0\nb = \"{{\"");
}

}  // namespace
}  // namespace theater
