#include "server/request_body.h"

#include <gtest/gtest.h>

namespace theater::server {
namespace {

HttpRequest request(std::string_view type, std::string_view body) {
  HttpRequest request;
  request.content_type = type;
  request.body = to_bytes(body);
  return request;
}

TEST(RequestBody, TypesAreComparedWithoutTheirParameters) {
  EXPECT_TRUE(names_type("application/json", "application/json"));
  EXPECT_TRUE(names_type("Application/JSON; charset=utf-8", "application/json"));
  EXPECT_TRUE(names_type("text/html, application/json;q=0.5", "application/json"));
  EXPECT_FALSE(names_type("application/jsonx", "application/json"));
  EXPECT_FALSE(names_type("", "application/json"));
}

TEST(RequestBody, AMessageIsTheBodyOrWhatItsJsonSays) {
  const auto message = [](std::string_view type, std::string_view body) {
    const auto read = read_message(request(type, body));
    return read ? std::string(as_text(*read)) : "error: " + read.error().message();
  };
  EXPECT_EQ(message("application/octet-stream", R"({"text":"a"})"), R"({"text":"a"})");
  EXPECT_EQ(message("", "plain"), "plain");
  EXPECT_EQ(message("application/json", R"({"text":"a"})"), "a");
  EXPECT_EQ(message("application/json", R"({"data":"aGVsbG8="})"), "hello");
  EXPECT_EQ(message("application/json", R"({"data":""})"), "");
  EXPECT_EQ(message("application/json", "{}"), "error: give the message as data (base64) or text");
  EXPECT_EQ(message("application/json", "[]"), "error: the body must be a JSON object");
  EXPECT_EQ(message("application/json", "{"), "error: the body is no JSON");
  EXPECT_EQ(message("application/json", R"({"text":1})"), "error: text must be a string");
  EXPECT_EQ(message("application/json", R"({"data":"a"})"),
            "error: data must be base64 with padding (RFC 4648, section 4)");
  EXPECT_EQ(message("application/json", R"({"data":"aGVsbG8=","text":"a"})"),
            "error: give data or text, one of the two");
  EXPECT_EQ(message("application/json", R"({"text":"a","x":1})"), "error: the body has an unknown member \"x\"");
}

TEST(RequestBody, AStartIsReadFromJsonOrIsTheManifest) {
  const auto plain = read_start(request("application/toml", "name = 'x'"));
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->manifest_text, "name = 'x'");
  const auto full = read_start(request(
      "application/json",
      R"({"manifest":"m","base_directory":"/b","component":"AA==","initial_state_text":"s","parent":"00000000-0000-4000-8000-000000000001"})"));
  ASSERT_TRUE(full) << full.error().message();
  EXPECT_EQ(full->manifest_text, "m");
  EXPECT_EQ(full->base_directory, "/b");
  EXPECT_EQ(full->component, Bytes{0});
  EXPECT_EQ(full->initial_state, to_bytes("s"));
  EXPECT_TRUE(full->parent.has_value());
  EXPECT_FALSE(read_start(request("application/json", R"({"parent":"x"})")));
  EXPECT_FALSE(read_start(request("text/plain", "\xff")));
}

TEST(RequestBody, AComponentIsTheBodyOrAMemberOrAPath) {
  EXPECT_EQ(read_update(request("application/wasm", "abc"))->component, to_bytes("abc"));
  const auto member = read_update(request("application/json", R"({"component":"YWJj"})"));
  ASSERT_TRUE(member);
  EXPECT_EQ(member->component, to_bytes("abc"));
  EXPECT_EQ(read_update(request("application/json", R"({"component_path":"/a.wasm"})"))->component_path, "/a.wasm");
  EXPECT_FALSE(read_update(request("application/json", R"({"component":"!"})")));
  EXPECT_FALSE(read_update(request("application/json", R"({"preflight":true})")));
}

}  // namespace
}  // namespace theater::server
