#include "manifest/toml_tables.h"

#include <algorithm>
#include <optional>
#include <sstream>

#include "base/limits.h"
#include "manifest/diagnostics.h"
#include "manifest/fields.h"
#include "manifest/toml.h"
#include "theater/bytes.h"

namespace theater {
namespace {

std::optional<std::string> text_of(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* number = node.as_floating_point()) {
    std::ostringstream text;
    text << number->get();
    return std::move(text).str();
  }
  return std::nullopt;
}

class TablesReader {
 public:
  TablesReader(const std::vector<TomlTable>& tables, const std::function<std::string(const TomlEntry&)>& check,
               Diagnostics& diagnostics)
      : tables_(tables), check_(check), diagnostics_(diagnostics) {}

  std::vector<TomlEntry> read(const toml::table& file) {
    std::vector<std::string> known;
    for (const TomlTable& table : tables_) known.push_back("[" + table.name + "]");
    for (const auto& [key, node] : entries_in_order(file)) {
      const auto found =
          std::ranges::find_if(tables_, [&](const TomlTable& table) { return key->str() == table.name; });
      if (found == tables_.end()) {
        diagnostics_.report(position_of(key->source()), "unknown " + std::string(node->is_table() ? "table " : "key ") +
                                                            in_quotes(key->str()) +
                                                            suggestion("[" + std::string(key->str()) + "]", known));
      } else if (const auto* table = node->as_table()) {
        read_table(*found, *table);
      } else {
        diagnostics_.report(position_of(key->source()), in_quotes(key->str()) + " is a table: [" + found->name + "]");
      }
    }
    return std::move(entries_);
  }

 private:
  void read_table(const TomlTable& known, const toml::table& table) {
    const TableContext context{.name = "[" + known.name + "]", .other_keys = {}, .hint = {}};
    for (const auto& [key, node] : entries_in_order(table)) {
      if (std::ranges::find(known.keys, key->str()) == known.keys.end()) {
        report_unknown(*key, node->is_table() ? "table" : "key", known.keys, context, diagnostics_);
      } else {
        read_entry(known.name, *key, *node);
      }
    }
  }

  void read_entry(const std::string& table, const toml::key& key, const toml::node& node) {
    const Position place = position_of(node.source());
    TomlEntry entry{.table = table, .key = std::string(key.str()), .values = {}, .line = place.line};
    const auto add = [&](const toml::node& one) {
      if (auto text = text_of(one)) {
        entry.values.push_back(std::move(*text));
        return true;
      }
      diagnostics_.report(place, in_quotes(entry.key) + " is " + std::string(type_name(one)) +
                                     "; a text, a number, a boolean or a list of them is meant");
      return false;
    };
    if (const auto* list = node.as_array()) {
      for (const toml::node& one : *list) {
        if (!add(one)) return;
      }
    } else if (!add(node)) {
      return;
    }
    if (const std::string wrong = check_(entry); !wrong.empty()) {
      diagnostics_.report(place, in_quotes(entry.key) + " " + wrong);
      return;
    }
    entries_.push_back(std::move(entry));
  }

  const std::vector<TomlTable>& tables_;
  const std::function<std::string(const TomlEntry&)>& check_;
  Diagnostics& diagnostics_;
  std::vector<TomlEntry> entries_;
};

}  // namespace

Result<std::vector<TomlEntry>> read_toml_tables(std::string_view text, const std::string& source_name,
                                                const std::vector<TomlTable>& tables,
                                                const std::function<std::string(const TomlEntry&)>& check) {
  Diagnostics diagnostics(source_name);
  std::vector<TomlEntry> entries;
  if (text.size() > limits::kManifestBytes) {
    return fail(ErrorCode::kTooLarge, source_name + " is larger than the " + std::to_string(limits::kManifestBytes) +
                                          " bytes that it may have");
  }
  try {
    entries = TablesReader(tables, check, diagnostics).read(toml::parse(text));
  } catch (const toml::parse_error& error) {
    diagnostics.report(position_of(error.source()), printable(as_bytes(error.description()), 200));
  } catch (const TomlAssertionFailed&) {
    diagnostics.report({}, "this is not TOML");
  }
  if (diagnostics.empty()) return entries;
  return fail(ErrorCode::kInvalidArgument, diagnostics.to_error().message());
}

}  // namespace theater
