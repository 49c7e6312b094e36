#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "theater/error.h"

namespace theater::cli {

enum class SettingKind : std::uint8_t {
  kText,
  kTexts,     ///< a list in the file, parts between ":" in the environment
  kFlag,      ///< true or false
  kNumber,    ///< from 0
  kDuration,  ///< seconds, or "500ms", "30s", "2m"; kept in milliseconds
  kChoice,
  kUnused,  ///< known to older Theaters; anything goes and nothing comes of it
};

/// One thing that the configuration file or the environment may say.
struct Setting {
  const char* table;
  const char* key;
  /// Null: only the file.
  const char* variable;
  SettingKind kind;
  const char* default_text;
  /// Of kChoice, separated by "|".
  const char* choices;
  const char* description;

  std::string name() const { return std::string(table) + "." + key; }
};

/// All of them, in the order of their tables.
const std::vector<Setting>& known_settings();

/// What applies unless an option says otherwise: the environment, then the configuration file, then the default. One
/// thread while it is read; does not change then.
class Configuration {
 public:
  /// Looks up a variable; null when it is not set.
  using Environment = std::function<const char*(const char*)>;
  struct Value {
    std::string text;
    /// "config.toml:3", "$THEATER_COLORS", or empty: the default.
    std::string origin;
  };

  /// The defaults alone.
  Configuration();
  /// A file that is not there says nothing. kInvalidArgument tells all errors with their places.
  static Result<Configuration> load(const std::filesystem::path& file, const Environment& environment);

  /// By a name as "server.default_address", which must be a known one.
  const Value& value(std::string_view name) const;
  const std::string& text(std::string_view name) const { return value(name).text; }
  bool flag(std::string_view name) const { return text(name) == "true"; }
  std::uint64_t number(std::string_view name) const;
  std::chrono::milliseconds duration(std::string_view name) const;
  std::vector<std::string> texts(std::string_view name) const;

 private:
  std::map<std::string, Value, std::less<>> values_;
};

/// $THEATER_CONFIG, or theater/config.toml in $XDG_CONFIG_HOME or ~/.config.
std::filesystem::path configuration_file();

}  // namespace theater::cli
