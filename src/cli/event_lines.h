#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "theater/client.h"

namespace theater::cli {

enum class EventFormat { kPretty, kCompact, kJson, kCsv };
std::optional<EventFormat> parse_event_format(const std::string& name);
/// The name of that which the configuration wants.
std::string default_event_format(const Context& context);

/// "a,b" as its parts.
std::vector<std::string> split_fields(const std::string& text);

/// Shows events one after the other.
class EventLines {
 public:
  struct Options {
    EventFormat format = EventFormat::kPretty;
    /// All fields below the line, as JSON.
    bool detailed = false;
    /// Only these, as name=value.
    std::vector<std::string> fields;
    /// Whose each event is, where there are events of several.
    bool with_actor = false;
  };
  EventLines(Context& context, Options options) : context_(context), options_(std::move(options)) {}

  /// What comes before the first, for a table.
  void begin() const;
  void show(const RemoteEvent& event) const;

 private:
  Context& context_;
  const Options options_;
};

/// Milliseconds since the Unix epoch of "1735689600000", "2025-01-01" or "2025-01-01T00:00:00.5Z"; none for anything
/// else.
std::optional<std::uint64_t> parse_time_ms(const std::string& text);
/// The same of an option that may not be given: none for an empty text. kInvalidArgument says what is meant.
Result<std::optional<std::uint64_t>> parse_time_option(const std::string& name, const std::string& text);

}  // namespace theater::cli
