#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "manifest/diagnostics.h"
#include "manifest/toml.h"
#include "theater/manifest.h"

namespace theater {

/// Where a TOML key or node begins.
Position position_of(const toml::source_region& region);

/// A table's entries in the order of the text.
std::vector<std::pair<const toml::key*, const toml::node*>> entries_in_order(const toml::table& table);

/// What errors say of a table, and what else stands in it.
struct TableContext {
  /// "the top level", "[limits]"…
  std::string name;
  /// Keys that are read elsewhere: right, and good to propose.
  std::vector<std::string> other_keys;
  /// What a wrong key most likely wants to be, as "; did you mean …"; empty when it has no idea.
  std::function<std::string(std::string_view key)> hint;
};

/// Reads a table's fields, reports every one that is unknown, missing or wrong, and fills in defaults.
ConfigFields read_fields(const toml::table& table, const std::vector<FieldSchema>& schema, const TableContext& context,
                         Diagnostics& diagnostics);

/// Reads one field's value; reports and gives nothing when it is wrong.
std::optional<ConfigValue> read_value(const toml::node& node, const FieldSchema& field, Diagnostics& diagnostics);

/// Reports a key or table that is not known, with the nearest that is.
void report_unknown(const toml::key& key, std::string_view kind, const std::vector<std::string>& known,
                    const TableContext& context, Diagnostics& diagnostics);

/// `; did you mean "x"?`, or the list of what is known when nothing is near.
std::string suggestion(std::string_view word, const std::vector<std::string>& known);

/// "a table", "an integer"…
std::string_view type_name(const toml::node& node);

}  // namespace theater
