#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "theater/error.h"

namespace theater {

/// A table that a TOML file may have, and its keys.
struct TomlTable {
  std::string name;
  std::vector<std::string> keys;
};

/// A key of such a table and its value: texts as they are, numbers and booleans as TOML writes them.
struct TomlEntry {
  std::string table;
  std::string key;
  /// One, or those of a list.
  std::vector<std::string> values;
  std::uint32_t line = 0;
};

/// Reads a file of flat tables, as configuration files are, in order. `check` says what is wrong with an entry; empty:
/// nothing. kInvalidArgument lists all errors with `source_name`, line, column and the nearest known key. Any thread.
Result<std::vector<TomlEntry>> read_toml_tables(std::string_view text, const std::string& source_name,
                                                const std::vector<TomlTable>& tables,
                                                const std::function<std::string(const TomlEntry&)>& check);

}  // namespace theater
