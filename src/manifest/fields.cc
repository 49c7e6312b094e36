#include "manifest/fields.h"

#include <algorithm>
#include <charconv>

#include "manifest/nearest.h"
#include "manifest/schema.h"

namespace theater {
namespace {

constexpr std::uint64_t kKiB = 1024;

std::string join(const std::vector<std::string>& words, std::string_view separator, bool quotes) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += separator;
    text += quotes ? in_quotes(word) : word;
  }
  return text;
}

std::string_view expected_type(FieldKind kind) {
  switch (kind) {
    case FieldKind::kBoolean: return "true or false";
    case FieldKind::kUnsigned: return "an integer";
    case FieldKind::kSize: return "bytes as an integer, or as text like \"64MiB\"";
    case FieldKind::kString:
    case FieldKind::kText: return "text in quotes";
    case FieldKind::kStringList: return "a list of texts like [\"a\", \"b\"]";
  }
  return "something else";
}

/// "64MiB"; nothing for another form or more than 64 bits.
std::optional<std::uint64_t> parse_size(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  if (unit.starts_with(' ')) unit.remove_prefix(1);
  std::uint64_t factor = 0;
  if (unit == "B") factor = 1;
  if (unit == "KiB") factor = kKiB;
  if (unit == "MiB") factor = kKiB * kKiB;
  if (unit == "GiB") factor = kKiB * kKiB * kKiB;
  if (factor == 0 || number > UINT64_MAX / factor) return std::nullopt;
  return number * factor;
}

/// Reads one value and says what is wrong with it.
class ValueCheck {
 public:
  ValueCheck(const toml::node& node, const FieldSchema& field, Diagnostics& diagnostics)
      : node_(node), field_(field), diagnostics_(diagnostics) {}

  std::optional<ConfigValue> read() {
    switch (field_.kind) {
      case FieldKind::kBoolean:
        if (const auto* value = node_.as_boolean()) return value->get();
        break;
      case FieldKind::kUnsigned:
        if (const auto* value = node_.as_integer()) return in_bounds(value->get());
        break;
      case FieldKind::kSize:
        if (const auto* value = node_.as_integer()) return in_bounds(value->get());
        if (const auto* value = node_.as_string()) return size(value->get());
        break;
      case FieldKind::kString:
      case FieldKind::kText:
        if (const auto* value = node_.as_string()) return string(value->get());
        break;
      case FieldKind::kStringList:
        if (const auto* value = node_.as_array()) return list(*value);
        break;
    }
    return wrong(node_,
                 " must be " + std::string(expected_type(field_.kind)) + ", not " + std::string(type_name(node_)));
  }

 private:
  std::nullopt_t wrong(const toml::node& where, const std::string& what) {
    diagnostics_.report_filled(position_of(where.source()), field_.name + what);
    return std::nullopt;
  }

  std::nullopt_t out_of_bounds(const std::string& given, std::string_view unit = {}) {
    return wrong(node_, " must be from " + std::to_string(field_.min) + " to " + std::to_string(field_.max) +
                            std::string(unit) + ", not " + given);
  }

  bool fits(std::uint64_t number) const { return number >= field_.min && number <= field_.max; }

  std::optional<ConfigValue> in_bounds(std::int64_t number) {
    if (number < 0 || !fits(static_cast<std::uint64_t>(number))) return out_of_bounds(std::to_string(number));
    return static_cast<std::uint64_t>(number);
  }

  std::optional<ConfigValue> size(const std::string& text) {
    const std::optional<std::uint64_t> bytes = parse_size(text);
    if (!bytes)
      return wrong(node_,
                   " must be an integer of bytes, or one with the unit B, KiB, MiB or GiB such as \"64MiB\", not " +
                       in_quotes(text));
    if (!fits(*bytes)) return out_of_bounds(in_quotes(text), " bytes");
    return *bytes;
  }

  std::optional<ConfigValue> string(const std::string& text) {
    if (!check_text(node_, text)) return std::nullopt;
    if (text.empty() && field_.min > 0) return wrong(node_, " must not be empty");
    if (!fits(text.size()))
      return wrong(node_, " must have from " + std::to_string(field_.min) + " to " + std::to_string(field_.max) +
                              " bytes, not " + std::to_string(text.size()));
    const bool chosen =
        field_.choices.empty() || std::find(field_.choices.begin(), field_.choices.end(), text) != field_.choices.end();
    if (chosen) return text;
    const std::optional<std::string> near = nearest(text, field_.choices);
    return wrong(node_, " must be one of " + join(field_.choices, ", ", true) + ", not " + in_quotes(text) +
                            (near ? "; did you mean " + in_quotes(*near) + "?" : ""));
  }

  std::optional<ConfigValue> list(const toml::array& array) {
    std::vector<std::string> items;
    for (const toml::node& item : array) {
      const auto* text = item.as_string();
      if (text == nullptr) return wrong(item, " must be a list of texts; this one is " + std::string(type_name(item)));
      if (!check_text(item, text->get())) return std::nullopt;
      if (text->get().empty()) return wrong(item, " must not hold an empty text");
      items.push_back(text->get());
    }
    if (!fits(items.size())) return out_of_bounds(std::to_string(items.size()), " items");
    return items;
  }

  /// What goes to paths, names and logs is one line without anything invisible.
  bool check_text(const toml::node& where, std::string_view text) {
    const auto is_bad = [&](char c) {
      const bool is_layout = field_.kind == FieldKind::kText && (c == '\n' || c == '\r' || c == '\t');
      return (static_cast<unsigned char>(c) < 0x20 && !is_layout) || c == 0x7f;
    };
    if (std::none_of(text.begin(), text.end(), is_bad)) return true;
    wrong(where, " must not have control characters: " + in_quotes(text));
    return false;
  }

  const toml::node& node_;
  const FieldSchema& field_;
  Diagnostics& diagnostics_;
};

}  // namespace

Position position_of(const toml::source_region& region) { return {region.begin.line, region.begin.column}; }

std::string_view type_name(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table: return "a table";
    case toml::node_type::array: return "a list";
    case toml::node_type::string: return "text";
    case toml::node_type::integer: return "an integer";
    case toml::node_type::floating_point: return "a number with a fraction";
    case toml::node_type::boolean: return "true or false";
    case toml::node_type::none: break;
    default: break;
  }
  return "a date or time";
}

std::vector<std::pair<const toml::key*, const toml::node*>> entries_in_order(const toml::table& table) {
  std::vector<std::pair<const toml::key*, const toml::node*>> entries;
  entries.reserve(table.size());
  for (auto it = table.begin(); it != table.end(); ++it) entries.emplace_back(&it->first, &it->second);
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
    return position_of(a.first->source()) < position_of(b.first->source());
  });
  return entries;
}

std::string suggestion(std::string_view word, const std::vector<std::string>& known) {
  if (const std::optional<std::string> near = nearest(word, known)) return "; did you mean " + in_quotes(*near) + "?";
  if (known.empty()) return "; none is known here";
  return "; known: " + join(known, ", ", false);
}

void report_unknown(const toml::key& key, std::string_view kind, const std::vector<std::string>& known,
                    const TableContext& context, Diagnostics& diagnostics) {
  std::string hint;
  if (!diagnostics.full()) {
    if (context.hint) hint = context.hint(key.str());
    if (hint.empty()) hint = suggestion(key.str(), known);
  }
  diagnostics.report_filled(position_of(key.source()),
                            "unknown " + std::string(kind) + " " + in_quotes(key.str()) + " in " + context.name + hint);
}

std::optional<ConfigValue> read_value(const toml::node& node, const FieldSchema& field, Diagnostics& diagnostics) {
  return ValueCheck(node, field, diagnostics).read();
}

ConfigFields read_fields(const toml::table& table, const std::vector<FieldSchema>& schema, const TableContext& context,
                         Diagnostics& diagnostics) {
  ConfigFields fields;
  std::vector<std::string> known = names_of(schema);
  known.insert(known.end(), context.other_keys.begin(), context.other_keys.end());
  for (const auto& [key, node] : entries_in_order(table)) {
    if (std::find(context.other_keys.begin(), context.other_keys.end(), key->str()) != context.other_keys.end())
      continue;
    const FieldSchema* field = find_by_name(schema, key->str());
    if (field == nullptr) {
      const bool is_table = node->is_table() || node->is_array_of_tables();
      report_unknown(*key, is_table ? "table" : "key", known, context, diagnostics);
    } else if (std::optional<ConfigValue> value = read_value(*node, *field, diagnostics)) {
      fields.emplace(field->name, std::move(*value));
    }
  }
  for (const FieldSchema& field : schema) {
    if (field.required && !table.contains(field.name)) {
      diagnostics.report_filled(position_of(table.source()), context.name + " needs " + field.name + " = …");
    }
    if (field.default_value) fields.emplace(field.name, *field.default_value);
  }
  return fields;
}

}  // namespace theater
