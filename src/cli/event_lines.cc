#include "cli/event_lines.h"

#include <charconv>
#include <ctime>
#include <nlohmann/json.hpp>

#include "base/clock.h"

namespace theater::cli {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kShortIdDigits = 8;

/// As RFC 4180 quotes.
std::string csv(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted.append(c == '"' ? "\"\"" : std::string(1, c));
  return quoted + "\"";
}

/// At most so many characters (0: all); what is cut off shows as "…".
std::string cut(const std::string& text, std::uint64_t max_characters) {
  std::uint64_t count = 0;
  std::size_t last = 0;
  for (std::size_t i = 0; max_characters > 0 && i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0) == 0x80) continue;
    if (++count > max_characters) return text.substr(0, last) + "…";
    last = i;
  }
  return text;
}

std::string some_fields(const RemoteEvent& event, const std::vector<std::string>& fields) {
  const auto json = ordered_json::parse(event.json, nullptr, false);
  std::string line;
  for (const std::string& field : fields) {
    const auto found = json.find(field);
    if (found == json.end()) continue;
    if (!line.empty()) line += ' ';
    line += field + "=" + (found->is_string() ? found->get<std::string>() : found->dump());
  }
  return printable(as_bytes(line), 4096);
}

}  // namespace

std::optional<EventFormat> parse_event_format(const std::string& name) {
  if (name == "pretty") return EventFormat::kPretty;
  if (name == "compact") return EventFormat::kCompact;
  if (name == "json") return EventFormat::kJson;
  if (name == "csv") return EventFormat::kCsv;
  return std::nullopt;
}

std::string default_event_format(const Context& context) {
  return context.configuration.text("output.default_format") == "compact" ? "compact" : "pretty";
}

std::vector<std::string> split_fields(const std::string& text) {
  std::vector<std::string> fields;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    if (end > begin) fields.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return fields;
}

void EventLines::begin() const {
  if (!context_.json && options_.format == EventFormat::kCsv) {
    context_.output.line("actor,sequence,time_ms,kind,type,description");
  }
}

void EventLines::show(const RemoteEvent& event) const {
  if (context_.json || options_.format == EventFormat::kJson) return context_.output.line(event.json);
  if (!options_.fields.empty()) return context_.output.line(some_fields(event, options_.fields));
  const std::string sequence = std::to_string(event.sequence);
  if (options_.format == EventFormat::kCsv) {
    return context_.output.line(to_string(event.actor) + "," + sequence + "," + std::to_string(event.time_ms) + "," +
                                event.kind + "," + csv(event.type) + "," + csv(event.description));
  }
  const Configuration& configuration = context_.configuration;
  const std::string time = configuration.flag("output.timestamps")
                               ? context_.output.dim(clock_time(event.time_ms * kNsPerMs)) + " "
                               : std::string();
  const std::string description = cut(event.description, configuration.number("output.max_width"));
  const std::string who =
      options_.with_actor ? context_.output.hashed(to_string(event.actor).substr(0, kShortIdDigits)) + "  " : "";
  if (options_.format == EventFormat::kCompact) {
    return context_.output.line(who + time + sequence + " " + description);
  }
  context_.output.line(who + context_.output.bold(sequence) + "  " + time + (time.empty() ? "" : " ") +
                       context_.output.hashed(event.kind) + "  " + event.type);
  if (options_.detailed) {
    context_.output.line(ordered_json::parse(event.json).dump(2));
  } else {
    context_.output.line("    " + description);
  }
}

std::optional<std::uint64_t> parse_time_ms(const std::string& text) {
  std::uint64_t number = 0;
  const char* end = text.data() + text.size();
  if (const auto [stop, error] = std::from_chars(text.data(), end, number); error == std::errc() && stop == end) {
    return number;
  }
  std::tm parts{};
  const char* rest = strptime(text.c_str(), "%Y-%m-%d", &parts);
  std::uint64_t fraction_ms = 0;
  if (rest != nullptr && *rest == 'T') {
    rest = strptime(rest + 1, "%H:%M:%S", &parts);
    if (rest != nullptr && *rest == '.') {
      std::uint64_t place_ms = 100;
      for (++rest; *rest >= '0' && *rest <= '9'; ++rest, place_ms /= 10) {
        fraction_ms += place_ms * static_cast<std::uint64_t>(*rest - '0');
      }
    }
    if (rest == nullptr || *rest++ != 'Z') return std::nullopt;
  }
  if (rest == nullptr || *rest != '\0') return std::nullopt;
  const std::time_t seconds = timegm(&parts);
  if (seconds < 0) return std::nullopt;
  return static_cast<std::uint64_t>(seconds) * 1000 + fraction_ms;
}

Result<std::optional<std::uint64_t>> parse_time_option(const std::string& name, const std::string& text) {
  if (text.empty()) return std::nullopt;
  const auto time_ms = parse_time_ms(text);
  if (time_ms && *time_ms < UINT64_MAX / kNsPerMs) return time_ms;
  return fail(ErrorCode::kInvalidArgument,
              name + " takes milliseconds since 1970 or a time such as 2026-01-31T12:00:00Z or 2026-01-31, not \"" +
                  text + "\"");
}

}  // namespace theater::cli
