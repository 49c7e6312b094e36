#include "chain/event_diff.h"

#include <algorithm>

namespace theater {
namespace {

constexpr std::size_t kShownBytes = 200;

std::string state_text(const EventState& state) {
  switch (state.form) {
    case EventState::Form::kUnchanged: return "unchanged";
    case EventState::Form::kNone: return "none";
    default: break;
  }
  if (!state.bytes)
    return std::to_string(state.size) + " bytes with SHA-256 " + to_hex(state.digest.value_or(Digest{}));
  return is_text(*state.bytes)
             ? "\"" + printable(*state.bytes, kShownBytes) + "\""
             : "0x" + to_hex(ByteView(*state.bytes).first(std::min(state.bytes->size(), kShownBytes / 2)));
}

std::string rest_from(ByteView bytes, std::size_t at, std::uint64_t size) {
  const ByteView rest = bytes.subspan(std::min(at, bytes.size()));
  const std::string text = rest.empty()    ? "its end"
                           : is_text(rest) ? "\"" + printable(rest, kShownBytes) + "\""
                                           : "0x" + to_hex(rest.first(std::min(rest.size(), kShownBytes / 2)));
  return "; of " + std::to_string(size) + " bytes, from byte " + std::to_string(at) + ": " + text;
}

/// What begins alike is shown from where it differs.
EventDifference told(std::string field, std::string first, std::string second, const EventValue& one,
                     const EventValue& other) {
  if (first == second) {
    const auto content = [](const EventValue& value) {
      Bytes bytes = value.head;
      if (value.body) append(bytes, *value.body);
      return bytes;
    };
    const Bytes ones = content(one);
    const Bytes others = content(other);
    const auto at = static_cast<std::size_t>(std::ranges::mismatch(ones, others).in1 - ones.begin());
    first += rest_from(ones, at, one.size());
    second += rest_from(others, at, other.size());
  }
  return {std::move(field), std::move(first), std::move(second)};
}

EventValue as_value(const EventState& state) { return {.head = state.bytes.value_or(Bytes())}; }

}  // namespace

EventComparison::EventComparison(const ActorId& first, const ActorId& second)
    : first_id_(to_string(first)), second_id_(to_string(second)) {}

Bytes EventComparison::second_in_words_of_first(const Bytes& bytes) const {
  Bytes changed = bytes;
  const auto own = as_bytes(second_id_);
  for (auto at = changed.begin();;) {
    at = std::search(at, changed.end(), own.begin(), own.end());
    if (at == changed.end()) return changed;
    at = std::ranges::copy(first_id_, at).out;
  }
}

bool EventComparison::same(const EventValue& first, const EventValue& second) const {
  if (first.body_size != second.body_size || first.head != second_in_words_of_first(second.head)) return false;
  if (first.body_digest == second.body_digest) return true;
  return first.body && second.body && *first.body == second_in_words_of_first(*second.body);
}

bool EventComparison::same(const EventState& first, const EventState& second) const {
  if (first.form != second.form || first.size != second.size) return false;
  if (first.digest == second.digest && !first.bytes && !second.bytes) return true;
  return first.bytes && second.bytes && *first.bytes == second_in_words_of_first(*second.bytes);
}

std::vector<EventDifference> EventComparison::differences(const Event& first, const Event& second) const {
  std::vector<EventDifference> found;
  const auto compare = [&](std::string_view field, std::string_view one, std::string_view other) {
    if (one != other) {
      found.push_back(
          {std::string(field), printable(as_bytes(one), kShownBytes), printable(as_bytes(other), kShownBytes)});
    }
  };
  if (first.kind != second.kind || event_type(first) != event_type(second)) {
    return {{"event", std::string(to_string(first.kind)) + " " + describe(first),
             std::string(to_string(second.kind)) + " " + describe(second)}};
  }
  if (first.cause.has_value() != second.cause.has_value()) {
    compare("cause", first.cause ? "another actor" : "from outside", second.cause ? "another actor" : "from outside");
  }
  if (!same(first.params, second.params)) {
    found.push_back(told("params", preview(first.params, kShownBytes), preview(second.params, kShownBytes),
                         first.params, second.params));
  }
  if (!same(first.result, second.result)) {
    found.push_back(told("result", preview(first.result, kShownBytes), preview(second.result, kShownBytes),
                         first.result, second.result));
  }
  if (!same(first.note, second.note)) {
    found.push_back(told("data", preview_note(first.note, kShownBytes), preview_note(second.note, kShownBytes),
                         first.note, second.note));
  }
  if (!same(first.state, second.state)) {
    found.push_back(told("state", state_text(first.state), state_text(second.state), as_value(first.state),
                         as_value(second.state)));
  }
  if (first.kind == EventKind::kFailed) compare("failure", to_string(first.failure), to_string(second.failure));
  if (first.kind == EventKind::kStopped) compare("reason", to_string(first.stop), to_string(second.stop));
  const Bytes other_message = second_in_words_of_first(to_bytes(second.message));
  if (as_text(other_message) != first.message) compare("message", first.message, second.message);
  if (first.kind == EventKind::kStarted) {
    compare("component", to_hex(first.component), to_hex(second.component));
    compare("manifest", to_hex(first.manifest), to_hex(second.manifest));
  }
  return found;
}

}  // namespace theater
