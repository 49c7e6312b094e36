#include "cli/event_sheet.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/output.h"

namespace theater::cli {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kNameColumn = 11;

/// Gathers the rows of one event.
class SheetWriter {
 public:
  SheetWriter(const EventDecoder* decoder, std::size_t max_bytes) : decoder_(decoder), max_bytes_(max_bytes) {}

  EventSheet write(const EventInTurn& found, const std::string& why_undecoded) {
    const Event& event = found.event;
    const auto json = ordered_json::parse(to_json(event));
    row("time", json.value("time", std::string()));
    row("hash", to_hex(event.hash));
    if (event.parent_hash) row("parent", to_hex(*event.parent_hash));
    if (event.cause) {
      row("cause", "event " + std::to_string(event.cause->sequence) + " of " + to_string(event.cause->actor));
    }
    if (found.call && found.call->sequence != event.sequence) {
      row("in call",
          "event " + std::to_string(found.call->sequence) + ", " + printable(as_bytes(found.call->function), 300));
    }
    if (event.kind == EventKind::kStarted) add_start(event);
    row("params", value_text(event, event.params, &EventDecoder::params_text));
    row("result", value_text(event, event.result, &EventDecoder::result_text));
    row("data", preview_note(event.note, max_bytes_));
    add_end(event, json);
    if (!why_undecoded.empty() && event.params.size() + event.result.size() > 0) {
      row("note", "values without their types: " + why_undecoded);
    }
    return std::move(sheet_);
  }

 private:
  void row(std::string_view name, std::string_view value) {
    if (!value.empty()) sheet_.emplace_back(name, value);
  }

  void add_start(const Event& event) {
    row("name", printable(as_bytes(event.name), 300));
    row("reason", to_string(event.start));
    row("component", to_hex(event.component));
    row("manifest", to_hex(event.manifest));
    if (event.parent) row("parent", to_string(*event.parent));
    for (const std::string& name : event.functions.imports) row("imports", printable(as_bytes(name), 300));
    for (const std::string& name : event.functions.exports) row("exports", printable(as_bytes(name), 300));
  }

  void add_end(const Event& event, const ordered_json& json) {
    const EventState& state = event.state;
    if (state.bytes) {
      const Bytes& bytes = *state.bytes;
      row("state", std::to_string(bytes.size()) + " bytes: " +
                       (is_text(bytes) ? printable(bytes, max_bytes_)
                                       : "0x" + to_hex(ByteView(bytes).first(std::min(bytes.size(), max_bytes_ / 2)))));
    } else if (state.digest) {
      row("state", std::to_string(state.size) + " bytes with SHA-256 " + to_hex(*state.digest) + ", not kept");
    } else if (event.kind == EventKind::kStarted || event.kind == EventKind::kReturned) {
      row("state", state.form == EventState::Form::kNone ? "none" : "unchanged");
    }
    if (json.contains("fuel")) row("fuel", grouped(event.fuel));
    if (event.kind == EventKind::kFailed) row("failure", to_string(event.failure));
    if (event.kind == EventKind::kStopped) row("reason", to_string(event.stop));
    row("message", printable(as_bytes(event.message), max_bytes_));
    std::string_view frames = event.backtrace;
    while (!frames.empty()) {
      const std::size_t end = std::min(frames.find('\n'), frames.size());
      row("backtrace", printable(as_bytes(frames.substr(0, end)), 300));
      frames.remove_prefix(std::min(end + 1, frames.size()));
    }
  }

  using Decode = Result<std::string> (EventDecoder::*)(const Event& event, std::size_t max_bytes) const;
  std::string value_text(const Event& event, const EventValue& value, Decode decode) const {
    if (decoder_) {
      const auto text = (decoder_->*decode)(event, max_bytes_);
      if (text && !text->empty()) return *text;
    }
    return preview(value, max_bytes_);
  }

  const EventDecoder* decoder_;
  const std::size_t max_bytes_;
  EventSheet sheet_;
};

}  // namespace

EventSheet sheet_of(const EventInTurn& found, const EventDecoder* decoder, const std::string& why_undecoded,
                    std::size_t max_bytes) {
  return SheetWriter(decoder, max_bytes).write(found, why_undecoded);
}

std::string sheet_label(std::string name) {
  name.resize(std::max(name.size() + 1, kNameColumn), ' ');
  return name;
}

}  // namespace theater::cli
