#include "theater/manifest.h"
#include "theater/permissions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <string>

#include "base/limits.h"
#include "base/sha256.h"
#include "manifest/schema.h"

namespace theater {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr std::string_view kMinimum = "name = \"a\"\ncomponent = \"a.wasm\"\n";

ParseOptions in_folder() {
  ParseOptions options;
  options.source_name = "m.toml";
  options.base_directory = "/actors";
  return options;
}

Manifest parse(std::string_view text, const ParseOptions& options = in_folder()) {
  Result<Manifest> manifest = parse_manifest(text, options);
  EXPECT_TRUE(manifest) << manifest.error().to_string() << "\nin:\n" << text;
  return manifest ? std::move(*manifest) : Manifest();
}

/// The minimum and more.
Manifest parse_with(std::string_view more) { return parse(std::string(kMinimum) + std::string(more)); }

std::string error(std::string_view text, const ParseOptions& options = in_folder()) {
  const Result<Manifest> manifest = parse_manifest(text, options);
  EXPECT_FALSE(manifest) << "accepted:\n" << text;
  if (manifest) return {};
  EXPECT_EQ(manifest.error().code(), ErrorCode::kInvalidManifest);
  return manifest.error().message();
}

/// Lines of `more` begin at 3.
std::string error_with(std::string_view more) { return error(std::string(kMinimum) + std::string(more)); }

// Every key of a manifest.

TEST(Manifest, a_name_and_a_component_are_enough) {
  const Manifest manifest = parse(kMinimum);
  EXPECT_EQ(manifest.name, "a");
  EXPECT_EQ(manifest.version, "0.0.0");
  EXPECT_EQ(manifest.component, "a.wasm");
  EXPECT_EQ(manifest.component_reference, ComponentReference(FileReference{"/actors/a.wasm"}));
  EXPECT_EQ(manifest.description, "");
  EXPECT_EQ(manifest.long_description, "");
  EXPECT_FALSE(manifest.save_chain);
  EXPECT_EQ(manifest.init_state, std::nullopt);
  EXPECT_EQ(manifest.init_state_reference, std::nullopt);
  EXPECT_THAT(manifest.handlers, IsEmpty());
  EXPECT_THAT(manifest.permission_policy.capabilities, IsEmpty());
  EXPECT_EQ(manifest.limits, ActorLimits());
  EXPECT_EQ(manifest.chain, ChainPolicy());
  EXPECT_FALSE(manifest.resume);
  EXPECT_EQ(manifest.source_name, "m.toml");
  EXPECT_EQ(manifest.text, kMinimum);
  EXPECT_EQ(manifest.text_digest, sha256(as_bytes(kMinimum)));
}

TEST(Manifest, every_key_of_the_top_level_is_read) {
  const Manifest manifest = parse(R"(
name = "counter"
version = "1.2.3"
component = "store://main/counter"
description = "Counts"
long_description = """
Counts
	up."""
save_chain = true
init_state = "https://example.org/state.json"
)");
  EXPECT_EQ(manifest.name, "counter");
  EXPECT_EQ(manifest.version, "1.2.3");
  EXPECT_EQ(manifest.component_reference, ComponentReference(StoreReference{"main", "", "counter"}));
  EXPECT_EQ(manifest.description, "Counts");
  EXPECT_EQ(manifest.long_description, "Counts\n\tup.");
  EXPECT_TRUE(manifest.save_chain);
  EXPECT_EQ(manifest.init_state_reference, ComponentReference(UrlReference{"https://example.org/state.json"}));
}

TEST(Manifest, every_handler_is_accepted_without_fields) {
  std::string text;
  for (const char* type : {"message-server", "http-client", "http-framework", "runtime", "supervisor", "store",
                           "timing", "timers", "registry", "filesystem", "process", "environment", "random"}) {
    text += "[[handler]]\ntype = \"" + std::string(type) + "\"\n";
  }
  const Manifest manifest = parse_with(text);
  EXPECT_EQ(manifest.handlers.size(), 13u);
  EXPECT_EQ(builtin_handler_schemas().size(), 13u);
  ASSERT_NE(manifest.handler("timing"), nullptr);
  EXPECT_EQ(manifest.handler("timing")->line, 15u);
  EXPECT_EQ(manifest.handler("clock"), nullptr);
}

TEST(Manifest, handlers_fields_have_the_documented_defaults) {
  const Manifest manifest = parse_with(R"(
handler = [{type="timing"}, {type="process"}, {type="environment"}, {type="random"}, {type="filesystem"}]
)");
  const HandlerConfig& timing = *manifest.handler("timing");
  EXPECT_EQ(timing.unsigned_integer("max_sleep_duration"), 3'600'000u);
  EXPECT_EQ(timing.unsigned_integer("min_sleep_duration"), 1u);
  const HandlerConfig& process = *manifest.handler("process");
  EXPECT_EQ(process.unsigned_integer("max_processes"), 10u);
  EXPECT_EQ(process.unsigned_integer("max_output_buffer"), 1'048'576u);
  EXPECT_EQ(process.string_list("allowed_programs"), nullptr);
  const HandlerConfig& environment = *manifest.handler("environment");
  EXPECT_EQ(environment.boolean("allow_list_all"), false);
  EXPECT_EQ(environment.string_list("allowed_vars"), nullptr);
  const HandlerConfig& random = *manifest.handler("random");
  EXPECT_EQ(random.unsigned_integer("seed"), std::nullopt);
  EXPECT_EQ(random.unsigned_integer("max_bytes"), 1'048'576u);
  EXPECT_EQ(random.unsigned_integer("max_int"), static_cast<std::uint64_t>(INT64_MAX));
  EXPECT_EQ(random.boolean("allow_crypto_secure"), false);
  const HandlerConfig& filesystem = *manifest.handler("filesystem");
  EXPECT_EQ(filesystem.string("path"), nullptr);
  EXPECT_EQ(filesystem.boolean("new_dir"), std::nullopt);
}

TEST(Manifest, every_field_of_every_handler_is_read) {
  const Manifest manifest = parse_with(R"(
[[handler]]
type = "timing"
max_sleep_duration = 5000
min_sleep_duration = 10
[[handler]]
type = "filesystem"
path = "./data"
new_dir = true
allowed_commands = ["ls", "cat"]
[[handler]]
type = "process"
max_processes = 2
max_output_buffer = "2MiB"
allowed_programs = ["git"]
allowed_paths = ["/srv"]
[[handler]]
type = "environment"
allowed_vars = ["HOME"]
denied_vars = []
allow_list_all = true
allowed_prefixes = ["APP_"]
[[handler]]
type = "random"
seed = 42
max_bytes = 16
max_int = 100
allow_crypto_secure = true
)");
  EXPECT_EQ(manifest.handler("timing")->unsigned_integer("max_sleep_duration"), 5000u);
  EXPECT_EQ(*manifest.handler("filesystem")->string("path"), "./data");
  EXPECT_EQ(manifest.handler("filesystem")->boolean("new_dir"), true);
  EXPECT_THAT(*manifest.handler("filesystem")->string_list("allowed_commands"), ElementsAre("ls", "cat"));
  EXPECT_EQ(manifest.handler("process")->unsigned_integer("max_output_buffer"), 2u << 20);
  EXPECT_THAT(*manifest.handler("process")->string_list("allowed_programs"), ElementsAre("git"));
  EXPECT_THAT(*manifest.handler("process")->string_list("allowed_paths"), ElementsAre("/srv"));
  EXPECT_THAT(*manifest.handler("environment")->string_list("denied_vars"), IsEmpty());
  EXPECT_EQ(manifest.handler("random")->unsigned_integer("seed"), 42u);
  EXPECT_EQ(manifest.handler("random")->boolean("seed"), std::nullopt) << "another kind";
}

TEST(Manifest, every_limit_is_read) {
  const Manifest manifest = parse_with(R"(
[limits]
memory = "128MiB"
fuel_per_turn = 1_000_000
turn_timeout_ms = 500
mailbox_messages = 10
mailbox_bytes = "1 GiB"
mailbox_overflow = "drop-oldest"
message_max_bytes = 65536
request_timeout_ms = 1000
channels_max = 0
children_max = 7
table_elements = 9
outstanding_requests_max = 8
event_bytes_per_turn = "1MiB"
stop_timeout_ms = 50
)");
  const ActorLimits expected = {128ull << 20, 9,    1'000'000, 500, 10, 1ull << 30, MailboxOverflow::kDropOldest,
                                65'536,       1000, 0,         7,   8,  1ull << 20, 50};
  EXPECT_EQ(manifest.limits, expected);
}

TEST(Manifest, limits_left_out_have_their_defaults) {
  const Manifest manifest = parse_with("[limits]\nmailbox_messages = 5\n");
  ActorLimits expected;
  expected.mailbox_messages = 5;
  EXPECT_EQ(manifest.limits, expected);
  EXPECT_EQ(parse_with("[limits]\n").limits, ActorLimits());
}

TEST(Manifest, every_capability_takes_inherit_disallow_and_restrict) {
  for (const char* capability :
       {"message_server", "file_system", "http_client", "http_framework", "runtime", "supervisor", "store", "timing",
        "timers", "registry", "process", "environment", "random"}) {
    const std::string header = "[permission_policy." + std::string(capability) + "]\n";
    EXPECT_EQ(parse_with(header + "type = \"inherit\"").permission_policy.capability(capability).mode,
              PermissionMode::kInherit);
    EXPECT_EQ(parse_with(header + "type = \"disallow\"").permission_policy.capability(capability).mode,
              PermissionMode::kDisallow);
    const CapabilityPolicy restricted =
        parse_with(header + "type = \"restrict\"").permission_policy.capability(capability);
    EXPECT_EQ(restricted.mode, PermissionMode::kRestrict);
    EXPECT_EQ(restricted.line, 3u);
  }
  EXPECT_EQ(capability_schemas().size(), 13u);
  EXPECT_EQ(parse(kMinimum).permission_policy.capability("process").mode, PermissionMode::kInherit);
}

TEST(Manifest, every_restriction_is_read) {
  const Manifest manifest = parse_with(R"(
[permission_policy.file_system]
type = "restrict"
config = { read = true, write = true, execute = true, allowed_commands = ["ls"], new_dir = false, allowed_paths = ["/data"] }
[permission_policy.http_client]
type = "restrict"
config = { allowed_methods = ["GET"], allowed_hosts = ["example.org"], max_redirects = 3, timeout = 5000 }
[permission_policy.http_framework.config]
allowed_routes = ["/"]
allowed_methods = ["GET"]
max_request_size = "1MiB"
[permission_policy.http_framework]
type = "restrict"
[permission_policy.process]
type = "restrict"
config = { max_processes = 1, max_output_buffer = 10, allowed_programs = [], allowed_paths = [] }
[permission_policy.environment]
type = "restrict"
config = { allowed_vars = [], denied_vars = [], allow_list_all = true, allowed_prefixes = [] }
[permission_policy.timing]
type = "restrict"
config = { max_sleep_duration = 10, min_sleep_duration = 2 }
[permission_policy.random]
type = "restrict"
config = { seed = 1, max_bytes = 1, max_int = 1, allow_crypto_secure = true }
)");
  for (const CapabilitySchema& capability : capability_schemas()) {
    const ConfigFields& restrictions = manifest.permission_policy.capability(capability.name).restrictions;
    if (manifest.permission_policy.capability(capability.name).line == 0) continue;
    EXPECT_EQ(restrictions.size(), capability.restrictions.size()) << capability.name;
  }
  EXPECT_EQ(manifest.permission_policy.capability("http_framework").restrictions.at("max_request_size"),
            ConfigValue(std::uint64_t{1} << 20));
}

TEST(Manifest, a_restricted_file_system_grants_only_what_is_named) {
  const Manifest manifest =
      parse_with("[permission_policy.file_system]\ntype = \"restrict\"\nconfig = { read = true }");
  const ConfigFields& restrictions = manifest.permission_policy.capability("file_system").restrictions;
  EXPECT_EQ(restrictions.at("read"), ConfigValue(true));
  EXPECT_EQ(restrictions.at("write"), ConfigValue(false));
  EXPECT_FALSE(restrictions.contains("allowed_paths"));
}

TEST(Manifest, a_users_own_handler_has_its_own_fields) {
  FieldSchema station{"station", FieldKind::kString, "Which station"};
  station.required = true;
  FieldSchema interval{"interval_ms", FieldKind::kUnsigned, "Between reports"};
  interval.default_value = std::uint64_t{60'000};
  interval.min = 1'000;
  const HandlerSchema own{"weather", "Weather reports", {station, interval}};
  ParseOptions options = in_folder();
  options.extra_handlers = std::span(&own, 1);
  const std::string block = std::string(kMinimum) + "[[handler]]\ntype = \"weather\"\n";
  const Manifest manifest = parse(block + "station = \"north\"\n", options);
  EXPECT_EQ(*manifest.handler("weather")->string("station"), "north");
  EXPECT_EQ(manifest.handler("weather")->unsigned_integer("interval_ms"), 60'000u);
  EXPECT_EQ(error(block, options), "m.toml:3:1: handler \"weather\" needs station = …");
  EXPECT_THAT(error(block + "station = \"n\"\ninterval_ms = 1", options),
              HasSubstr("interval_ms must be from 1000 to"));
  EXPECT_THAT(error(block), HasSubstr("unknown handler type \"weather\""));
}

TEST(Manifest, no_bound_lets_a_negative_number_in) {
  FieldSchema field{"n", FieldKind::kUnsigned, "A number"};
  field.max = UINT64_MAX;
  const HandlerSchema own{"own", "", {field}};
  ParseOptions options = in_folder();
  options.extra_handlers = std::span(&own, 1);
  EXPECT_THAT(error(std::string(kMinimum) + "[[handler]]\ntype = \"own\"\nn = -1", options),
              HasSubstr("n must be from 0 to"));
}

TEST(Manifest, a_users_handler_may_replace_a_built_in_one) {
  const HandlerSchema own{"timing", "Another clock", {{"zone", FieldKind::kString, "Which zone"}}};
  ParseOptions options = in_folder();
  options.extra_handlers = std::span(&own, 1);
  EXPECT_EQ(*parse(std::string(kMinimum) + "[[handler]]\ntype = \"timing\"\nzone = \"UTC\"", options)
                 .handler("timing")
                 ->string("zone"),
            "UTC");
}

// Unknown keys: never ignored.

TEST(Manifest, an_unknown_key_of_the_top_level_names_its_place_and_the_nearest) {
  EXPECT_EQ(error_with("sav_chain = true"),
            "m.toml:3:1: unknown key \"sav_chain\" in the manifest; did you mean \"save_chain\"?");
  EXPECT_EQ(error_with("\n\n  Version = \"1\""),
            "m.toml:5:3: unknown key \"Version\" in the manifest; did you mean \"version\"?");
  EXPECT_EQ(error_with("zzz = 1"),
            "m.toml:3:1: unknown key \"zzz\" in the manifest; known: name, version, component, description, "
            "long_description, save_chain, resume, unique, "
            "init_state, handler, permission_policy, limits, chain, instance, supervision");
}

TEST(Manifest, an_unknown_table_is_refused) {
  EXPECT_THAT(error_with("[engine]\nevict_after_ms = 1"),
              StartsWith("m.toml:3:2: unknown table \"engine\" in the manifest"));
  EXPECT_EQ(error_with("[limit]\nmemory = 1"),
            "m.toml:3:2: unknown table \"limit\" in the manifest; did you mean \"[limits]\"?");
}

TEST(Manifest, handlers_for_handler_is_told) {
  EXPECT_EQ(error_with("[[handlers]]\ntype = \"timing\""),
            "m.toml:3:3: unknown table \"handlers\" in the manifest; did you mean \"[[handler]]\"?");
}

TEST(Manifest, single_brackets_for_handler_are_told) {
  EXPECT_EQ(error_with("[handler]\ntype = \"timing\""),
            "m.toml:3:1: handler is a list of tables: write [[handler]], in double brackets, before each");
  EXPECT_THAT(error_with("[handler]\ntype = \"timing\"\n[handler]\ntype = \"store\""),
              HasSubstr("write [[handler]], in double brackets, before each handler"));
  EXPECT_THAT(error_with("handler = 3"), HasSubstr("handler is a list of tables"));
  EXPECT_THAT(error_with("handler = [3]"), HasSubstr("handler is a list of tables"));
}

TEST(Manifest, names_of_other_versions_are_told) {
  EXPECT_THAT(error("name = \"a\"\npackage = \"a.wasm\""),
              HasSubstr("unknown key \"package\" in the manifest; did you mean \"component\"?"));
  EXPECT_THAT(error_with("initial_state = \"x\""), HasSubstr("did you mean \"init_state\"?"));
  EXPECT_THAT(error_with("permissions = \"x\""), HasSubstr("did you mean \"[permission_policy.<capability>]\"?"));
}

TEST(Manifest, an_unknown_field_of_a_handler_is_told) {
  EXPECT_EQ(
      error_with("[[handler]]\ntype = \"timing\"\nmax_sleep_duratoin = 5"),
      "m.toml:5:1: unknown key \"max_sleep_duratoin\" in handler \"timing\"; did you mean \"max_sleep_duration\"?");
  EXPECT_EQ(error_with("[[handler]]\ntype = \"message-server\"\ncolour = 5"),
            "m.toml:5:1: unknown key \"colour\" in handler \"message-server\"; known: type");
  EXPECT_THAT(error_with("[[handler]]\ntype = \"message-server\"\nconfig = { port = 1 }"),
              HasSubstr("a handler's fields stand in its [[handler]] block itself"));
  EXPECT_THAT(error_with("[[handler]]\ntype = \"message-server\"\ncan_send = true"),
              HasSubstr("it belongs in [permission_policy.message_server.config]"));
  EXPECT_THAT(error_with("[[handler]]\ntype = \"store\"\npath = \"x\""),
              HasSubstr("it belongs to handler \"filesystem\""));
}

TEST(Manifest, a_top_level_key_after_a_table_is_told) {
  EXPECT_EQ(error_with("[[handler]]\ntype = \"runtime\"\nsave_chain = true"),
            "m.toml:5:1: unknown key \"save_chain\" in handler \"runtime\"; it belongs to the top level, above the "
            "first table");
  EXPECT_THAT(error_with("[limits]\ninit_state = \"x\""), HasSubstr("it belongs to the top level"));
  EXPECT_THAT(error_with("mailbox_messages = 5"), HasSubstr("it belongs in [limits]"));
}

TEST(Manifest, an_unknown_handler_type_is_told) {
  EXPECT_EQ(error_with("[[handler]]\ntype = \"message_server\""),
            "m.toml:4:8: unknown handler type \"message_server\"; did you mean \"message-server\"?");
  EXPECT_THAT(error_with("[[handler]]\ntype = \"http\""), HasSubstr("did you mean \"http-client\"?"));
  EXPECT_THAT(error_with("[[handler]]\ntype = \"zzz\""), HasSubstr("; known: message-server, timing"));
  EXPECT_EQ(error_with("[[handler]]\n"), "m.toml:3:1: [[handler]] needs type = …, such as \"message-server\"");
  EXPECT_THAT(error_with("[[handler]]\ntype = 3"),
              HasSubstr("m.toml:4:8: type must be text in quotes, not an integer"));
}

TEST(Manifest, an_unknown_limit_is_told) {
  EXPECT_EQ(error_with("[limits]\nmailbox_mesages = 5"),
            "m.toml:4:1: unknown key \"mailbox_mesages\" in [limits]; did you mean \"mailbox_messages\"?");
  EXPECT_THAT(error_with("[limits]\nfuel = 5"), HasSubstr("did you mean \"fuel_per_turn\"?"));
  EXPECT_THAT(error_with("[limits.more]\nfuel = 5"), HasSubstr("unknown table \"more\" in [limits]"));
  EXPECT_THAT(error_with("[[limits]]\nmemory = 5"), HasSubstr("limits is one table: write [limits]"));
  EXPECT_THAT(error_with("limits = 5"), HasSubstr("limits is one table: write [limits]"));
}

TEST(Manifest, an_unknown_permission_is_told) {
  EXPECT_EQ(
      error_with("[permission_policy.message-server]\ntype = \"inherit\""),
      "m.toml:3:20: unknown capability \"message-server\" in [permission_policy]; did you mean \"message_server\"?");
  EXPECT_THAT(error_with("[permission_policy.filesystem]\ntype = \"inherit\""),
              HasSubstr("did you mean \"file_system\"?"));
  EXPECT_THAT(error_with("[permission_policy]\ntype = \"inherit\""),
              HasSubstr("name the capability: [permission_policy.message_server]"));
  EXPECT_THAT(error_with("[permission_policy.store]\ntyp = \"inherit\""), HasSubstr("did you mean \"type\"?"));
  EXPECT_THAT(error_with("[permission_policy.store]\ntyp = \"inherit\""),
              HasSubstr("m.toml:3:1: [permission_policy.store] needs type = …"));
  EXPECT_THAT(error_with("[permission_policy.store]\ntype = \"inherits\""),
              HasSubstr("m.toml:4:8: type must be one of \"inherit\", \"disallow\", \"restrict\", not \"inherits\"; "
                        "did you mean \"inherit\"?"));
  EXPECT_EQ(error_with("[permission_policy.message_server]\ntype = \"restrict\"\ncan_send = false"),
            "m.toml:5:1: unknown key \"can_send\" in [permission_policy.message_server]; it belongs in "
            "[permission_policy.message_server.config]");
  EXPECT_EQ(
      error_with("[permission_policy.message_server]\ntype = \"restrict\"\nconfig = { can_sent = false }"),
      "m.toml:5:12: unknown key \"can_sent\" in [permission_policy.message_server.config]; did you mean \"can_send\"?");
  EXPECT_THAT(error_with("permission_policy.store = \"inherit\""),
              HasSubstr("store is one table: write [permission_policy.store]"));
  EXPECT_THAT(error_with("permission_policy = 1"), HasSubstr("write [permission_policy.<capability>]"));
}

TEST(Manifest, restrictions_that_would_do_nothing_are_refused) {
  EXPECT_THAT(error_with("[permission_policy.message_server]\ntype = \"inherit\"\nconfig = { can_send = false }"),
              HasSubstr("config belongs to type = \"restrict\"; with \"inherit\" it would do nothing"));
}

TEST(Manifest, a_handler_named_twice_is_told) {
  EXPECT_EQ(error_with("[[handler]]\ntype = \"timing\"\n[[handler]]\ntype = \"timing\""),
            "m.toml:5:1: handler \"timing\" is there already, on line 3");
}

// Wrong values.

TEST(Manifest, missing_keys_are_told) {
  EXPECT_EQ(error(""), "m.toml:1:1: the manifest needs name = …\nm.toml:1:1: the manifest needs component = …");
  EXPECT_THAT(error("name = \"\"\ncomponent = \"a\""), HasSubstr("m.toml:1:8: name must not be empty"));
}

TEST(Manifest, wrong_types_are_told_with_their_place) {
  EXPECT_EQ(error_with("save_chain = \"yes\""), "m.toml:3:14: save_chain must be true or false, not text");
  EXPECT_EQ(error("name = 3\ncomponent = \"a\""), "m.toml:1:8: name must be text in quotes, not an integer");
  EXPECT_EQ(error_with("[limits]\nturn_timeout_ms = \"5\""),
            "m.toml:4:19: turn_timeout_ms must be an integer, not text");
  EXPECT_EQ(error_with("[limits]\nturn_timeout_ms = 1.5"),
            "m.toml:4:19: turn_timeout_ms must be an integer, not a number with a fraction");
  EXPECT_EQ(error_with("[limits]\nmemory = true"),
            "m.toml:4:10: memory must be bytes as an integer, or as text like \"64MiB\", not true or false");
  EXPECT_EQ(error_with("[[handler]]\ntype = \"process\"\nallowed_programs = \"git\""),
            "m.toml:5:20: allowed_programs must be a list of texts like [\"a\", \"b\"], not text");
  EXPECT_EQ(error_with("[[handler]]\ntype = \"process\"\nallowed_programs = [\"git\", 3]"),
            "m.toml:5:28: allowed_programs must be a list of texts; this one is an integer");
  EXPECT_EQ(error_with("save_chain = 2024-01-01"), "m.toml:3:14: save_chain must be true or false, not a date or time");
  EXPECT_EQ(error_with("init_state = []"), "m.toml:3:14: init_state must be text in quotes, not a list");
}

TEST(Manifest, an_unknown_overflow_policy_is_told) {
  EXPECT_EQ(error_with("[limits]\nmailbox_overflow = \"drop_oldest\""),
            "m.toml:4:20: mailbox_overflow must be one of \"refuse\", \"drop-oldest\", not \"drop_oldest\"; did you "
            "mean \"drop-oldest\"?");
}

/// Each numeric field at, below and over its bounds.
void check_bounds(const FieldSchema& field, const std::string& before) {
  const auto with = [&](const std::string& value) {
    return parse_manifest(std::string(kMinimum) + before + field.name + " = " + value, in_folder());
  };
  EXPECT_TRUE(with(std::to_string(field.min))) << field.name;
  EXPECT_TRUE(with(std::to_string(field.max))) << field.name;
  const Result<Manifest> below = with(std::to_string(static_cast<std::int64_t>(field.min) - 1));
  ASSERT_FALSE(below) << field.name;
  EXPECT_THAT(below.error().message(), HasSubstr(field.name + " must be from " + std::to_string(field.min) + " to " +
                                                 std::to_string(field.max)));
  EXPECT_FALSE(with(std::to_string(field.max + 1))) << field.name;
}

bool is_numeric(const FieldSchema& field) {
  return field.kind == FieldKind::kUnsigned || field.kind == FieldKind::kSize;
}

TEST(Manifest, every_number_has_bounds) {
  for (const FieldSchema& field : limits_schema()) {
    if (is_numeric(field)) check_bounds(field, "[limits]\n");
  }
  for (const HandlerSchema& handler : builtin_handler_schemas()) {
    for (const FieldSchema& field : handler.fields) {
      // A pair with a rule of its own; the next test has it.
      if (is_numeric(field) && handler.type != "timing")
        check_bounds(field, "[[handler]]\ntype = \"" + handler.type + "\"\n");
    }
  }
}

TEST(Manifest, the_shortest_sleep_is_not_longer_than_the_longest) {
  EXPECT_EQ(error_with("[[handler]]\ntype = \"timing\"\nmin_sleep_duration = 10\nmax_sleep_duration = 9"),
            "m.toml:3:1: min_sleep_duration (10) is more than max_sleep_duration (9)");
  EXPECT_THAT(error_with("[permission_policy.timing]\ntype = \"restrict\"\nconfig.max_sleep_duration = 0"),
              HasSubstr("min_sleep_duration (1) is more"));
  EXPECT_EQ(
      parse_with("[[handler]]\ntype = \"timing\"\nmin_sleep_duration = 9\nmax_sleep_duration = 9").handlers.size(), 1u);
}

TEST(Manifest, sizes_have_units) {
  const auto memory = [](std::string_view value) {
    return parse_with("[limits]\nmemory = " + std::string(value)).limits.memory_bytes;
  };
  EXPECT_EQ(memory("65536"), 65'536u);
  EXPECT_EQ(memory("\"65536\u0042\""), 65'536u);
  EXPECT_EQ(memory("\"64KiB\""), 65'536u);
  EXPECT_EQ(memory("\"64 MiB\""), 64u << 20);
  EXPECT_EQ(memory("\"4GiB\""), 4ull << 30);
  for (const char* bad : {"\"64\"", "\"64MB\"", "\"64mib\"", "\"MiB\"", "\"\"", "\"-1MiB\"", "\"1.5MiB\"", "\"64MiB \"",
                          "\"64  MiB\"", "\"99999999999999999999B\"", "\"17179869184GiB\""}) {
    EXPECT_THAT(error_with(std::string("[limits]\nmemory = ") + bad),
                HasSubstr("memory must be an integer of bytes, or one with the unit"))
        << bad;
  }
  EXPECT_EQ(error_with("[limits]\nmemory = \"5GiB\""),
            "m.toml:4:10: memory must be from 65536 to 4294967296 bytes, not \"5GiB\"");
}

TEST(Manifest, texts_have_bounds) {
  const std::string longest(limits::kActorNameBytes, 'n');
  EXPECT_EQ(parse("name = \"" + longest + "\"\ncomponent = \"a\"").name, longest);
  EXPECT_THAT(error("name = \"" + longest + "n\"\ncomponent = \"a\""),
              HasSubstr("name must have from 1 to 256 bytes, not 257"));
  EXPECT_THAT(error("name = \"a\\nb\"\ncomponent = \"a\""), HasSubstr("name must not have control characters"));
  EXPECT_THAT(error("name = \"a\"\ncomponent = \"a\\u0000b\""),
              HasSubstr("component must not have control characters"));
  EXPECT_THAT(error_with("[[handler]]\ntype = \"process\"\nallowed_programs = [\"a\\u0007\"]"),
              HasSubstr("control characters"));
  EXPECT_THAT(error_with("[[handler]]\ntype = \"process\"\nallowed_programs = [\"\"]"),
              HasSubstr("must not hold an empty text"));
  EXPECT_THAT(error_with("description = \"a\\u001bb\""), HasSubstr("control characters"));
}

TEST(Manifest, a_bad_reference_is_told_with_its_place) {
  EXPECT_EQ(error("name = \"a\"\ncomponent = \"store://x\""),
            "m.toml:2:13: component: \"store://x\" is no store reference: write store://<id>/hash/<hash> or "
            "store://<id>/<label>");
  EXPECT_THAT(error_with("init_state = \"ftp://x/y\""),
              HasSubstr("m.toml:3:14: init_state: \"ftp://x/y\" has an unknown scheme"));
}

TEST(Manifest, a_text_from_the_network_may_not_name_files) {
  ParseOptions options = in_folder();
  options.base_directory.reset();
  EXPECT_EQ(parse("name = \"a\"\ncomponent = \"store://main/a\"", options).base_directory, std::nullopt);
  EXPECT_THAT(error("name = \"a\"\ncomponent = \"/etc/passwd\"", options),
              HasSubstr("\"/etc/passwd\" is a path, which this manifest's sender may not choose"));
  EXPECT_THAT(error("name = \"a\"\ncomponent = \"store://main/a\"\ninit_state = \"s.json\"", options),
              HasSubstr("m.toml:3:14: init_state: "));
}

// All errors, in order, and a bound.

TEST(Manifest, all_errors_are_told_in_the_order_of_the_text) {
  EXPECT_EQ(
      error("nam = \"a\"\ncomponent = 3\n[[handler]]\ntype = \"zzzzzzzz\"\n[[handler]]\ntype = "
            "\"timing\"\nmax_sleep_duration = -1\n"
            "[limits]\nchannels_max = -1\n[permission_policy.stor]\n"),
      "m.toml:1:1: unknown key \"nam\" in the manifest; did you mean \"name\"?\n"
      "m.toml:1:1: the manifest needs name = …\n"
      "m.toml:2:13: component must be text in quotes, not an integer\n"
      "m.toml:4:8: unknown handler type \"zzzzzzzz\"; known: message-server, timing, timers, "
      "registry, runtime, supervisor, store, http-client, http-framework, filesystem, process, environment, random\n"
      "m.toml:7:22: max_sleep_duration must be from 0 to 9223372036854775807, not -1\n"
      "m.toml:9:16: channels_max must be from 0 to 1000000, not -1\n"
      "m.toml:10:20: unknown capability \"stor\" in [permission_policy]; did you mean \"store\"?");
}

TEST(Manifest, the_list_of_errors_has_an_end) {
  std::string text(kMinimum);
  for (int i = 0; i < 100; ++i) text += "key" + std::to_string(i) + " = 1\n";
  const std::string message = error(text);
  EXPECT_THAT(message, HasSubstr("m.toml:22:1: unknown key \"key19\""));
  EXPECT_THAT(message, Not(HasSubstr("\"key20\"")));
  EXPECT_THAT(message, testing::EndsWith("m.toml: and 80 more errors"));
}

TEST(Manifest, what_an_error_quotes_is_safe_to_show) {
  const std::string message = error_with("\"a\\u001b[31m" + std::string(5000, 'x') + "\" = 1");
  EXPECT_EQ(message.find('\x1b'), std::string::npos);
  EXPECT_LT(message.size(), 400u);
}

// Text that is no TOML.

TEST(Manifest, a_syntax_error_has_its_place) {
  EXPECT_THAT(error("name = \"a\"\ncomponent = \n"), StartsWith("m.toml:2:13: "));
  EXPECT_THAT(error("name = \"a\nb\""), StartsWith("m.toml:1:"));
  EXPECT_THAT(error("name = \"a\"\nname = \"b\""), StartsWith("m.toml:2:"));
}

TEST(Manifest, hostile_text_is_refused_and_harms_nobody) {
  using namespace std::string_literals;
  EXPECT_THAT(error("name = \"é\xff\""), HasSubstr("m.toml:1:10: this is not UTF-8"));
  EXPECT_THAT(error("a = 1\n\n  \xc3"), HasSubstr("m.toml:3:3: this is not UTF-8"));
  EXPECT_THAT(error("name = \"a\0b\""s), StartsWith("m.toml:1:"));
  EXPECT_THAT(error("\0"s), StartsWith("m.toml:1:1: "));
  EXPECT_THAT(error("é = 1"), StartsWith("m.toml:1:1: "));
  EXPECT_THAT(error("a = é"), StartsWith("m.toml:1:5: "));
  EXPECT_EQ(parse_with("description = \"\"\"a \\\n  é\"\"\" # é").description, "a é");
  EXPECT_EQ(error("a = 1\n[[[a]]]\nb = 2"), "m.toml:2:1: this is not TOML");
  EXPECT_EQ(error("a = 1\n\n[.a]"), "m.toml:3:1: this is not TOML");
  EXPECT_THAT(error("x = " + std::string(100'000, '[')), StartsWith("m.toml:1:"));
  EXPECT_THAT(error("x = " + std::string(100'000, '[') + std::string(100'000, ']')), StartsWith("m.toml:1:"));
  std::string tables = "x = ";
  for (int i = 0; i < 100'000; ++i) tables += "{a=";
  EXPECT_THAT(error(tables), StartsWith("m.toml:1:"));
  std::string dotted = "a";
  for (int i = 0; i < 400'000; ++i) dotted += ".a";
  EXPECT_THAT(error(dotted + " = 1"), HasSubstr("a key of more than 16 dotted names"));
  EXPECT_THAT(error("[" + dotted + "]"), HasSubstr("a key of more than 16 dotted names"));
}

TEST(Manifest, text_over_the_bound_is_refused) {
  const std::string text = std::string(kMinimum) + "#";
  EXPECT_EQ(parse(text + std::string(limits::kManifestBytes - text.size(), '#')).name, "a");
  EXPECT_THAT(error(text + std::string(limits::kManifestBytes, '#')),
              HasSubstr("a manifest may have 1048576 bytes at most"));
}

TEST(Manifest, handlers_have_a_bound) {
  std::string text(kMinimum);
  for (std::size_t i = 0; i <= limits::kManifestHandlers; ++i) text += "[[handler]]\n";
  EXPECT_THAT(error(text), HasSubstr("more than 64 handlers"));
}

TEST(Manifest, the_costliest_texts_take_no_more_than_seconds) {
  const auto begin = std::chrono::steady_clock::now();
  std::string keys;
  for (int i = 0; keys.size() < limits::kManifestBytes - 20; ++i) keys += "max_sleep_dur" + std::to_string(i) + "=1\n";
  error(keys);
  std::string braces = "a = \"";
  while (braces.size() < limits::kManifestBytes - 2) braces += "{{";
  error(braces);
  std::string tags = "a = [";
  while (tags.size() < limits::kManifestBytes - 20) tags += "{{default x 1}},";
  error(tags);
  std::string blocks;
  while (blocks.size() < limits::kManifestBytes - 20) blocks += "[[b]]\n";
  error(blocks);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

// Templates: the rules are template_test.cc's.

ParseOptions with_state(std::string_view state) {
  ParseOptions options = in_folder();
  options.initial_state = as_bytes(state);
  return options;
}

TEST(Manifest, the_template_is_filled_from_the_state) {
  const Manifest manifest =
      parse(R"(
name = "{{app.name}}"
version = "{{default app.version "0.1.0"}}"
component = "{{build.component_path}}"
description = "Processor for {{workspace.name}}"
save_chain = {{logging.save_events}}

[[handler]]
type = "filesystem"
path = "{{workspace.data_dir}}"
new_dir = {{filesystem.create_dirs}}

[[handler]]
type = "timing"
max_sleep_duration = {{default timing.max "5000"}}
)",
            with_state(R"({"app":{"name":"p"},"build":{"component_path":"./dist/p.wasm"},"workspace":{"name":"prod",
  "data_dir":"/var/data"},"logging":{"save_events":true},"filesystem":{"create_dirs":true}})"));
  EXPECT_EQ(manifest.name, "p");
  EXPECT_EQ(manifest.version, "0.1.0");
  EXPECT_EQ(manifest.component, "./dist/p.wasm");
  EXPECT_EQ(manifest.component_reference, ComponentReference(FileReference{"/actors/dist/p.wasm"}));
  EXPECT_EQ(manifest.description, "Processor for prod");
  EXPECT_TRUE(manifest.save_chain);
  EXPECT_EQ(*manifest.handler("filesystem")->string("path"), "/var/data");
  EXPECT_EQ(manifest.handler("timing")->unsigned_integer("max_sleep_duration"), 5000u);
  EXPECT_THAT(manifest.text, HasSubstr("{{app.name}}")) << "the text is kept as given";
}

TEST(Manifest, a_hostile_state_adds_no_handler) {
  const std::string state = R"({"x":"a\"\ncomponent = \"b\"\n[[handler]]\ntype = \"process\"\n#"})";
  const Manifest manifest =
      parse("name = \"{{x}}\"\ncomponent = \"a.wasm\"\ndescription = \"\"", with_state(R"({"x":"a"})"));
  EXPECT_EQ(manifest.name, "a");
  const Manifest described = parse("name = \"a\"\ncomponent = \"a.wasm\"\ndescription = \"{{x}}\"", with_state(state));
  EXPECT_THAT(described.handlers, IsEmpty());
  EXPECT_EQ(described.component, "a.wasm");
  EXPECT_EQ(described.description, "a\"\ncomponent = \"b\"\n[[handler]]\ntype = \"process\"\n#");
  EXPECT_THAT(error("name = \"{{x}}\"\ncomponent = \"a.wasm\"", with_state(state)),
              HasSubstr("name must not have control characters"));
}

TEST(Manifest, an_error_after_a_tag_has_the_place_in_the_text_as_given) {
  EXPECT_THAT(error("name = \"a\"\ncomponent = \"a\"\nhandler = [{ type = \"{{x}}\", oops = 1 }]",
                    with_state(R"({"x":"timing"})")),
              HasSubstr("m.toml:3:30: unknown key \"oops\""));
}

TEST(Manifest, the_state_does_not_choose_where_it_is_read_from) {
  EXPECT_THAT(error("name = \"a\"\ncomponent = \"a\"\ninit_state = \"{{x}}\"", with_state(R"({"x":"/etc/passwd"})")),
              HasSubstr("m.toml:3:14: init_state: a template cannot stand here"));
  EXPECT_THAT(
      error("name = \"a\"\ncomponent = \"a\"\ninit_state = \"\"\"\n{{x}}\"\"\"", with_state(R"({"x":"/etc/passwd"})")),
      HasSubstr("init_state: a template cannot stand here"));
}

TEST(Manifest, the_initial_state_is_found_before_the_template_is_filled) {
  const std::string text =
      "name = \"{{name}}\"\ncomponent = \"a\"\nsave_chain = {{save}}\ninit_state = \"state.json\"\n";
  EXPECT_EQ(*find_init_state(text, in_folder()), ComponentReference(FileReference{"/actors/state.json"}));
  EXPECT_EQ(*find_init_state("name = \"{{name}}\"", in_folder()), std::nullopt);
  EXPECT_FALSE(find_init_state("init_state = \"{{x}}\"", in_folder()));
  EXPECT_FALSE(find_init_state("init_state = 3", in_folder()));
  EXPECT_FALSE(find_init_state("init_state = ", in_folder()));
  ParseOptions network;
  EXPECT_FALSE(find_init_state(text, network));
}

// Files.

class ManifestFile : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("theater-manifest-test-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path write(const std::string& text) {
    std::ofstream(folder_ / "manifest.toml", std::ios::binary) << text;
    return folder_ / "manifest.toml";
  }

  std::filesystem::path folder_;
};

TEST_F(ManifestFile, references_start_from_the_files_folder) {
  const std::filesystem::path path = write(std::string(kMinimum) + "init_state = \"s.json\"");
  const Result<Manifest> manifest = load_manifest(path);
  ASSERT_TRUE(manifest) << manifest.error().to_string();
  EXPECT_EQ(manifest->component_reference, ComponentReference(FileReference{folder_ / "a.wasm"}));
  EXPECT_EQ(manifest->init_state_reference, ComponentReference(FileReference{folder_ / "s.json"}));
  EXPECT_EQ(manifest->base_directory, folder_);
  EXPECT_EQ(manifest->source_name, path.native());
}

TEST_F(ManifestFile, a_relative_path_gives_absolute_references) {
  const std::filesystem::path path = write(std::string(kMinimum));
  const Result<Manifest> manifest = load_manifest(std::filesystem::relative(path));
  ASSERT_TRUE(manifest) << manifest.error().to_string();
  EXPECT_EQ(manifest->component_reference, ComponentReference(FileReference{folder_ / "a.wasm"}));
}

TEST_F(ManifestFile, an_error_names_the_file) {
  const std::filesystem::path path = write("nam = 1");
  const Result<Manifest> manifest = load_manifest(path);
  ASSERT_FALSE(manifest);
  EXPECT_THAT(manifest.error().message(), StartsWith(path.native() + ":1:1: unknown key"));
}

TEST_F(ManifestFile, what_is_no_readable_file_is_refused) {
  const auto code = [](const std::filesystem::path& path) {
    const Result<Manifest> manifest = load_manifest(path);
    return manifest ? ErrorCode::kInternal : manifest.error().code();
  };
  EXPECT_EQ(code(folder_ / "none.toml"), ErrorCode::kNotFound);
  EXPECT_EQ(code(folder_), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code("/dev/zero"), ErrorCode::kIo);
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(code(folder_ / "pipe"), ErrorCode::kIo);
  EXPECT_EQ(code(write(std::string(limits::kManifestBytes + 1, '#'))), ErrorCode::kTooLarge);
  EXPECT_EQ(code(""), ErrorCode::kNotFound);
}

// What docs/manifest.md shows.

/// The content of the n-th fenced block of that language.
std::string documented(std::string_view language, int n) {
  std::ifstream file(THEATER_MANIFEST_GUIDE);
  std::string line;
  std::string block;
  bool inside = false;
  while (std::getline(file, line)) {
    if (!inside && line == "```" + std::string(language) && n-- == 0) {
      inside = true;
    } else if (inside && line == "```") {
      return block;
    } else if (inside) {
      block += line + '\n';
    }
  }
  return block;
}

TEST(ManifestGuide, its_example_is_accepted) {
  const Manifest manifest = parse(documented("toml", 0));
  EXPECT_EQ(manifest.limits.memory_bytes, 16u << 20);
  EXPECT_FALSE(message_permissions(compose_permissions(nullptr, manifest)).can_open_channels);
}

TEST(ManifestGuide, its_template_is_filled) {
  const Manifest manifest =
      parse(documented("toml", 2), with_state(R"({"region":{"name":"north"},"queue":{"length":7}})"));
  EXPECT_EQ(manifest.name, "worker-north");
  EXPECT_EQ(manifest.limits.mailbox_messages, 7u);
}

TEST(ManifestGuide, its_errors_are_those_printed) {
  ParseOptions options = in_folder();
  options.source_name = "manifest.toml";
  const std::string text = R"(nam = "counter"
component = "counter.wasm"

[[handlers]]
type = "message-server"

[[handler]]
type = "timing"
max_sleep_duraton = 5000
save_chain = true

[limits]
memory = "64MB"
mailbox_overflow = "drop_oldest"

[permission_policy.message-server]
type = "disallow"
)";
  std::ifstream file(THEATER_MANIFEST_GUIDE);
  const std::string guide((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  EXPECT_THAT(guide, HasSubstr("```\n" + error(text, options) + "\n```"));
  const std::string state = R"({"app":{},"save":"yes, please"})";
  options.initial_state = as_bytes(state);
  const std::string templated = "name = \"{{app.name}}\"\ncomponent = \"counter.wasm\"\nsave_chain = {{save}}\n";
  EXPECT_THAT(guide, HasSubstr("```\n" + error(templated, options) + "\n```"));
}

// Manifests as people have them.

TEST(Manifest, manifests_of_existing_actors_are_accepted) {
  for (const char* text : {
           R"(name = "supervisor"
version = "0.1.0"
component = "./target/wasm32-unknown-unknown/release/supervisor.wasm"
description = "A Theater supervisor actor"
save_chain = true

[[handler]]
type = "supervisor"

[[handler]]
type = "runtime"
)",
           "name = \"chat\"\r\nversion = \"0.1.0\"\r\ncomponent = \"/srv/actors/chat.wasm\"\r\n\r\n[[handler]]\r\ntype "
           "= \"message-server\"\r\n",
           R"(# A web server that may do little
name = "web"
version = "2.0.0"
component = "https://example.org/web.wasm"
init_state = "store://config/web"

[[handler]]
type = "http-framework"

[[handler]]
type = "environment"
allowed_prefixes = ["WEB_"]
denied_vars = ["WEB_SECRET"]

[permission_policy.file_system]
type = "restrict"
config = { read = true, write = false, execute = false, allowed_paths = ["/srv/www"] }

[permission_policy.process]
type = "disallow"
)"}) {
    EXPECT_FALSE(parse(text).name.empty());
  }
}

}  // namespace
}  // namespace theater
