#include "manifest/schema.h"

#include <algorithm>
#include <iterator>

#include "base/limits.h"

namespace theater {
namespace {

using StringList = std::vector<std::string>;

FieldSchema boolean(std::string name, bool default_value, std::string description) {
  FieldSchema field{std::move(name), FieldKind::kBoolean, std::move(description)};
  field.default_value = default_value;
  return field;
}

FieldSchema optional_boolean(std::string name, std::string description) {
  return {std::move(name), FieldKind::kBoolean, std::move(description)};
}

FieldSchema number(FieldKind kind, std::string name, std::optional<std::uint64_t> default_value, std::uint64_t min,
                   std::uint64_t max, std::string description) {
  FieldSchema field{std::move(name), kind, std::move(description)};
  if (default_value) field.default_value = *default_value;
  field.min = min;
  field.max = max;
  return field;
}

FieldSchema text(std::string name, std::uint64_t min_bytes, std::uint64_t max_bytes, std::string description) {
  FieldSchema field{std::move(name), FieldKind::kString, std::move(description)};
  field.min = min_bytes;
  field.max = max_bytes;
  return field;
}

FieldSchema required(FieldSchema field) {
  field.required = true;
  return field;
}

FieldSchema with_default(FieldSchema field, std::string default_value) {
  field.default_value = std::move(default_value);
  return field;
}

FieldSchema choice(std::string name, std::string default_value, StringList choices, std::string description) {
  FieldSchema field{std::move(name), FieldKind::kString, std::move(description)};
  if (!default_value.empty()) field.default_value = std::move(default_value);
  field.choices = std::move(choices);
  return field;
}

FieldSchema list(std::string name, std::string description) {
  return {std::move(name), FieldKind::kStringList, std::move(description)};
}

FieldSchema narrows(Narrowing narrowing, FieldSchema field) {
  field.narrowing = narrowing;
  return field;
}

using enum Narrowing;
constexpr auto kUnsigned = FieldKind::kUnsigned;
constexpr auto kSize = FieldKind::kSize;

std::vector<FieldSchema> timing_fields() {
  return {
      narrows(kLeast, number(kUnsigned, "max_sleep_duration", limits::kSleepMaxMs, 0, INT64_MAX,
                             "Longest sleep, in milliseconds")),
      narrows(kMost, number(kUnsigned, "min_sleep_duration", limits::kSleepMinMs, 0, INT64_MAX,
                            "Shortest sleep, in milliseconds")),
  };
}

std::vector<FieldSchema> timers_fields() {
  return {
      narrows(kLeast, number(kUnsigned, "max_timers", limits::kTimers, 0, limits::kTimersMax,
                             "Timers that may be set at once")),
      narrows(kLeast, number(kSize, "max_bytes", limits::kTimerBytes, 0, limits::kTimerBytesMax,
                             "Bytes of messages that may wait for their time")),
      narrows(kMost, number(kUnsigned, "min_period_ms", limits::kTimerPeriodMinMs, 1, limits::kTimerDelayMsMax,
                            "Shortest time between two messages of one timer, in milliseconds")),
  };
}

std::vector<FieldSchema> registry_fields() {
  return {
      narrows(kShared, list("allowed_names", "The only names that the actor may register")),
      narrows(kShared, list("allowed_groups", "The only groups that it may join, look into and publish to")),
  };
}

std::vector<FieldSchema> process_fields() {
  return {
      narrows(kLeast, number(kUnsigned, "max_processes", limits::kProcesses, 0, limits::kProcessesMax,
                             "Processes that may run at once")),
      narrows(kLeast, number(kSize, "max_output_buffer", limits::kProcessOutputBytes, 0, limits::kProcessOutputBytesMax,
                             "Bytes of a process's output that are kept for the actor")),
      narrows(kShared, list("allowed_programs", "The only programs that may be started")),
      narrows(kPaths, list("allowed_paths", "The only folders that a process may work in")),
  };
}

std::vector<FieldSchema> environment_fields() {
  return {
      narrows(kShared, list("allowed_vars", "The only variables that may be read")),
      narrows(kUnited, list("denied_vars", "Variables that may not be read, whatever else allows them")),
      narrows(kBoth, boolean("allow_list_all", false, "Whether the actor may list all variables that it may read")),
      narrows(kPrefixes, list("allowed_prefixes", "Variables that begin with one of these may be read")),
  };
}

std::vector<FieldSchema> random_fields() {
  return {
      narrows(kFixed, number(kUnsigned, "seed", std::nullopt, 0, INT64_MAX,
                             "Makes the numbers repeatable; without it they come from the system")),
      narrows(kLeast, number(kSize, "max_bytes", limits::kRandomBytes, 0, limits::kRandomBytesMax,
                             "Most random bytes of one call")),
      narrows(kLeast,
              number(kUnsigned, "max_int", INT64_MAX, 0, INT64_MAX, "Largest upper end of a range of random integers")),
      narrows(kBoth,
              boolean("allow_crypto_secure", false, "Whether the actor may ask for numbers fit for cryptography")),
  };
}

std::vector<FieldSchema> filesystem_fields() {
  return {
      text("path", 1, limits::kReferenceBytes, "The one folder that the actor sees"),
      narrows(kBoth, optional_boolean("new_dir", "Whether the actor gets a new folder of its own instead of `path`")),
      narrows(kShared, list("allowed_commands", "The only commands that the actor may run in its folder")),
  };
}

std::vector<FieldSchema> file_system_restrictions() {
  return {
      narrows(kBoth, boolean("read", false, "Whether files may be read")),
      narrows(kBoth, boolean("write", false, "Whether files may be written")),
      narrows(kBoth, boolean("execute", false, "Whether commands may be run")),
      narrows(kShared, list("allowed_commands", "The only commands that may be run")),
      narrows(kBoth, optional_boolean("new_dir", "Whether the actor may get a new folder of its own")),
      narrows(kPaths, list("allowed_paths", "The only folders that may be reached")),
  };
}

std::vector<FieldSchema> http_client_restrictions() {
  return {
      narrows(kShared, list("allowed_methods", "The only HTTP methods that may be used")),
      narrows(kShared, list("allowed_hosts", "The only hosts that may be reached")),
      narrows(kLeast, number(kUnsigned, "max_redirects", std::nullopt, 0, INT64_MAX,
                             "Most redirects that one request follows")),
      narrows(kLeast, number(kUnsigned, "timeout", std::nullopt, 0, INT64_MAX, "Longest request, in milliseconds")),
  };
}

std::vector<FieldSchema> http_framework_restrictions() {
  return {
      narrows(kShared, list("allowed_routes", "The only routes that may be served")),
      narrows(kShared, list("allowed_methods", "The only HTTP methods that may be served")),
      narrows(kLeast, number(kSize, "max_request_size", std::nullopt, 0, INT64_MAX, "Largest request, in bytes")),
  };
}

std::vector<FieldSchema> message_server_restrictions() {
  return {
      narrows(kBoth, boolean("can_send", true, "Whether the actor may send messages")),
      narrows(kBoth, boolean("can_request", true, "Whether the actor may send requests")),
      narrows(kBoth, boolean("can_open_channels", true, "Whether the actor may open channels")),
      narrows(kShared, list("allowed_targets", "Ids or names of the only actors it may address; without it, all")),
  };
}

}  // namespace

const std::vector<FieldSchema>& top_level_schema() {
  static const std::vector<FieldSchema> schema = [] {
    std::vector<FieldSchema> fields = {
        required(text("name", 1, limits::kActorNameBytes, "What people call the actor")),
        with_default(text("version", 1, limits::kActorNameBytes, "The actor's own version"), "0.0.0"),
        required(
            text("component", 1, limits::kReferenceBytes,
                 "The WebAssembly component: a path (relative to the manifest, or absolute), store://<id>/hash/<hash>, "
                 "store://<id>/<label> or an http(s) URL")),
        text("description", 0, limits::kManifestBytes, "What the actor is for, in one line"),
        text("long_description", 0, limits::kManifestBytes, "What the actor is for, at length"),
        boolean("save_chain", false, "Whether the chain is kept when the actor has ended"),
        boolean("resume", false,
                "Whether the actor starts again, with its last state, when its data directory is opened"),
        boolean("unique", false,
                "Whether others reach the actor by its name, which no other living actor may have then"),
        text("init_state", 1, limits::kReferenceBytes, "The initial state: the same kinds of reference as `component`"),
    };
    for (FieldSchema& field : fields) {
      if (field.name.ends_with("description")) field.kind = FieldKind::kText;
    }
    return fields;
  }();
  return schema;
}

const std::vector<std::string>& top_level_tables() {
  static const std::vector<std::string> tables = {"handler", "permission_policy", "limits",
                                                  "chain",   "instance",          "supervision"};
  return tables;
}

const std::vector<FieldSchema>& limits_schema() {
  constexpr ActorLimits kDefaults;
  static_assert(
      kDefaults.memory_bytes == limits::kMemoryBytes && kDefaults.fuel_per_turn == limits::kFuelPerTurn &&
      kDefaults.turn_timeout_ms == limits::kTurnTimeoutMs && kDefaults.mailbox_messages == limits::kMailboxMessages &&
      kDefaults.mailbox_bytes == limits::kMailboxBytes && kDefaults.message_max_bytes == limits::kMessageMaxBytes &&
      kDefaults.request_timeout_ms == limits::kRequestTimeoutMs && kDefaults.channels_max == limits::kChannelsMax &&
      kDefaults.children_max == limits::kChildrenMax && kDefaults.stop_timeout_ms == limits::kStopTimeoutMs &&
      kDefaults.table_elements == limits::kTableElements &&
      kDefaults.outstanding_requests_max == limits::kOutstandingRequestsMax &&
      kDefaults.event_bytes_per_turn == limits::kEventBytesPerTurn);
  constexpr std::uint64_t kPageBytes = 64u << 10;
  static const std::vector<FieldSchema> schema = {
      number(kSize, "memory", limits::kMemoryBytes, kPageBytes, limits::kMemoryBytesMax,
             "Linear memory of the actor's component"),
      number(kUnsigned, "table_elements", limits::kTableElements, 0, limits::kTableElementsMax,
             "Elements that the tables of the actor's component may have together"),
      number(kUnsigned, "fuel_per_turn", limits::kFuelPerTurn, 1, limits::kFuelPerTurnMax,
             "WebAssembly instructions, roughly, that one turn may use"),
      number(kUnsigned, "turn_timeout_ms", limits::kTurnTimeoutMs, 1, limits::kTurnTimeoutMsMax,
             "Longest run of one turn, in milliseconds, without the time it waits"),
      number(kUnsigned, "mailbox_messages", limits::kMailboxMessages, 1, limits::kMailboxMessagesMax,
             "Messages that may wait"),
      number(kSize, "mailbox_bytes", limits::kMailboxBytes, 1, limits::kMailboxBytesMax,
             "Bytes of messages that may wait"),
      choice(
          "mailbox_overflow", "refuse", {"refuse", "drop-oldest"},
          "What happens to a message for a full mailbox: the sender gets an error, or the oldest waiting message goes"),
      number(kSize, "message_max_bytes", limits::kMessageMaxBytes, 1, limits::kMessageMaxBytesMax,
             "Largest message to the actor"),
      number(kUnsigned, "request_timeout_ms", limits::kRequestTimeoutMs, 1, limits::kRequestTimeoutMsMax,
             "Longest wait for the answer to a request of the actor, in milliseconds"),
      number(kUnsigned, "channels_max", limits::kChannelsMax, 0, limits::kChannelsMaxMax,
             "Channels that may be open at once"),
      number(kUnsigned, "children_max", limits::kChildrenMax, 0, limits::kChildrenMaxMax,
             "Children that may live at once"),
      number(kUnsigned, "outstanding_requests_max", limits::kOutstandingRequestsMax, 0,
             limits::kOutstandingRequestsMaxMax, "Requests that the actor may leave unanswered"),
      number(kSize, "event_bytes_per_turn", limits::kEventBytesPerTurn, 1, INT64_MAX,
             "Bytes that the host calls of one turn may have recorded"),
      number(kUnsigned, "stop_timeout_ms", limits::kStopTimeoutMs, 0, limits::kStopTimeoutMsMax,
             "Longest wait for the end of the running turn when the actor is stopped, in milliseconds; then it ends by "
             "force"),
  };
  return schema;
}

const std::vector<FieldSchema>& supervision_schema() {
  constexpr Supervision kDefaults;
  static_assert(kDefaults.max_restarts == limits::kRestartsMax && kDefaults.within_s == limits::kRestartsWithinS);
  static const std::vector<FieldSchema> schema = {
      choice("restart", "temporary", {"temporary", "transient", "permanent"},
             "When the actor is started again after its end: never, when it failed, or always"),
      choice(
          "strategy", "one-for-one", {"one-for-one", "one-for-all", "rest-for-one"},
          "Which of the actor's children are started again when one is: that one, all, or that one and those started "
          "after it"),
      number(kUnsigned, "max_restarts", limits::kRestartsMax, 0, limits::kRestartsMaxMax,
             "Restarts of children within `within_s`; at one more the actor itself fails"),
      number(kUnsigned, "within_s", limits::kRestartsWithinS, 1, limits::kRestartsWithinSMax,
             "The time in which `max_restarts` are counted, in seconds"),
  };
  return schema;
}

const std::vector<FieldSchema>& backoff_schema() {
  constexpr Supervision kDefaults;
  static_assert(kDefaults.backoff_min_ms == limits::kBackoffMinMs &&
                kDefaults.backoff_max_ms == limits::kBackoffMaxMs &&
                kDefaults.backoff_jitter_ms == limits::kBackoffJitterMs);
  static const std::vector<FieldSchema> schema = {
      number(kUnsigned, "min", limits::kBackoffMinMs, 0, limits::kBackoffMsMax, "Before the first restart"),
      number(kUnsigned, "max", limits::kBackoffMaxMs, 0, limits::kBackoffMsMax,
             "The longest: the wait doubles with each restart within `within_s`"),
      number(kUnsigned, "jitter", limits::kBackoffJitterMs, 0, limits::kBackoffMsMax,
             "Up to this much more, drawn anew each time"),
  };
  return schema;
}

const std::vector<FieldSchema>& chain_schema() {
  static const std::vector<FieldSchema> schema = {
      choice(
          "durability", "batched", {"none", "batched", "sync"},
          "How safely events are kept in a data directory: in memory only, on the disk within milliseconds, or on the "
          "disk before anyone sees what the actor did"),
      number(kUnsigned, "snapshot_turns", 0, 0, INT64_MAX,
             "The whole state is kept after so many turns since it last was; 0: only at the end"),
      number(kSize, "snapshot_bytes", 0, 0, INT64_MAX,
             "The whole state is kept after so many bytes of chain since it last was; 0: only at the end"),
      number(kUnsigned, "retain_hours", std::nullopt, 1, limits::kRetainHoursMax,
             "Events that are older may be removed; without it none are"),
      number(kSize, "retain_bytes", std::nullopt, limits::kRetainBytesMin, INT64_MAX,
             "The oldest events beyond this size may be removed; without it none are"),
  };
  return schema;
}

const std::vector<FieldSchema>& instance_schema() {
  static const std::vector<FieldSchema> schema = {
      number(
          kUnsigned, "evict_after_ms", 0, 0, limits::kEvictAfterMsMax,
          "The actor's instance is given up after so many milliseconds without a message, with its globals, and made "
          "again at the next one; 0: never"),
  };
  return schema;
}

const std::vector<HandlerSchema>& builtin_handler_schemas() {
  static const std::vector<HandlerSchema> schemas = {
      {"message-server", "Messages, requests and channels between actors", {}},
      {"timing", "Time, sleep and deadlines", timing_fields()},
      {"timers", "Messages at a later time", timers_fields()},
      {"registry", "Names and groups", registry_fields()},
      {"runtime", "The actor's log, its chain and its end", {}},
      {"supervisor", "Child actors", {}},
      {"store", "Content-addressed storage", {}},
      {"http-client", "HTTP requests to the outside", {}},
      {"http-framework", "HTTP and WebSocket servers", {}},
      {"filesystem", "One folder of files", filesystem_fields()},
      {"process", "Processes of the operating system", process_fields()},
      {"environment", "Environment variables", environment_fields()},
      {"random", "Random numbers", random_fields()},
  };
  return schemas;
}

const std::vector<CapabilitySchema>& capability_schemas() {
  static const std::vector<CapabilitySchema> schemas = {
      {"message_server", "Messages, requests and channels", message_server_restrictions()},
      {"file_system", "Files", file_system_restrictions()},
      {"http_client", "HTTP requests to the outside", http_client_restrictions()},
      {"http_framework", "HTTP and WebSocket servers", http_framework_restrictions()},
      {"runtime", "The actor's log, its chain and its end", {}},
      {"supervisor", "Child actors", {}},
      {"store", "Content-addressed storage", {}},
      {"timing", "Time, sleep and deadlines", timing_fields()},
      {"timers", "Messages at a later time", timers_fields()},
      {"registry", "Names and groups", registry_fields()},
      {"process", "Processes of the operating system", process_fields()},
      {"environment", "Environment variables", environment_fields()},
      {"random", "Random numbers", random_fields()},
  };
  return schemas;
}

std::string capability_of(std::string_view handler_type) {
  if (handler_type == "filesystem") return "file_system";
  std::string name(handler_type);
  std::ranges::replace(name, '-', '_');
  return name;
}

std::vector<CapabilitySchema> all_capability_schemas(const std::vector<HandlerSchema>& handlers) {
  std::vector<CapabilitySchema> schemas = capability_schemas();
  for (const HandlerSchema& handler : handlers) {
    CapabilitySchema schema{
        .name = capability_of(handler.type), .description = handler.description, .restrictions = {}};
    if (find_by_name(schemas, schema.name) != nullptr) continue;
    std::ranges::copy_if(handler.fields, std::back_inserter(schema.restrictions),
                         [](const FieldSchema& field) { return field.narrowing != kNone; });
    schemas.push_back(std::move(schema));
  }
  return schemas;
}

const FieldSchema& permission_type_schema() {
  static const FieldSchema schema = required(
      choice("type", "", {"inherit", "disallow", "restrict"},
             "What the actor has of the capability: what its parent has, nothing, or what `config` allows of it"));
  return schema;
}

std::vector<HandlerSchema> all_handler_schemas(std::span<const HandlerSchema> extra_handlers) {
  std::vector<HandlerSchema> schemas = builtin_handler_schemas();
  for (const HandlerSchema& extra : extra_handlers) {
    const auto same = std::find_if(schemas.begin(), schemas.end(),
                                   [&](const HandlerSchema& known) { return known.type == extra.type; });
    if (same == schemas.end()) {
      schemas.push_back(extra);
    } else {
      *same = extra;
    }
  }
  return schemas;
}

}  // namespace theater
