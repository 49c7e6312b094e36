#include "cli/configuration.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "base/check.h"
#include "base/limits.h"
#include "cli/files.h"
#include "manifest/toml_tables.h"
#include "theater/bytes.h"

namespace theater::cli {
namespace {

using std::chrono::milliseconds;

/// A hundred days: longer is a slip, and counts still fit.
constexpr double kDurationMaxS = 8'640'000;
constexpr std::uint64_t kNumberMax = 1'000'000'000;

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

template <class Number>
bool parse_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

/// As text in milliseconds; empty when it is no duration.
std::string duration_text(std::string_view text) {
  double unit_s = 1;
  for (const auto& [suffix, seconds] : {std::pair("ms", 0.001), {"s", 1.0}, {"m", 60.0}, {"h", 3600.0}}) {
    if (!text.ends_with(suffix)) continue;
    text.remove_suffix(std::string_view(suffix).size());
    unit_s = seconds;
    break;
  }
  double number = 0;
  if (!parse_number(text, number) || !(number >= 0) || number * unit_s > kDurationMaxS) return {};
  return std::to_string(static_cast<std::uint64_t>(number * unit_s * 1000));
}

/// What a value is kept as, or what it must be.
struct Checked {
  std::string kept;
  std::string wrong;
};

Checked check(const Setting& setting, const std::vector<std::string>& values) {
  if (setting.kind == SettingKind::kUnused) return {};
  if (setting.kind == SettingKind::kTexts) {
    Checked checked;
    for (const std::string& value : values) {
      if (value.find(':') != std::string::npos) return {.kept = {}, .wrong = "may have no \":\" in its parts"};
      checked.kept += (checked.kept.empty() ? "" : ":") + value;
    }
    return checked;
  }
  if (values.size() != 1) return {.kept = {}, .wrong = "must be one value, not a list"};
  const std::string& value = values.front();
  switch (setting.kind) {
    case SettingKind::kFlag:
      if (value == "true" || value == "false") return {.kept = value, .wrong = {}};
      return {.kept = {}, .wrong = "must be true or false"};
    case SettingKind::kNumber: {
      std::uint64_t number = 0;
      if (parse_number(value, number) && number <= kNumberMax) return {.kept = value, .wrong = {}};
      return {.kept = {}, .wrong = "must be a number from 0 to " + std::to_string(kNumberMax)};
    }
    case SettingKind::kDuration: {
      std::string kept = duration_text(value);
      const bool is_good = !kept.empty();
      return {.kept = std::move(kept),
              .wrong = is_good ? "" : "must be a time: a number of seconds, or as \"500ms\", \"30s\" or \"2m\""};
    }
    case SettingKind::kChoice: {
      const auto choices = split(setting.choices, '|');
      if (std::ranges::find(choices, value) != choices.end()) return {.kept = value, .wrong = {}};
      std::string wrong = "must be one of";
      for (const std::string& choice : choices) wrong += " " + choice;
      return {.kept = {}, .wrong = std::move(wrong)};
    }
    default: return {.kept = value, .wrong = {}};
  }
}

const Setting* find_setting(std::string_view table, std::string_view key) {
  const auto found = std::ranges::find_if(
      known_settings(), [&](const Setting& setting) { return setting.table == table && setting.key == key; });
  return found == known_settings().end() ? nullptr : &*found;
}

std::vector<TomlTable> tables() {
  std::vector<TomlTable> tables;
  for (const Setting& setting : known_settings()) {
    if (tables.empty() || tables.back().name != setting.table) tables.push_back({.name = setting.table, .keys = {}});
    tables.back().keys.emplace_back(setting.key);
  }
  return tables;
}

}  // namespace

const std::vector<Setting>& known_settings() {
  using enum SettingKind;
  static const std::vector<Setting> settings = {
      {"server", "default_address", "THEATER_SERVER_ADDRESS", kText, "", "",
       "the server that commands talk to: unix:/PATH or HOST:PORT; empty: this user's socket"},
      {"server", "token_file", "THEATER_TOKEN_FILE", kText, "", "",
       "where the token for TCP is; empty: tokens in $THEATER_HOME"},
      {"server", "timeout", "THEATER_TIMEOUT", kDuration, "0", "",
       "how long `request` waits for an answer; 0: as long as the server does by itself"},
      {"server", "retry_attempts", "THEATER_RETRY_ATTEMPTS", kNumber, "0", "",
       "how often it is tried again where no server listens"},
      {"server", "retry_delay", "THEATER_RETRY_DELAY", kDuration, "1000", "", "time between two tries"},
      {"output", "default_format", "THEATER_FORMAT", kChoice, "pretty", "pretty|compact|json",
       "json: as --json; compact: a line for each event"},
      {"output", "colors", "THEATER_COLORS", kChoice, "auto", "auto|always|never|true|false",
       "auto or true: on a terminal only"},
      {"output", "timestamps", "THEATER_TIMESTAMPS", kFlag, "true", "", "whether lines for events show their time"},
      {"output", "max_width", "THEATER_MAX_WIDTH", kNumber, "0", "",
       "characters of an event's description that are shown; 0: all"},
      {"logging", "level", "THEATER_LOG_LEVEL", kChoice, "info", "trace|debug|info|warn|warning|error",
       "what the server says on standard error"},
      {"logging", "file", nullptr, kUnused, "", "", "without effect: the log goes to standard error"},
      {"logging", "structured", nullptr, kUnused, "", "", "without effect"},
      {"templates", "directories", "THEATER_TEMPLATES", kTexts, "", "",
       "folders with templates of your own for `create`: LANGUAGE/NAME/…"},
      {"templates", "auto_update", nullptr, kUnused, "", "", "without effect: templates come with Theater"},
      {"templates", "cache_dir", nullptr, kUnused, "", "", "without effect"},
  };
  return settings;
}

Configuration::Configuration() {
  for (const Setting& setting : known_settings()) {
    values_[setting.name()] = {.text = setting.default_text, .origin = {}};
  }
}

Result<Configuration> Configuration::load(const std::filesystem::path& file, const Environment& environment) {
  Configuration configuration;
  std::error_code ignored;
  if (std::filesystem::exists(file, ignored)) {
    const auto text = read_file(file.string(), limits::kManifestBytes);
    if (!text) return fail(text.error());
    const auto entries = read_toml_tables(*text, file.string(), tables(), [](const TomlEntry& entry) {
      return check(*find_setting(entry.table, entry.key), entry.values).wrong;
    });
    if (!entries) return fail(entries.error());
    for (const TomlEntry& entry : *entries) {
      const Setting& setting = *find_setting(entry.table, entry.key);
      configuration.values_[setting.name()] = {.text = check(setting, entry.values).kept,
                                               .origin = file.string() + ":" + std::to_string(entry.line)};
    }
  }
  for (const Setting& setting : known_settings()) {
    const char* given = setting.variable == nullptr ? nullptr : environment(setting.variable);
    if (given == nullptr || *given == '\0') continue;
    const std::vector<std::string> values =
        setting.kind == SettingKind::kTexts ? split(given, ':') : std::vector<std::string>{given};
    Checked checked = check(setting, values);
    const std::string origin = "$" + std::string(setting.variable);
    if (!checked.wrong.empty()) {
      return fail(ErrorCode::kInvalidArgument,
                  origin + " " + checked.wrong + ", not \"" + printable(as_bytes(given), 100) + "\"");
    }
    configuration.values_[setting.name()] = {.text = std::move(checked.kept), .origin = origin};
  }
  return configuration;
}

const Configuration::Value& Configuration::value(std::string_view name) const {
  const auto found = values_.find(name);
  THEATER_CHECK(found != values_.end());
  return found->second;
}

std::uint64_t Configuration::number(std::string_view name) const {
  std::uint64_t number = 0;
  THEATER_CHECK(parse_number(text(name), number));
  return number;
}

milliseconds Configuration::duration(std::string_view name) const {
  return milliseconds(static_cast<std::int64_t>(number(name)));
}

std::vector<std::string> Configuration::texts(std::string_view name) const { return split(text(name), ':'); }

std::filesystem::path configuration_file() {
  const auto variable = [](const char* name) -> std::filesystem::path {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
  };
  if (auto file = variable("THEATER_CONFIG"); !file.empty()) return file;
  auto folder = variable("XDG_CONFIG_HOME");
  // Relative ones are to be ignored, says the specification.
  if (!folder.is_absolute()) folder = variable("HOME") / ".config";
  return folder / "theater" / "config.toml";
}

}  // namespace theater::cli
