#include "theater/manifest.h"

#include <algorithm>
#include <exception>
#include <fstream>
#include <new>
#include <system_error>

#include "base/limits.h"
#include "base/sha256.h"
#include "manifest/fields.h"
#include "manifest/schema.h"
#include "manifest/slips.h"
#include "manifest/template.h"

namespace theater {
namespace {

template <class Value>
const Value* find_field(const ConfigFields& fields, std::string_view name) {
  const auto it = fields.find(name);
  return it == fields.end() ? nullptr : std::get_if<Value>(&it->second);
}

/// For fields that their schema gives a default, and wrong ones, whose value no caller ever sees.
template <class Value>
Value field_or(const ConfigFields& fields, std::string_view name, Value fallback = {}) {
  const Value* value = find_field<Value>(fields, name);
  return value == nullptr ? std::move(fallback) : *value;
}

/// Bytes of the well-formed UTF-8 at the beginning.
std::size_t well_formed_bytes(std::string_view text) {
  constexpr std::size_t kLongestCharacter = 4;
  std::size_t good = 0;
  while (good < text.size()) {
    std::size_t length = 1;
    while (length <= kLongestCharacter && !is_utf8(as_bytes(text.substr(good, length)))) ++length;
    if (length > kLongestCharacter) break;
    good += length;
  }
  return good;
}

Position end_of(std::string_view text) {
  const std::size_t line_start = text.rfind('\n') + 1;
  return {static_cast<std::uint32_t>(1 + std::count(text.begin(), text.end(), '\n')),
          1 + count_characters(text.substr(line_start))};
}

bool asserts(std::string_view text) {
  try {
    static_cast<void>(toml::parse(text));
  } catch (const TomlAssertionFailed&) {
    return true;
  } catch (const toml::parse_error&) {
  }
  return false;
}

/// The line that makes the parser assert. It reads from the front, so that all texts that reach behind this line do.
std::uint32_t first_asserting_line(std::string_view text) {
  std::vector<std::size_t> ends;
  for (std::size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n', end + 1))
    ends.push_back(end + 1);
  const auto line =
      std::partition_point(ends.begin(), ends.end(), [&](std::size_t end) { return !asserts(text.substr(0, end)); });
  return static_cast<std::uint32_t>(1 + (line - ends.begin()));
}

/// Reads one manifest. Made for one text and thrown away.
class ManifestReader {
 public:
  ManifestReader(std::string_view text, const ParseOptions& options)
      : text_(text),
        options_(options),
        handler_schemas_(all_handler_schemas(options.extra_handlers)),
        capability_schemas_(all_capability_schemas(handler_schemas_)),
        diagnostics_(options.source_name) {}

  Result<Manifest> read() {
    const std::optional<toml::table> table = parse_toml(TemplateFilling::kState);
    if (table) {
      read_top_level(*table);
      read_tables(*table);
    }
    if (!diagnostics_.empty()) return fail(diagnostics_.to_error());
    manifest_.source_name = options_.source_name;
    manifest_.base_directory = options_.base_directory;
    manifest_.text = text_;
    manifest_.text_digest = sha256(as_bytes(text_));
    return std::move(manifest_);
  }

  Result<ActorLimits> read_limits_only() {
    const std::optional<toml::table> table = parse_toml(TemplateFilling::kState);
    if (table) {
      if (const toml::table* limits = expect_table(*table, "limits", "[limits]")) read_limits(*limits);
    }
    if (!diagnostics_.empty()) return fail(diagnostics_.to_error());
    return manifest_.limits;
  }

  Result<std::optional<ComponentReference>> read_init_state() {
    const std::optional<toml::table> table = parse_toml(TemplateFilling::kPlaceholder);
    if (!table) return fail(diagnostics_.to_error());
    const toml::node* node = table->get("init_state");
    if (node == nullptr) return std::nullopt;
    const FieldSchema* field = find_by_name(top_level_schema(), "init_state");
    const std::optional<ConfigValue> value = read_value(*node, *field, diagnostics_);
    std::optional<ComponentReference> reference;
    if (value) reference = read_reference(*table, "init_state", std::get<std::string>(*value));
    if (!diagnostics_.empty()) return fail(diagnostics_.to_error());
    return reference;
  }

 private:
  /// Nothing after reporting why.
  std::optional<toml::table> parse_toml(TemplateFilling filling) {
    if (text_.size() > limits::kManifestBytes) {
      diagnostics_.report({}, "a manifest may have " + std::to_string(limits::kManifestBytes) + " bytes at most, not " +
                                  std::to_string(text_.size()));
      return std::nullopt;
    }
    if (!is_utf8(as_bytes(text_))) {
      diagnostics_.report(end_of(text_.substr(0, well_formed_bytes(text_))),
                          "this is not UTF-8; save the manifest in that encoding");
      return std::nullopt;
    }
    const std::string filled = fill_template(text_, options_.initial_state, filling, diagnostics_);
    if (!diagnostics_.empty()) return std::nullopt;
    try {
      return toml::parse(filled);
    } catch (const toml::parse_error& error) {
      diagnostics_.report_filled(position_of(error.source()),
                                 printable(as_bytes(error.description()), 200) + slips::syntax_hint(filled));
      return std::nullopt;
    } catch (const TomlAssertionFailed&) {
      diagnostics_.report_filled({first_asserting_line(filled), 1}, "this is not TOML" + slips::syntax_hint(filled));
      return std::nullopt;
    }
  }

  void read_top_level(const toml::table& table) {
    const TableContext context{"the manifest", top_level_tables(),
                               [](std::string_view key) { return slips::top_level_hint(key); }};
    const ConfigFields fields = read_fields(table, top_level_schema(), context, diagnostics_);
    manifest_.name = field_or<std::string>(fields, "name");
    manifest_.version = field_or<std::string>(fields, "version");
    manifest_.description = field_or<std::string>(fields, "description");
    manifest_.long_description = field_or<std::string>(fields, "long_description");
    manifest_.save_chain = field_or<bool>(fields, "save_chain");
    manifest_.resume = field_or<bool>(fields, "resume");
    manifest_.unique = field_or<bool>(fields, "unique");
    if (const auto* component = find_field<std::string>(fields, "component")) {
      manifest_.component = *component;
      if (auto reference = read_reference(table, "component", *component))
        manifest_.component_reference = std::move(*reference);
    }
    if (const auto* init_state = find_field<std::string>(fields, "init_state")) {
      manifest_.init_state = *init_state;
      check_no_template(table);
      manifest_.init_state_reference = read_reference(table, "init_state", *init_state);
    }
  }

  std::optional<ComponentReference> read_reference(const toml::table& table, std::string_view key,
                                                   std::string_view text) {
    Result<ComponentReference> reference =
        text.contains("{{") ? fail(ErrorCode::kInvalidArgument,
                                   "a template cannot stand here, since this names what fills the template")
                            : parse_component_reference(text, options_.base_directory);
    if (reference) return std::move(*reference);
    diagnostics_.report_filled(position_of(table.get(key)->source()),
                               std::string(key) + ": " + reference.error().message());
    return std::nullopt;
  }

  /// The state must not choose the file that it is read from.
  void check_no_template(const toml::table& table) {
    const toml::source_region& place = table.get("init_state")->source();
    if (diagnostics_.was_filled(place.begin.line, place.end.line)) {
      diagnostics_.report_filled(position_of(place),
                                 "init_state: a template cannot stand here, since this names what fills the template");
    }
  }

  void read_tables(const toml::table& table) {
    if (const toml::node* node = table.get("handler")) read_handlers(*node);
    if (const toml::table* limits = expect_table(table, "limits", "[limits]")) read_limits(*limits);
    read_chain(table);
    if (const toml::table* instance = expect_table(table, "instance", "[instance]")) read_instance(*instance);
    if (const toml::table* supervision = expect_table(table, "supervision", "[supervision]"))
      read_supervision(*supervision);
    if (const toml::table* policy = expect_table(table, "permission_policy", "[permission_policy.<capability>]"))
      read_permissions(*policy);
  }

  /// Null when it is absent, or after reporting that it is something else.
  const toml::table* expect_table(const toml::table& parent, std::string_view key, std::string_view header) {
    const toml::node* node = parent.get(key);
    if (node == nullptr || node->is_table()) return node == nullptr ? nullptr : node->as_table();
    diagnostics_.report_filled(position_of(node->source()),
                               std::string(key) + " is one table: write " + std::string(header));
    return nullptr;
  }

  void read_handlers(const toml::node& node) {
    const toml::array* array = node.as_array();
    if (array == nullptr || (!array->empty() && !node.is_array_of_tables())) {
      diagnostics_.report_filled(position_of(node.source()),
                                 "handler is a list of tables: write [[handler]], in double brackets, before each");
      return;
    }
    if (array->size() > limits::kManifestHandlers) {
      diagnostics_.report_filled(position_of(node.source()),
                                 "more than " + std::to_string(limits::kManifestHandlers) + " handlers");
      return;
    }
    for (const toml::node& block : *array) read_handler(*block.as_table());
  }

  void read_handler(const toml::table& block) {
    const HandlerSchema* schema = read_handler_type(block);
    if (schema == nullptr) return;
    HandlerConfig config;
    config.type = schema->type;
    config.line = block.source().begin.line;
    if (const HandlerConfig* first = manifest_.handler(config.type)) {
      diagnostics_.report_filled(
          position_of(block.source()),
          "handler " + in_quotes(config.type) + " is there already, on line " + std::to_string(first->line));
    }
    const TableContext context{"handler " + in_quotes(schema->type), {"type"}, [&](std::string_view key) {
                                 return slips::handler_hint(key, handler_schemas_);
                               }};
    config.fields = read_fields(block, schema->fields, context, diagnostics_);
    check_sleep_range(block, config.fields);
    manifest_.handlers.push_back(std::move(config));
  }

  const HandlerSchema* read_handler_type(const toml::table& block) {
    FieldSchema field{};
    field.name = "type";
    const toml::node* node = block.get("type");
    if (node == nullptr) {
      diagnostics_.report_filled(position_of(block.source()), "[[handler]] needs type = …, such as \"message-server\"");
      return nullptr;
    }
    const std::optional<ConfigValue> value = read_value(*node, field, diagnostics_);
    if (!value) return nullptr;
    const std::string& type = std::get<std::string>(*value);
    std::vector<std::string> known;
    for (const HandlerSchema& schema : handler_schemas_) {
      if (schema.type == type) return &schema;
      known.push_back(schema.type);
    }
    std::string hint = slips::handler_type_hint(type);
    if (hint.empty()) hint = suggestion(type, known);
    diagnostics_.report_filled(position_of(node->source()), "unknown handler type " + in_quotes(type) + hint);
    return nullptr;
  }

  /// For the timing handler and its restrictions.
  void check_sleep_range(const toml::table& table, const ConfigFields& fields) {
    const auto* shortest = find_field<std::uint64_t>(fields, "min_sleep_duration");
    const auto* longest = find_field<std::uint64_t>(fields, "max_sleep_duration");
    if (shortest == nullptr || longest == nullptr || *shortest <= *longest) return;
    diagnostics_.report_filled(position_of(table.source()), "min_sleep_duration (" + std::to_string(*shortest) +
                                                                ") is more than max_sleep_duration (" +
                                                                std::to_string(*longest) + ")");
  }

  void read_limits(const toml::table& table) {
    const TableContext context{"[limits]", {}, [](std::string_view key) { return slips::limits_hint(key); }};
    const ConfigFields fields = read_fields(table, limits_schema(), context, diagnostics_);
    const auto number = [&](std::string_view name) { return field_or<std::uint64_t>(fields, name); };
    ActorLimits& limits = manifest_.limits;
    limits.memory_bytes = number("memory");
    limits.table_elements = static_cast<std::uint32_t>(number("table_elements"));
    limits.fuel_per_turn = number("fuel_per_turn");
    limits.turn_timeout_ms = number("turn_timeout_ms");
    limits.mailbox_messages = static_cast<std::uint32_t>(number("mailbox_messages"));
    limits.mailbox_bytes = number("mailbox_bytes");
    const bool drops = field_or<std::string>(fields, "mailbox_overflow") == "drop-oldest";
    limits.mailbox_overflow = drops ? MailboxOverflow::kDropOldest : MailboxOverflow::kRefuse;
    limits.message_max_bytes = number("message_max_bytes");
    bound_message(table);
    limits.request_timeout_ms = number("request_timeout_ms");
    limits.channels_max = static_cast<std::uint32_t>(number("channels_max"));
    limits.children_max = static_cast<std::uint32_t>(number("children_max"));
    limits.outstanding_requests_max = static_cast<std::uint32_t>(number("outstanding_requests_max"));
    limits.event_bytes_per_turn = number("event_bytes_per_turn");
    limits.stop_timeout_ms = number("stop_timeout_ms");
  }

  void read_supervision(const toml::table& table) {
    const TableContext context{
        "[supervision]", {"backoff_ms"}, [](std::string_view key) { return slips::supervision_hint(key); }};
    const ConfigFields fields = read_fields(table, supervision_schema(), context, diagnostics_);
    Supervision& supervision = manifest_.supervision;
    const std::string restart = field_or<std::string>(fields, "restart");
    if (restart == "transient") supervision.restart = RestartPolicy::kTransient;
    if (restart == "permanent") supervision.restart = RestartPolicy::kPermanent;
    const std::string strategy = field_or<std::string>(fields, "strategy");
    if (strategy == "one-for-all") supervision.strategy = RestartStrategy::kOneForAll;
    if (strategy == "rest-for-one") supervision.strategy = RestartStrategy::kRestForOne;
    supervision.max_restarts = static_cast<std::uint32_t>(field_or<std::uint64_t>(fields, "max_restarts"));
    supervision.within_s = field_or<std::uint64_t>(fields, "within_s");
    if (const toml::table* backoff = expect_table(table, "backoff_ms", "backoff_ms = { min = …, max = …, jitter = … }"))
      read_backoff(*backoff);
  }

  void read_backoff(const toml::table& table) {
    const TableContext context{"backoff_ms", {}, nullptr};
    const ConfigFields fields = read_fields(table, backoff_schema(), context, diagnostics_);
    Supervision& supervision = manifest_.supervision;
    supervision.backoff_min_ms = field_or<std::uint64_t>(fields, "min");
    supervision.backoff_max_ms = field_or<std::uint64_t>(fields, "max");
    supervision.backoff_jitter_ms = field_or<std::uint64_t>(fields, "jitter");
    if (supervision.backoff_min_ms > supervision.backoff_max_ms) {
      diagnostics_.report_filled(position_of(table.source()), "backoff_ms.min (" +
                                                                  std::to_string(supervision.backoff_min_ms) +
                                                                  ") is more than backoff_ms.max (" +
                                                                  std::to_string(supervision.backoff_max_ms) + ")");
    }
  }

  void read_instance(const toml::table& table) {
    const TableContext context{"[instance]", {}, nullptr};
    const ConfigFields fields = read_fields(table, instance_schema(), context, diagnostics_);
    manifest_.instance.evict_after_ms = field_or<std::uint64_t>(fields, "evict_after_ms");
  }

  void read_chain(const toml::table& top_level) {
    const toml::table* given = expect_table(top_level, "chain", "[chain]");
    const TableContext context{"[chain]", {}, nullptr};
    const ConfigFields fields =
        read_fields(given == nullptr ? toml::table() : *given, chain_schema(), context, diagnostics_);
    ChainPolicy& chain = manifest_.chain;
    const std::string durability = field_or<std::string>(fields, "durability");
    if (durability == "none") chain.durability = Durability::kNone;
    if (durability == "sync") chain.durability = Durability::kSync;
    chain.snapshot_turns = field_or<std::uint64_t>(fields, "snapshot_turns");
    chain.snapshot_bytes = field_or<std::uint64_t>(fields, "snapshot_bytes");
    if (const auto* hours = find_field<std::uint64_t>(fields, "retain_hours")) chain.retain_hours = *hours;
    if (const auto* bytes = find_field<std::uint64_t>(fields, "retain_bytes")) chain.retain_bytes = *bytes;
    // Who says that the chain is not to be kept means the disk as well, unless [chain] says otherwise.
    const bool names_durability = given != nullptr && given->contains("durability");
    if (top_level.contains("save_chain") && !manifest_.save_chain && !names_durability) {
      chain.durability = Durability::kNone;
    }
    if (chain.durability != Durability::kNone) return;
    const auto contradicts = [&](std::string_view key) {
      diagnostics_.report_filled(position_of(top_level.get(key)->source()),
                                 std::string(key) + " = true needs a chain on disk; " +
                                     (names_durability ? "durability = \"none\"" : "save_chain = false") +
                                     " keeps it in memory only");
    };
    if (manifest_.save_chain) contradicts("save_chain");
    if (manifest_.resume) contradicts("resume");
  }

  /// A message over the mailbox's bytes could never be accepted. A default gives way to what was written; two written
  /// numbers that contradict each other are an error.
  void bound_message(const toml::table& table) {
    ActorLimits& limits = manifest_.limits;
    const bool is_at_fault = limits.mailbox_bytes == 0;
    if (is_at_fault || limits.message_max_bytes <= limits.mailbox_bytes) return;
    const toml::node* const written = table.get("message_max_bytes");
    if (written == nullptr) {
      limits.message_max_bytes = limits.mailbox_bytes;
    } else if (!table.contains("mailbox_bytes")) {
      limits.mailbox_bytes = limits.message_max_bytes;
    } else {
      diagnostics_.report_filled(position_of(written->source()),
                                 "message_max_bytes (" + std::to_string(limits.message_max_bytes) +
                                     ") is more than mailbox_bytes (" + std::to_string(limits.mailbox_bytes) +
                                     "), so the largest messages could never be accepted");
    }
  }

  void read_permissions(const toml::table& table) {
    const std::vector<std::string> known = names_of(capability_schemas_);
    const TableContext context{
        "[permission_policy]", {}, [](std::string_view key) { return slips::capability_hint(key); }};
    for (const auto& [key, node] : entries_in_order(table)) {
      const CapabilitySchema* schema = find_by_name(capability_schemas_, key->str());
      if (schema == nullptr) {
        report_unknown(*key, "capability", known, context, diagnostics_);
      } else if (const toml::table* capability =
                     expect_table(table, schema->name, "[permission_policy." + schema->name + "]")) {
        read_capability(*schema, *capability);
      }
    }
  }

  void read_capability(const CapabilitySchema& schema, const toml::table& table) {
    const std::string header = "[permission_policy." + schema.name + "]";
    const TableContext context{
        header, {"config"}, [&](std::string_view key) { return slips::restriction_hint(key, schema); }};
    const ConfigFields fields = read_fields(table, {permission_type_schema()}, context, diagnostics_);
    CapabilityPolicy policy;
    policy.line = table.source().begin.line;
    const std::string type = field_or<std::string>(fields, "type");
    if (type == "disallow") policy.mode = PermissionMode::kDisallow;
    if (type == "restrict") policy.mode = PermissionMode::kRestrict;
    const toml::table* config = expect_table(table, "config", "[permission_policy." + schema.name + ".config]");
    if (config != nullptr && (type == "inherit" || type == "disallow")) {
      diagnostics_.report_filled(position_of(config->source()), "config belongs to type = \"restrict\"; with " +
                                                                    in_quotes(type) + " it would do nothing");
    }
    const bool restricts = config != nullptr || policy.mode == PermissionMode::kRestrict;
    if (restricts) policy.restrictions = read_restrictions(schema, config == nullptr ? toml::table() : *config);
    manifest_.permission_policy.capabilities.emplace(schema.name, std::move(policy));
  }

  ConfigFields read_restrictions(const CapabilitySchema& schema, const toml::table& config) {
    const TableContext context{"[permission_policy." + schema.name + ".config]", {}, nullptr};
    ConfigFields fields = read_fields(config, schema.restrictions, context, diagnostics_);
    check_sleep_range(config, fields);
    return fields;
  }

  std::string_view text_;
  const ParseOptions& options_;
  std::vector<HandlerSchema> handler_schemas_;
  std::vector<CapabilitySchema> capability_schemas_;
  Diagnostics diagnostics_;
  Manifest manifest_;
};

/// Runs `read` and lets no exception out: a text of a megabyte can still ask for more memory than there is.
template <class Read>
auto guarded(Read read) -> decltype(read()) {
  try {
    return read();
  } catch (const std::bad_alloc&) {
    return fail(ErrorCode::kResourceExhausted, "not enough memory to read the manifest");
  } catch (const std::exception& error) {
    return fail(ErrorCode::kInternal, std::string("reading the manifest failed: ") + error.what());
  }
}

Result<std::string> read_text(const std::filesystem::path& path) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  const std::string shown = printable(as_bytes(path.native()), limits::kReferenceBytes);
  if (status.type() == std::filesystem::file_type::not_found)
    return fail(ErrorCode::kNotFound, "there is no file " + shown);
  if (is_directory(status))
    return fail(ErrorCode::kInvalidArgument,
                shown + " is a folder; name the manifest in it, such as " + shown + "/manifest.toml");
  // A pipe or device might never end.
  if (!is_regular_file(status))
    return fail(ErrorCode::kIo, shown + " is not a file that can be read" + (error ? ": " + error.message() : ""));
  std::ifstream file(path, std::ios::binary);
  std::string text(limits::kManifestBytes + 1, '\0');
  if (file) file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad() || !file.is_open()) return fail(ErrorCode::kIo, "cannot read " + shown);
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > limits::kManifestBytes)
    return fail(ErrorCode::kTooLarge, shown + " is larger than a manifest may be (1 MiB)");
  return text;
}

}  // namespace

std::optional<bool> HandlerConfig::boolean(std::string_view field) const {
  const bool* value = find_field<bool>(fields, field);
  return value == nullptr ? std::nullopt : std::optional(*value);
}

std::optional<std::uint64_t> HandlerConfig::unsigned_integer(std::string_view field) const {
  const std::uint64_t* value = find_field<std::uint64_t>(fields, field);
  return value == nullptr ? std::nullopt : std::optional(*value);
}

const std::string* HandlerConfig::string(std::string_view field) const {
  return find_field<std::string>(fields, field);
}

const std::vector<std::string>* HandlerConfig::string_list(std::string_view field) const {
  return find_field<std::vector<std::string>>(fields, field);
}

std::string_view to_string(MailboxOverflow overflow) {
  switch (overflow) {
    case MailboxOverflow::kRefuse: return "refuse";
    case MailboxOverflow::kDropOldest: return "drop-oldest";
  }
  return "unknown";
}

std::string_view to_string(PermissionMode mode) {
  switch (mode) {
    case PermissionMode::kInherit: return "inherit";
    case PermissionMode::kDisallow: return "disallow";
    case PermissionMode::kRestrict: return "restrict";
  }
  return "unknown";
}

const CapabilityPolicy& Permissions::capability(std::string_view name) const {
  static const CapabilityPolicy inherit;
  const auto it = capabilities.find(name);
  return it == capabilities.end() ? inherit : it->second;
}

const HandlerConfig* Manifest::handler(std::string_view type) const {
  const auto it =
      std::find_if(handlers.begin(), handlers.end(), [&](const HandlerConfig& config) { return config.type == type; });
  return it == handlers.end() ? nullptr : &*it;
}

Result<Manifest> parse_manifest(std::string_view text, const ParseOptions& options) {
  return guarded([&] { return ManifestReader(text, options).read(); });
}

Result<std::string> read_manifest(const std::filesystem::path& path, ParseOptions& options) {
  return guarded([&]() -> Result<std::string> {
    std::error_code error;
    const std::filesystem::path absolute = std::filesystem::absolute(path, error);
    if (error && !path.empty()) return fail(ErrorCode::kIo, "cannot find the current folder: " + error.message());
    options.source_name = printable(as_bytes(path.native()), limits::kReferenceBytes);
    options.base_directory = absolute.parent_path().lexically_normal();
    return read_text(path);
  });
}

Result<Manifest> load_manifest(const std::filesystem::path& path, const ParseOptions& options) {
  ParseOptions file_options = options;
  const Result<std::string> text = read_manifest(path, file_options);
  if (!text) return fail(text.error());
  return parse_manifest(*text, file_options);
}

Result<ActorLimits> find_limits(std::string_view text, const ParseOptions& options) {
  return guarded([&] { return ManifestReader(text, options).read_limits_only(); });
}

Result<std::optional<ComponentReference>> find_init_state(std::string_view text, const ParseOptions& options) {
  return guarded([&] { return ManifestReader(text, options).read_init_state(); });
}

}  // namespace theater
