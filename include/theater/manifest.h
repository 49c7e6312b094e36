#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "theater/bytes.h"
#include "theater/error.h"

namespace theater {

// What may stand in a manifest, as data -----------------------------------------------------------------------------

/// The type of a manifest's field.
enum class FieldKind : std::uint8_t {
  kBoolean,
  kUnsigned,    ///< a TOML integer from 0 on
  kSize,        ///< bytes: a TOML integer, or text with a unit such as "64MiB" (B, KiB, MiB, GiB)
  kString,      ///< text without control characters
  kText,        ///< text that may have several lines
  kStringList,  ///< an array of texts without control characters
};

/// A field's value: boolean; unsigned or size (in bytes); string or text; string list.
using ConfigValue = std::variant<bool, std::uint64_t, std::string, std::vector<std::string>>;
/// Values by field name. A field that was not given and has no default is absent.
using ConfigFields = std::map<std::string, ConfigValue, std::less<>>;

/// What remains of a field when two have a say in it: a handler's block, its capability's policy, and the parent's
/// permissions. A child's never exceeds its parent's.
enum class Narrowing : std::uint8_t {
  kNone,      ///< no permission: the block's own value stands, and children do not inherit it
  kBoth,      ///< a boolean that allows: both must
  kLeast,     ///< an upper bound: the smaller number
  kMost,      ///< a lower bound: the larger number
  kShared,    ///< a list of what is allowed, absent for everything: what stands in both
  kPrefixes,  ///< the same of texts' beginnings: the longer of each two of which one begins with the other
  kPaths,     ///< the same of folders with all that lies in them: the inner of each two of which one holds the other
  kUnited,    ///< a list of what is denied: what stands in either
  kFixed,     ///< what the one above says
};

/// One field that a table of the manifest may have.
struct FieldSchema {
  std::string name = {};
  FieldKind kind = FieldKind::kString;
  /// What it is for, in one line: the text in the published JSON schema.
  std::string description = {};
  /// Used when the field is not given; its alternative must fit `kind`.
  std::optional<ConfigValue> default_value = std::nullopt;
  /// Bounds, both included: of the number for an unsigned or a size, of the bytes of a text, of the items of a list.
  /// TOML's integers end at INT64_MAX.
  std::uint64_t min = 0;
  std::uint64_t max = INT64_MAX;
  /// The only texts allowed, when not empty.
  std::vector<std::string> choices = {};
  bool required = false;
  Narrowing narrowing = Narrowing::kNone;
};

/// A handler that a manifest may name in `[[handler]]`, and the fields beside `type`.
struct HandlerSchema {
  std::string type = {};
  std::string description = {};
  std::vector<FieldSchema> fields = {};
};

/// The handlers that come with Theater. Any thread.
const std::vector<HandlerSchema>& builtin_handler_schemas();

// A manifest as read ------------------------------------------------------------------------------------------------

/// One `[[handler]]` block with its defaults filled in. The getters give nothing for a field that is absent or of
/// another kind; a field with a default in its schema is never absent.
struct HandlerConfig {
  std::string type;
  ConfigFields fields;
  /// Line of its `[[handler]]`, from 1.
  std::uint32_t line = 0;

  std::optional<bool> boolean(std::string_view field) const;
  /// Also the bytes of a size.
  std::optional<std::uint64_t> unsigned_integer(std::string_view field) const;
  /// Borrowed from `fields`; null when absent.
  const std::string* string(std::string_view field) const;
  const std::vector<std::string>* string_list(std::string_view field) const;
};

/// What happens to a message for a full mailbox.
enum class MailboxOverflow : std::uint8_t {
  kRefuse,      ///< the sender gets an error
  kDropOldest,  ///< the oldest waiting message becomes a dead letter
};

std::string_view to_string(MailboxOverflow overflow);

/// `[limits]`. The defaults here are those of base/limits.h.
struct ActorLimits {
  std::uint64_t memory_bytes = 64ull << 20;
  std::uint32_t table_elements = 100'000;
  std::uint64_t fuel_per_turn = 10'000'000'000;
  std::uint64_t turn_timeout_ms = 10'000;
  std::uint32_t mailbox_messages = 1'000;
  std::uint64_t mailbox_bytes = 8ull << 20;
  MailboxOverflow mailbox_overflow = MailboxOverflow::kRefuse;
  std::uint64_t message_max_bytes = 4ull << 20;
  std::uint64_t request_timeout_ms = 30'000;
  std::uint32_t channels_max = 1'000;
  std::uint32_t children_max = 1'000;
  std::uint32_t outstanding_requests_max = 10'000;
  std::uint64_t event_bytes_per_turn = 256ull << 20;
  std::uint64_t stop_timeout_ms = 5'000;

  bool operator==(const ActorLimits&) const = default;
};

/// How safely an actor's events are kept where chains are kept on disk.
enum class Durability : std::uint8_t {
  kNone,     ///< in memory only, as far as it reaches
  kBatched,  ///< written at once, safe on the disk within milliseconds
  kSync,     ///< nothing that the actor does is seen by anyone before its events are safe on the disk
};

/// `[chain]`. What of the actor's chain is kept, where there is a data directory.
struct ChainPolicy {
  Durability durability = Durability::kBatched;
  /// The whole state is kept after so many turns, or bytes of chain, since it last was; 0: only at the end.
  std::uint64_t snapshot_turns = 0;
  std::uint64_t snapshot_bytes = 0;
  /// What is older, or beyond so many bytes, may be removed; absent: nothing is.
  std::optional<std::uint64_t> retain_hours;
  std::optional<std::uint64_t> retain_bytes;

  bool operator==(const ChainPolicy&) const = default;
};

/// `[instance]`. What the actor keeps in memory while it has nothing to do.
struct InstancePolicy {
  /// After so long without a message its instance is given up, with all that its component kept beside its state, and
  /// made again at the next message; 0: never.
  std::uint64_t evict_after_ms = 0;

  bool operator==(const InstancePolicy&) const = default;
};

/// When a child that has ended is started again.
enum class RestartPolicy : std::uint8_t {
  kTemporary,  ///< never
  kTransient,  ///< when it failed
  kPermanent,  ///< always
};

/// Which of a parent's children are restarted when one of them is.
enum class RestartStrategy : std::uint8_t {
  kOneForOne,   ///< that one
  kOneForAll,   ///< all
  kRestForOne,  ///< that one and those started after it
};

/// `[supervision]`: when this actor is restarted (`restart`), and how it restarts its children (the rest). For an actor
/// without a parent the runtime goes by the actor's own. The defaults here are those of base/limits.h.
struct Supervision {
  RestartPolicy restart = RestartPolicy::kTemporary;
  RestartStrategy strategy = RestartStrategy::kOneForOne;
  std::uint32_t max_restarts = 3;
  std::uint64_t within_s = 5;
  std::uint64_t backoff_min_ms = 100;
  std::uint64_t backoff_max_ms = 10'000;
  std::uint64_t backoff_jitter_ms = 100;

  bool operator==(const Supervision&) const = default;
};

enum class PermissionMode : std::uint8_t {
  kInherit,   ///< what the parent has
  kDisallow,  ///< nothing
  kRestrict,  ///< what the parent has and the restrictions allow
};
std::string_view to_string(PermissionMode mode);

/// `[permission_policy.<capability>]`.
struct CapabilityPolicy {
  PermissionMode mode = PermissionMode::kInherit;
  /// `.config` with its defaults filled in; empty unless mode is kRestrict. An absent list does not restrict.
  ConfigFields restrictions;
  /// Line of the table, from 1; 0 when the manifest does not name the capability.
  std::uint32_t line = 0;
};

/// What an actor may do by messages.
struct MessageServerPermissions {
  bool can_send = true;
  bool can_request = true;
  bool can_open_channels = true;
  /// Ids or names of the only actors it may address; absent: all.
  std::optional<std::vector<std::string>> allowed_targets;

  bool operator==(const MessageServerPermissions&) const = default;
};

/// `[permission_policy]`: the capabilities that the manifest names. The others are inherited.
struct Permissions {
  std::map<std::string, CapabilityPolicy, std::less<>> capabilities;

  /// The capability's policy; kInherit when the manifest does not name it. What comes of it is in
  /// theater/permissions.h.
  const CapabilityPolicy& capability(std::string_view name) const;
};

/// A file, as an absolute path when the manifest's folder is one.
struct FileReference {
  std::filesystem::path path;
  bool operator==(const FileReference&) const = default;
};

/// `store://<store>/hash/<hash>` or `store://<store>/<label>`; exactly one of hash (lower-case hexadecimal) and label
/// is set.
struct StoreReference {
  std::string store;
  std::string hash;
  std::string label;
  bool operator==(const StoreReference&) const = default;
};

/// An http or https URL, not fetched nor checked beyond its form.
struct UrlReference {
  std::string url;
  bool operator==(const UrlReference&) const = default;
};

/// Where a component or an initial state lies.
using ComponentReference = std::variant<FileReference, StoreReference, UrlReference>;

/// Reads a reference. A relative path lies under `base_directory`; without one every path is refused, since the text
/// then comes from somebody who may not choose this machine's files. Errors: kInvalidArgument, kNotPermitted (a path
/// without a base).
Result<ComponentReference> parse_component_reference(std::string_view text,
                                                     const std::optional<std::filesystem::path>& base_directory);

/// An actor's manifest, checked. docs/manifest.md describes every key.
struct Manifest {
  std::string name;
  std::string version;
  std::string description;
  std::string long_description;
  /// The reference as written, after the template, and as read.
  std::string component;
  ComponentReference component_reference;
  std::optional<std::string> init_state;
  std::optional<ComponentReference> init_state_reference;
  bool save_chain = false;
  /// Start again with the last state when the data directory is opened again.
  bool resume = false;
  /// Others reach the actor by its name, which no other actor may have.
  bool unique = false;

  std::vector<HandlerConfig> handlers;
  Permissions permission_policy;
  ActorLimits limits;
  ChainPolicy chain;
  InstancePolicy instance;
  Supervision supervision;

  /// What errors call it: its path, or what the caller named it.
  std::string source_name;
  /// The folder that relative paths start from; absent for a text from elsewhere.
  std::optional<std::filesystem::path> base_directory;
  /// The text as given, before the template was filled, and its SHA-256.
  std::string text;
  std::array<std::uint8_t, 32> text_digest{};

  /// The handler's block, borrowed; null when the manifest does not name it.
  const HandlerConfig* handler(std::string_view type) const;
};

/// What a manifest's text does not say itself. All is borrowed for the call.
struct ParseOptions {
  /// Stands before line and column in errors.
  std::string source_name = "manifest.toml";
  /// The folder that relative paths start from. Leave it out for a text that a network client sent: then `component`
  /// and `init_state` must be store or http(s) references.
  std::optional<std::filesystem::path> base_directory;
  /// Fills the template when it is JSON. An absent state and one that is not JSON fill nothing: only `{{default …}}`
  /// works.
  std::optional<ByteView> initial_state;
  /// Handlers beside the built-in ones; one of the same type replaces the built-in.
  std::span<const HandlerSchema> extra_handlers;
};

/// Reads a manifest's text. Every error found, up to limits::kManifestErrors, is a line "source:line:column: what" of
/// the message of one Error of code kInvalidManifest. Never throws. Any thread.
Result<Manifest> parse_manifest(std::string_view text, const ParseOptions& options);

/// The text of a manifest's file; sets `base_directory` and `source_name` of the options. kNotFound, kIo, kTooLarge.
Result<std::string> read_manifest(const std::filesystem::path& path, ParseOptions& options);

/// Reads a manifest's file; relative references start from its folder (`base_directory` and `source_name` of the
/// options are not used). Errors: as parse_manifest, kNotFound, kIo, kTooLarge.
Result<Manifest> load_manifest(const std::filesystem::path& path, const ParseOptions& options = {});

/// Only the manifest's `init_state`, found before its template is filled, as it names what the template is filled from.
/// Nothing when there is none. Errors: kInvalidManifest (bad TOML, bad reference, a template inside the reference).
Result<std::optional<ComponentReference>> find_init_state(std::string_view text, const ParseOptions& options);

/// The state of an actor whose manifest's init_state is `declared`, when whoever starts it gives `given`: of two JSON
/// objects (at most 1 MiB and 100 levels) one object with the members of both, where `given` has the last word on each
/// member; otherwise `given`.
Bytes merge_initial_states(ByteView declared, ByteView given);

/// Only the manifest's `[limits]`, whatever else it says, e.g. of handlers that this program does not know. Errors:
/// kInvalidManifest.
Result<ActorLimits> find_limits(std::string_view text, const ParseOptions& options);

/// The manifest's JSON Schema (draft 2020-12), made from the same tables that parse_manifest checks with.
std::string manifest_json_schema(std::span<const HandlerSchema> extra_handlers = {});

}  // namespace theater
