#include "server/routes.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "server/endpoints.h"

namespace theater::server {
namespace {

std::string name_of(std::string_view method, std::string_view path) {
  const auto match = find_route(method, path);
  const auto* found = std::get_if<RouteMatch>(&match);
  return found ? std::string(routes()[static_cast<std::size_t>(found->operation)].name) : "";
}

TEST(Routes, APathAndAMethodLeadToAnOperation) {
  EXPECT_EQ(name_of("GET", "/healthz"), "health");
  EXPECT_EQ(name_of("GET", "/v1/actors"), "listActors");
  EXPECT_EQ(name_of("POST", "/v1/actors"), "startActor");
  EXPECT_EQ(name_of("GET", "/v1/actors/echo"), "inspectActor");
  EXPECT_EQ(name_of("HEAD", "/v1/actors/echo/events"), "actorEvents");
  EXPECT_EQ(name_of("POST", "/v1/actors/echo/send"), "sendToActor");
  for (const std::string_view path :
       {"", "/", "/v1", "/v1/", "/v1/actors/", "/v1/actors/x/", "/v1/actors/x/nothing", "//v1/actors", "/v1//actors",
        "/v1/actors/x/events/", "v1/actors", "/v1/actors/%", "*", "/v1/actors/x/events/1"}) {
    EXPECT_EQ(name_of("GET", path), "") << path;
  }
}

TEST(Routes, ASegmentIsDecodedAfterThePathIsSplit) {
  const auto match = find_route("GET", "/v1/actors/a%2Fb%20c");
  ASSERT_TRUE(std::holds_alternative<RouteMatch>(match));
  EXPECT_EQ(std::get<RouteMatch>(match).values, std::vector<std::string>{"a/b c"});
}

TEST(Routes, AnotherMethodIsToldWhichThereAre) {
  const auto match = find_route("DELETE", "/v1/actors");
  ASSERT_TRUE(std::holds_alternative<NoMatch>(match));
  EXPECT_EQ(std::get<NoMatch>(match).methods, (std::vector<std::string_view>{"GET", "POST"}));
}

TEST(Routes, NothingButHealthIsOpenToAll) {
  for (const Route& route : routes()) EXPECT_EQ(route.right == Right::kNone, route.pattern == "/healthz") << route.name;
  for (const Route& route : routes()) {
    // Who may only look changes nothing.
    EXPECT_TRUE(route.method == "GET" || route.right >= Right::kOperate) << route.name;
  }
}

TEST(Routes, TheDescriptionHasExactlyTheseOperationsWithTheseRights) {
  const auto description = nlohmann::json::parse(openapi_text());
  std::set<std::string> described;
  for (const auto& [path, item] : description.at("paths").items()) {
    for (const auto& [method, operation] : item.items()) {
      if (method == "parameters") continue;
      std::string line = path + " " + method + " " + operation.at("operationId").get<std::string>() + " " +
                         operation.at("x-right").get<std::string>();
      described.insert(std::move(line));
    }
  }
  std::set<std::string> served;
  for (const Route& route : routes()) {
    std::string method(route.method);
    for (char& c : method) c = static_cast<char>(c - 'A' + 'a');
    served.insert(std::string(route.pattern) + " " + method + " " + std::string(route.name) + " " +
                  std::string(to_string(route.right)));
  }
  EXPECT_EQ(described, served);
}

}  // namespace
}  // namespace theater::server
