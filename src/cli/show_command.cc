#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/decoded_event.h"
#include "cli/event_sheet.h"
#include "cli/json.h"
#include "cli/local_source.h"
#include "cli/progress.h"
#include "cli/remote.h"
#include "cli/source_options.h"

namespace theater::cli {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kValueBytes = 4096;

struct ShowOptions : SourceOptions {
  RemoteOptions remote;
  std::uint64_t sequence = 0;
  bool full = false;
};

/// One event, in rows of a name and a value.
class Sheet {
 public:
  Sheet(const ShowOptions& options, Context& context) : options_(options), context_(context) {}

  Result<void> run() {
    const auto local = LocalSource::find(context_.configuration, options_.remote, options_.source);
    if (!local) return fail(local.error());
    SourceOptions here = options_;
    here.source = local->path();
    auto opened = open_source(here);
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

  void show_text(const EventInTurn& found, const std::string& why_undecoded) {
    const Event& event = found.event;
    context_.output.line(context_.output.bold("event " + std::to_string(event.sequence)) + " of " +
                         to_string(event.actor) + ": " + std::string(to_string(event.kind)) + " " +
                         printable(as_bytes(event_type(event)), 300));
    const std::size_t max_bytes = options_.full ? SIZE_MAX / 4 : kValueBytes;
    for (const auto& [name, value] : sheet_of(found, decoder_.get(), why_undecoded, max_bytes)) {
      context_.output.line("  " + context_.output.dim(sheet_label(name)) + value);
    }
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
  add_address(*command, options->remote);
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
