#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/decoded_event.h"
#include "cli/json.h"
#include "cli/progress.h"
#include "cli/remote.h"
#include "cli/source_options.h"

namespace theater::cli {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kValueBytes = 4096;

struct ShowOptions : SourceOptions {
  std::uint64_t sequence = 0;
  bool full = false;
};

/// One event, in rows of a name and a value.
class Sheet {
 public:
  Sheet(const ShowOptions& options, Context& context) : options_(options), context_(context) {}

  Result<void> run() {
    auto opened = open_source(options_);
    if (!opened) return fail(std::move(opened.error()));
    auto found = find(*opened->chain);
    if (!found) return fail(std::move(found.error()));
    // Without the component's types values are shown as far as they can be guessed.
    std::string why = "the chain's start is not kept";
    if (found->component) {
      auto decoder = EventDecoder::make(*opened->chain, *found->component, opened->options);
      if (decoder) {
        decoder_ = std::move(*decoder);
      } else {
        why = decoder.error().to_string();
      }
    }
    if (context_.json) return show_json(*found);
    show_text(*found, decoder_ ? "" : why);
    return {};
  }

 private:
  Result<EventInTurn> find(const ChainSource& chain) const {
    Progress progress("Reading " + options_.source);
    return find_event(chain, options_.sequence,
                      [&](std::uint64_t read) { progress.update(read, "events", chain.next_sequence()); });
  }

  void row(std::string_view name, std::string_view value) {
    if (value.empty()) return;
    constexpr std::size_t kNameColumn = 11;
    std::string label(name);
    label.resize(std::max(label.size() + 1, kNameColumn), ' ');
    context_.output.line("  " + context_.output.dim(label) + std::string(value));
  }

  void show_text(const EventInTurn& found, const std::string& why_undecoded) {
    const Event& event = found.event;
    const auto json = ordered_json::parse(to_json(event));
    context_.output.line(context_.output.bold("event " + std::to_string(event.sequence)) + " of " +
                         to_string(event.actor) + ": " + std::string(to_string(event.kind)) + " " +
                         printable(as_bytes(event_type(event)), 300));
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
    if (event.kind == EventKind::kStarted) show_start(event);
    row("params", value_text(event, event.params, &EventDecoder::params_text));
    row("result", value_text(event, event.result, &EventDecoder::result_text));
    row("data", preview(event.note, max_bytes()));
    show_end(event, json);
    if (!why_undecoded.empty() && event.params.size() + event.result.size() > 0) {
      row("note", "values without their types: " + why_undecoded);
    }
  }

  void show_start(const Event& event) {
    row("name", printable(as_bytes(event.name), 300));
    row("reason", to_string(event.start));
    row("component", to_hex(event.component));
    row("manifest", to_hex(event.manifest));
    if (event.parent) row("parent", to_string(*event.parent));
    for (const std::string& name : event.functions.imports) row("imports", printable(as_bytes(name), 300));
    for (const std::string& name : event.functions.exports) row("exports", printable(as_bytes(name), 300));
  }

  void show_end(const Event& event, const ordered_json& json) {
    const EventState& state = event.state;
    if (state.bytes) {
      const Bytes& bytes = *state.bytes;
      row("state",
          std::to_string(bytes.size()) + " bytes: " +
              (is_text(bytes) ? printable(bytes, max_bytes())
                              : "0x" + to_hex(ByteView(bytes).first(std::min(bytes.size(), max_bytes() / 2)))));
    } else if (state.digest) {
      row("state", std::to_string(state.size) + " bytes with SHA-256 " + to_hex(*state.digest) + ", not kept");
    } else if (event.kind == EventKind::kStarted || event.kind == EventKind::kReturned) {
      row("state", state.form == EventState::Form::kNone ? "none" : "unchanged");
    }
    if (json.contains("fuel")) row("fuel", grouped(event.fuel));
    if (event.kind == EventKind::kFailed) row("failure", to_string(event.failure));
    if (event.kind == EventKind::kStopped) row("reason", to_string(event.stop));
    row("message", printable(as_bytes(event.message), max_bytes()));
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
      const auto text = (decoder_.get()->*decode)(event, max_bytes());
      if (text && !text->empty()) return *text;
    }
    return preview(value, max_bytes());
  }

  Result<void> show_json(const EventInTurn& found) {
    const Event& event = found.event;
    ordered_json json = ordered_json::parse(to_json(event));
    if (found.call) json["call_sequence"] = found.call->sequence;
    if (decoder_) {
      const auto add = [&](const char* name, const Result<std::string>& text) {
        if (text && !text->empty()) json["decoded"][name] = ordered_json::parse(*text);
      };
      add("params", decoder_->params_json(event));
      add("result", decoder_->result_json(event));
    }
    context_.output.line(one_line(json));
    return {};
  }

  std::size_t max_bytes() const { return options_.full ? SIZE_MAX / 4 : kValueBytes; }

  const ShowOptions& options_;
  Context& context_;
  std::unique_ptr<EventDecoder> decoder_;
};

}  // namespace

void add_show_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<ShowOptions>();
  CLI::App* command =
      app.add_subcommand("show", "Show one event with its values, by the types and field names of the component");
  add_source_options(*command, *options);
  command->add_option("sequence", options->sequence, "The event's sequence")->required()->type_name("SEQ");
  command->add_flag("--full", options->full, "Values at their full length");
  command->footer("Exit codes: 0 shown; 1 there is no such event, or the chain is broken.");
  command->callback([options, &context] {
    const auto done = Sheet(*options, context).run();
    if (done) return;
    context.exit_code = kExitFailed;
    tell_error(context, "show", done.error());
  });
}

}  // namespace theater::cli
