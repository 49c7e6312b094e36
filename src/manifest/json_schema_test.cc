#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "manifest/schema.h"

namespace theater {
namespace {

using Json = nlohmann::json;

TEST(ManifestJsonSchema, the_published_file_is_the_one_made_from_the_code) {
  if (std::getenv("THEATER_UPDATE_GOLDEN") != nullptr) std::ofstream(THEATER_SCHEMA_FILE) << manifest_json_schema();
  std::ifstream file(THEATER_SCHEMA_FILE);
  std::ostringstream published;
  published << file.rdbuf();
  EXPECT_EQ(published.str(), manifest_json_schema())
      << "run this test with THEATER_UPDATE_GOLDEN=1 to rewrite " THEATER_SCHEMA_FILE ", and read the difference";
}

/// Every object that lists properties must refuse others and describe what it has.
void check_tables(const Json& schema, const std::string& where) {
  if (schema.is_array()) {
    for (const Json& item : schema) check_tables(item, where + "[]");
  }
  if (!schema.is_object()) return;
  if (schema.value("type", Json()) == "object") {
    EXPECT_EQ(schema.value("additionalProperties", Json()), false) << where;
    EXPECT_TRUE(schema.contains("description")) << where;
  }
  for (const auto& [key, value] : schema.items()) check_tables(value, where + "/" + key);
}

TEST(ManifestJsonSchema, every_table_refuses_unknown_keys_and_is_described) {
  const Json schema = Json::parse(manifest_json_schema());
  EXPECT_EQ(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
  check_tables(schema, "");
  for (const FieldSchema& field : top_level_schema())
    EXPECT_NE(schema["properties"][field.name]["description"], "") << field.name;
}

TEST(ManifestJsonSchema, it_has_every_key_with_its_default_and_bounds) {
  const Json schema = Json::parse(manifest_json_schema());
  EXPECT_EQ(schema["required"], Json({"name", "component"}));
  const Json& limits = schema["properties"]["limits"]["properties"];
  EXPECT_EQ(limits.size(), limits_schema().size());
  EXPECT_EQ(limits["mailbox_messages"]["default"], 1000);
  EXPECT_EQ(limits["mailbox_messages"]["maximum"], 1'000'000);
  EXPECT_EQ(limits["mailbox_overflow"]["enum"], Json({"refuse", "drop-oldest"}));
  EXPECT_EQ(schema["properties"]["handler"]["items"]["oneOf"].size(), builtin_handler_schemas().size());
  EXPECT_EQ(schema["properties"]["permission_policy"]["properties"].size(), capability_schemas().size());
}

TEST(ManifestJsonSchema, a_users_own_handler_is_added) {
  const HandlerSchema own{"weather", "Weather reports", {{"station", FieldKind::kString, "Which station"}}};
  const std::string schema = manifest_json_schema(std::span(&own, 1));
  EXPECT_THAT(schema, testing::HasSubstr("\"weather\""));
  EXPECT_THAT(schema, testing::HasSubstr("\"station\""));
}

}  // namespace
}  // namespace theater
