// How events are shown: to people, as JSON, and by the management protocol.
#include <algorithm>
#include <chrono>

#include "base/clock.h"
#include "base/limits.h"
#include "chain/json_text.h"
#include "theater/event.h"
#include "theater/value.h"

namespace theater {
namespace {

constexpr std::size_t kPreviewItemsMax = 16;
constexpr std::size_t kJsonPreviewBytes = 256;

std::string short_id(const ActorId& id) { return theater::to_string(id).substr(0, 8); }
std::string short_digest(const Digest& digest) { return to_hex(ByteView(digest).first(4)) + "…"; }

/// "2026-01-31T12:00:00.000000000Z", with as many digits of the second as asked for (0, 3, 6 or 9).
std::string utc(std::uint64_t time_ns, int digits) {
  const std::chrono::sys_seconds time{std::chrono::seconds(time_ns / kNsPerSecond)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  std::string out;
  out.reserve(32);
  const auto put = [&](std::uint64_t number, int width) {
    char text[20] = {};
    for (int i = width; i-- > 0; number /= 10) text[i] = static_cast<char>('0' + number % 10);
    out.append(text, static_cast<std::size_t>(width));
  };
  put(static_cast<std::uint64_t>(static_cast<int>(date.year())), 4);
  out += '-';
  put(static_cast<unsigned>(date.month()), 2);
  out += '-';
  put(static_cast<unsigned>(date.day()), 2);
  out += 'T';
  put(static_cast<std::uint64_t>(clock.hours().count()), 2);
  out += ':';
  put(static_cast<std::uint64_t>(clock.minutes().count()), 2);
  out += ':';
  put(static_cast<std::uint64_t>(clock.seconds().count()), 2);
  if (digits > 0) {
    out += '.';
    put(time_ns % kNsPerSecond, 9);
    out.resize(out.size() - static_cast<std::size_t>(9 - digits));
  }
  out += 'Z';
  return out;
}

std::string hexadecimal(ByteView bytes, std::size_t max_bytes) {
  const std::size_t shown = std::min(bytes.size(), std::max<std::size_t>(max_bytes / 2, 4));
  std::string text = "0x" + to_hex(bytes.first(shown));
  return shown < bytes.size() ? text + "…" : text;
}

std::string quoted(ByteView bytes, std::size_t max_bytes) {
  if (!is_text(bytes)) return hexadecimal(bytes, max_bytes);
  return "\"" + printable(bytes, max_bytes) + "\"";
}

/// Strings and byte lists, one after the other; none when the bytes are not that. Content that is not kept is at the
/// end.
std::optional<std::string> preview_items(ByteView bytes, const EventValue& value, std::size_t max_bytes) {
  const bool body_is_absent = value.body_digest && !value.body;
  std::string text;
  ValueReader reader(bytes);
  std::size_t read = 0;
  for (std::size_t items = 0; read < bytes.size(); ++items) {
    if (items == kPreviewItemsMax) return std::nullopt;
    if (!text.empty()) text += ", ";
    ValueReader length_reader(bytes.subspan(read));
    const std::uint64_t length = length_reader.unsigned_integer();
    Bytes length_bytes;
    ValueWriter(length_bytes).unsigned_integer(length);
    read += length_bytes.size();
    if (!length_reader.ok()) return std::nullopt;
    if (length <= bytes.size() - read) {
      text += quoted(bytes.subspan(read, length), max_bytes);
      read += length;
    } else if (body_is_absent && read == bytes.size() && length == value.body_size) {
      return text + "<" + std::to_string(length) + " bytes " + short_digest(*value.body_digest) + ">";
    } else {
      return std::nullopt;
    }
  }
  return body_is_absent ? std::nullopt : std::optional(text);
}

/// The items after the tag of an option or result.
std::optional<std::string> preview_tagged(ByteView bytes, const EventValue& value, std::size_t max_bytes) {
  if (bytes.empty() || bytes[0] > 1) return std::nullopt;
  const std::string tag = bytes[0] == 0 ? "0" : "1";
  if (bytes.size() == 1 && value.body_size == 0) return tag;
  const auto items = preview_items(bytes.subspan(1), value, max_bytes);
  if (!items) return std::nullopt;
  return tag + " " + *items;
}

std::string function_or(const Event& event, std::string_view otherwise) {
  return printable(as_bytes(event.function.empty() ? otherwise : std::string_view(event.function)), 200);
}

std::string describe_state(const EventState& state) {
  switch (state.form) {
    case EventState::Form::kUnchanged: return "state unchanged";
    case EventState::Form::kNone: return "no state";
    case EventState::Form::kInline: return "state " + std::to_string(state.size) + " bytes";
    case EventState::Form::kDigest:
      return "state " + std::to_string(state.size) + " bytes " + short_digest(state.digest.value_or(Digest{}));
  }
  return {};
}

std::string describe_within(const Event& event, std::size_t max_bytes) {
  const auto arguments = [&] { return "(" + preview(event.params, max_bytes) + ")"; };
  const auto result = [&] {
    const std::string text = preview(event.result, max_bytes);
    return text.empty() ? text : " = " + text;
  };
  const auto message = [&] {
    return event.message.empty() ? std::string() : ": " + printable(as_bytes(event.message), max_bytes);
  };
  switch (event.kind) {
    case EventKind::kStarted:
      return "\"" + printable(as_bytes(event.name), max_bytes) + "\" " + std::string(to_string(event.start)) +
             ", component " + short_digest(event.component) + ", " + describe_state(event.state);
    case EventKind::kCall: {
      const std::string text = function_or(event, "?") + arguments();
      if (!event.cause) return text;
      return text + " from " + short_id(event.cause->actor) + "#" + std::to_string(event.cause->sequence);
    }
    case EventKind::kHostCall: return function_or(event, "?") + arguments() + result();
    case EventKind::kHostCallBegin: return function_or(event, "?") + arguments() + " waits";
    case EventKind::kHostCallEnd: return function_or(event, "host call") + result();
    case EventKind::kReturned: return function_or(event, "call") + result() + ", " + describe_state(event.state);
    case EventKind::kFailed:
      return function_or(event, "call") + " " + std::string(to_string(event.failure)) + message();
    case EventKind::kStopped: return std::string(to_string(event.stop)) + message();
    case EventKind::kNote: {
      const std::string data = preview_note(event.note, max_bytes);
      return printable(as_bytes(event.note_type), max_bytes) + (data.empty() ? "" : " " + data);
    }
  }
  return {};
}

using chain::JsonText;

void write(JsonText& json, std::string_view key, const EventValue& value, const std::string& text) {
  json.open(key);
  json.member("size", value.size());
  json.member("text", text);
  json.hex_member("hex", value.head);
  if (value.body_digest) {
    json.member("body_size", value.body_size);
    json.hex_member("body_sha256", *value.body_digest);
    json.member("body_kept", value.body.has_value());
  }
  json.close();
}

void write(JsonText& json, std::string_view key, const EventState& state) {
  if (state.form == EventState::Form::kUnchanged) return json.member(key, "unchanged");
  if (state.form == EventState::Form::kNone) return json.member(key, nullptr);
  json.open(key);
  json.member("size", state.size);
  if (state.form == EventState::Form::kInline) {
    json.hex_member("hex", state.bytes.value_or(Bytes()));
  } else {
    json.hex_member("sha256", state.digest.value_or(Digest{}));
  }
  json.close();
}

void write_call(JsonText& json, const Event& event) {
  if (!event.function.empty()) json.member("function", event.function);
  const bool has_params =
      event.kind == EventKind::kCall || event.kind == EventKind::kHostCall || event.kind == EventKind::kHostCallBegin;
  const bool has_result =
      event.kind == EventKind::kHostCall || event.kind == EventKind::kHostCallEnd || event.kind == EventKind::kReturned;
  const bool has_fuel = event.kind == EventKind::kReturned || event.kind == EventKind::kFailed;
  if (event.cause) {
    json.open("cause");
    json.member("actor", to_string(event.cause->actor));
    json.member("sequence", event.cause->sequence);
    json.close();
  }
  if (has_params) write(json, "params", event.params, preview(event.params, kJsonPreviewBytes));
  if (has_result) write(json, "result", event.result, preview(event.result, kJsonPreviewBytes));
  if (event.kind == EventKind::kReturned || event.kind == EventKind::kStarted) write(json, "state", event.state);
  if (has_fuel) json.member("fuel", event.fuel);
}

void write_lifecycle(JsonText& json, const Event& event) {
  switch (event.kind) {
    case EventKind::kStarted:
      json.member("reason", to_string(event.start));
      json.member("name", event.name);
      json.hex_member("component", event.component);
      json.hex_member("manifest", event.manifest);
      event.parent ? json.member("parent", to_string(*event.parent)) : json.member("parent", nullptr);
      json.list("imports", event.functions.imports);
      json.list("exports", event.functions.exports);
      return;
    case EventKind::kFailed:
      json.member("reason", to_string(event.failure));
      json.member("message", event.message);
      json.member("backtrace", event.backtrace);
      return;
    case EventKind::kStopped:
      json.member("reason", to_string(event.stop));
      json.member("message", event.message);
      return;
    case EventKind::kNote:
      json.member("type", event.note_type);
      write(json, "data", event.note, preview_note(event.note, kJsonPreviewBytes));
      return;
    default: return;
  }
}

/// The value as it was, as far as it is there.
Bytes content_of(const EventValue& value) {
  Bytes content = value.head;
  if (value.body) append(content, *value.body);
  return content;
}

}  // namespace

std::string preview(const EventValue& value, std::size_t max_bytes) {
  if (value.size() == 0) return {};
  Bytes bytes = value.head;
  if (value.body) append(bytes, *value.body);
  const bool tag_first = !bytes.empty() && bytes[0] == 0;
  auto text = tag_first ? preview_tagged(bytes, value, max_bytes) : preview_items(bytes, value, max_bytes);
  if (!text && !tag_first) text = preview_tagged(bytes, value, max_bytes);
  if (!text && is_text(bytes) && !bytes.empty()) text = quoted(bytes, max_bytes);
  if (!text) text = bytes.empty() ? "" : hexadecimal(bytes, max_bytes);
  const bool body_is_shown = !value.body_digest || value.body || text->ends_with('>');
  if (!body_is_shown)
    *text += "<" + std::to_string(value.body_size) + " bytes " + short_digest(*value.body_digest) + ">";
  return *text;
}

std::string preview_note(const EventValue& note, std::size_t max_bytes) {
  const bool is_plain = !note.head.empty() && !note.body_digest && is_text(note.head);
  return is_plain ? quoted(note.head, max_bytes) : preview(note, max_bytes);
}

std::string event_type(const Event& event) {
  switch (event.kind) {
    case EventKind::kStarted: return "actor.started";
    case EventKind::kStopped: return "actor.stopped";
    case EventKind::kNote: return event.note_type;
    case EventKind::kCall:
    case EventKind::kHostCall: return event.function;
    case EventKind::kHostCallBegin: return event.function + ".begin";
    case EventKind::kHostCallEnd: return (event.function.empty() ? "host-call" : event.function) + ".end";
    case EventKind::kReturned: return (event.function.empty() ? "call" : event.function) + ".returned";
    case EventKind::kFailed: return (event.function.empty() ? "call" : event.function) + ".failed";
  }
  return "unknown";
}

std::string describe(const Event& event) {
  return std::string(to_string(event.kind)) + " " + describe_within(event, limits::kErrorTextBytes);
}

Bytes event_data(const Event& event) {
  switch (event.kind) {
    case EventKind::kStarted: return to_bytes(event.name);
    case EventKind::kCall:
    case EventKind::kHostCall:
    case EventKind::kHostCallBegin: return content_of(event.params);
    case EventKind::kHostCallEnd:
    case EventKind::kReturned: return content_of(event.result);
    case EventKind::kFailed:
    case EventKind::kStopped: return to_bytes(event.message);
    case EventKind::kNote: return content_of(event.note);
  }
  return {};
}

std::string to_line(const Event& event, std::size_t max_bytes) {
  std::string line = utc(event.time_ns, 6) + " #" + std::to_string(event.sequence) + " ";
  line += to_string(event.kind);
  line += " ";
  const std::size_t left = max_bytes > line.size() + 16 ? max_bytes - line.size() : 16;
  line += describe_within(event, left);
  // Every part is safe to show by now; printable() only cuts, between characters.
  return printable(as_bytes(line), max_bytes);
}

std::string to_json(const Event& event) {
  JsonText json;
  json.open();
  json.member("actor", to_string(event.actor));
  json.member("sequence", event.sequence);
  json.member("kind", to_string(event.kind));
  json.member("event_type", event_type(event));
  json.member("time", utc(event.time_ns, 9));
  json.member("timestamp_ms", event.time_ns / kNsPerMs);
  json.hex_member("hash", event.hash);
  event.parent_hash ? json.hex_member("parent_hash", *event.parent_hash) : json.member("parent_hash", nullptr);
  write_call(json, event);
  write_lifecycle(json, event);
  json.member("description", describe(event));
  json.close();
  return json.take();
}

}  // namespace theater
