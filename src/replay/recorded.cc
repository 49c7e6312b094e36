#include "replay/recorded.h"

#include <algorithm>
#include <cstring>

#include "base/sha256.h"
#include "engine/value_text.h"
#include "replay/json_text.h"

namespace theater::replay {
namespace {

constexpr std::size_t kDifferencesMax = 20;
constexpr std::size_t kShownBytes = 200;
/// Shown before the place from which two long texts differ.
constexpr std::size_t kContextBytes = 40;

/// Whether `pieces` begin with the same bytes as `start`; moves them past it.
bool take_prefix(ByteView start, ByteView& first, ByteView& second) {
  for (ByteView* piece : {&first, &second}) {
    const std::size_t count = std::min(start.size(), piece->size());
    if (!std::ranges::equal(start.first(count), piece->first(count))) return false;
    start = start.subspan(count);
    *piece = piece->subspan(count);
  }
  return start.empty();
}

std::string cut_around(std::string_view text, std::size_t place) {
  const std::size_t from = place > kContextBytes ? place - kContextBytes : 0;
  const std::string_view part = text.substr(from, kShownBytes);
  std::string shown = from > 0 ? "…" : "";
  shown += printable(as_bytes(part), kShownBytes * 4);
  if (from + part.size() < text.size()) shown += "…";
  return shown;
}

/// Two texts that differ, cut to where they do.
void add_texts(const std::string& field, std::string_view recorded, std::string_view replayed,
               std::vector<ReplayDifference>& differences) {
  if (differences.size() >= kDifferencesMax) return;
  const auto apart = std::ranges::mismatch(recorded, replayed);
  const auto place = static_cast<std::size_t>(apart.in1 - recorded.begin());
  const bool is_short = recorded.size() <= kShownBytes && replayed.size() <= kShownBytes;
  const std::size_t around = is_short ? 0 : place;
  const auto shown = [&](std::string_view text) {
    std::string line = cut_around(text, around);
    if (!is_short) line += " (" + std::to_string(text.size()) + " bytes, from byte " + std::to_string(place) + ")";
    return line;
  };
  differences.push_back({.field = field, .recorded = shown(recorded), .replayed = shown(replayed)});
}

std::string dumped(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

/// What a string holds when it is JSON of several parts.
std::optional<Json> json_in(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos || (text[first] != '{' && text[first] != '[')) return std::nullopt;
  return parse_json(text);
}

class JsonComparison {
 public:
  explicit JsonComparison(std::vector<ReplayDifference>& differences) : differences_(differences) {}

  void compare(const std::string& field, const Json& recorded, const Json& replayed) {
    if (differences_.size() >= kDifferencesMax || recorded == replayed) return;
    if (recorded.is_object() && replayed.is_object()) return objects(field, recorded, replayed);
    if (recorded.is_array() && replayed.is_array()) return arrays(field, recorded, replayed);
    if (recorded.is_string() && replayed.is_string()) return strings(field, recorded, replayed);
    add_texts(field, dumped(recorded), dumped(replayed), differences_);
  }

 private:
  void objects(const std::string& field, const Json& recorded, const Json& replayed) {
    for (const auto& [key, value] : recorded.items()) {
      const auto other = replayed.find(key);
      if (other == replayed.end()) {
        add_texts(field + "." + key, dumped(value), "(not there)", differences_);
      } else {
        compare(field + "." + key, value, *other);
      }
    }
    for (const auto& [key, value] : replayed.items()) {
      if (!recorded.contains(key)) add_texts(field + "." + key, "(not there)", dumped(value), differences_);
    }
  }

  void arrays(const std::string& field, const Json& recorded, const Json& replayed) {
    const std::size_t common = std::min(recorded.size(), replayed.size());
    for (std::size_t i = 0; i < common; ++i) {
      compare(field + "[" + std::to_string(i) + "]", recorded[i], replayed[i]);
    }
    if (recorded.size() != replayed.size()) {
      differences_.push_back({.field = field,
                              .recorded = std::to_string(recorded.size()) + " items",
                              .replayed = std::to_string(replayed.size()) + " items"});
    }
  }

  void strings(const std::string& field, const Json& recorded, const Json& replayed) {
    const auto& text = recorded.get_ref<const std::string&>();
    const auto& other = replayed.get_ref<const std::string&>();
    const std::optional<Json> json = json_in(text);
    const std::optional<Json> other_json = json ? json_in(other) : std::nullopt;
    // Texts may differ where what they say does not, e.g. in blanks.
    if (json && other_json && *json != *other_json) return compare(field, *json, *other_json);
    add_texts(field, text, other, differences_);
  }

  std::vector<ReplayDifference>& differences_;
};

engine::ShownValue shown(const RecordedValue& value) {
  return {.head = value.head, .body = value.body, .missing_bytes = value.missing_bytes};
}

/// Without a type the parts of a value can only be guessed.
std::string guessed(const RecordedValue& value) {
  EventValue whole;
  whole.head = value.head;
  append(whole.head, value.body);
  std::string text = preview(whole, kShownBytes);
  if (value.missing_bytes > 0) text += " and " + std::to_string(value.missing_bytes) + " bytes that are not kept";
  return text;
}

std::optional<Json> decoded(const engine::ValueType& type, const engine::ShownValue& value) {
  const auto text = engine::value_to_json(type, value);
  if (!text) return std::nullopt;
  return parse_json(*text);
}

}  // namespace

RecordedValue fetch(const chain::ValueRef& recorded, const ChainSource& source) {
  RecordedValue value;
  fetch(recorded, source, value);
  return value;
}

void fetch(const chain::ValueRef& recorded, const ChainSource& source, RecordedValue& value) {
  value.head.assign(recorded.head.begin(), recorded.head.end());
  value.body.assign(recorded.tail.begin(), recorded.tail.end());
  value.missing_bytes = 0;
  if (!recorded.by_digest()) return;
  auto body = source.find(chain::digest_of(recorded.body_digest));
  if (body && body->size() == recorded.body_size) {
    value.body = std::move(*body);
  } else {
    value.missing_bytes = recorded.body_size;
  }
}

std::optional<Bytes> fetch(const chain::StateRef& recorded, const ChainSource& source) {
  if (recorded.form == EventState::Form::kInline) return to_bytes(recorded.bytes);
  if (recorded.form != EventState::Form::kDigest) return std::nullopt;
  auto state = source.find(chain::digest_of(recorded.digest));
  if (state && state->size() != recorded.size) return std::nullopt;
  return state;
}

bool is_same(const chain::ValueRef& recorded, const ValueView& replayed) {
  ByteView first = replayed.head;
  ByteView second = replayed.body;
  if (replayed.size() != recorded.head.size() + recorded.tail.size() + recorded.body_size) return false;
  if (!take_prefix(recorded.head, first, second) || !take_prefix(recorded.tail, first, second)) return false;
  return !recorded.by_digest() || sha256(first, second) == chain::digest_of(recorded.body_digest);
}

bool is_same(const chain::StateRef& recorded, ByteView state) {
  if (recorded.form == EventState::Form::kInline) return std::ranges::equal(recorded.bytes, state);
  if (recorded.form != EventState::Form::kDigest) return false;
  return recorded.size == state.size() && sha256(state) == chain::digest_of(recorded.digest);
}

void add_differences(const std::string& field, const engine::ValueType* type, const RecordedValue& recorded,
                     const ValueView& replayed, std::vector<ReplayDifference>& differences) {
  const RecordedValue other{.head = to_bytes(replayed.head), .body = to_bytes(replayed.body)};
  const std::size_t before = differences.size();
  if (type != nullptr) {
    const auto recorded_json = decoded(*type, shown(recorded));
    const auto replayed_json = decoded(*type, shown(other));
    if (recorded_json && replayed_json) JsonComparison(differences).compare(field, *recorded_json, *replayed_json);
  }
  if (differences.size() > before) return;
  differences.push_back({.field = field, .recorded = guessed(recorded), .replayed = guessed(other)});
}

void add_differences(const std::string& field, ByteView recorded, ByteView replayed,
                     std::vector<ReplayDifference>& differences) {
  if (is_text(recorded) && is_text(replayed)) {
    return JsonComparison(differences).compare(field, Json(as_text(recorded)), Json(as_text(replayed)));
  }
  add_texts(field, "0x" + to_hex(recorded), "0x" + to_hex(replayed), differences);
}

std::string short_text(const engine::ValueType* type, const RecordedValue& value) {
  if (type != nullptr) {
    if (auto text = engine::value_to_text(*type, shown(value), kShownBytes)) return std::move(*text);
  }
  return guessed(value);
}

}  // namespace theater::replay
