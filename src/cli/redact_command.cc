#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "chain/bundle.h"
#include "chain/redact.h"
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/progress.h"
#include "cli/remote.h"
#include "replay/source.h"

namespace theater::cli {
namespace {

using nlohmann::ordered_json;

struct RedactOptions {
  std::string source;
  std::string output;
  std::vector<std::uint64_t> events;
  std::vector<std::string> digests;
  bool all = false;
};

/// What is to be removed.
Result<std::set<Digest>> chosen_values(const RedactOptions& options, Progress& progress) {
  const auto source = replay::open_source(options.source, "");
  if (!source) return fail(source.error());
  const auto named = values_of_events(**source, {options.events.begin(), options.events.end()}, options.all,
                                      [&](std::uint64_t events) { progress.update(events, "events"); });
  if (!named) return fail(named.error());
  if (named->empty() && options.digests.empty()) {
    return fail(ErrorCode::kInvalidArgument,
                "nothing can be removed: only values of " + std::to_string(limits::kLargePayloadBytes) +
                    " bytes or more, and states of more than 64, are kept apart from their events");
  }
  std::set<Digest> values;
  for (const auto& one : *named) values.insert(one.first);
  for (const std::string& text : options.digests) {
    Digest digest;
    if (text.size() != 2 * digest.size() || !parse_hex(text, digest)) {
      return fail(ErrorCode::kInvalidArgument, "--digest takes 64 hexadecimal digits, the SHA-256 of a value");
    }
    values.insert(digest);
  }
  return values;
}

Result<RedactSummary> run(const RedactOptions& options) {
  std::error_code error;
  if (std::filesystem::is_directory(options.source, error)) {
    return fail(ErrorCode::kInvalidArgument, options.source + " is a folder; name a chain file or a bundle");
  }
  Progress progress("Redacting " + options.source);
  const auto values = chosen_values(options, progress);
  if (!values) return fail(values.error());
  const std::string new_path = options.output.empty() ? options.source + ".new" : options.output;
  const auto tell = [&](std::uint64_t events) { progress.update(events, "events"); };
  auto summary = is_bundle(options.source) ? redact_bundle(options.source, new_path, *values, tell)
                                           : redact_chain_file(options.source, new_path, *values, tell);
  if (!summary || !options.output.empty()) return summary;
  std::filesystem::rename(new_path, options.source, error);
  if (error) return fail(ErrorCode::kIo, "cannot put " + new_path + " in place: " + error.message());
  return summary;
}

}  // namespace

void add_redact_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<RedactOptions>();
  CLI::App* command = app.add_subcommand(
      "redact", "Remove the content of large values from what was recorded; every hash and proof still holds");
  command->add_option("source", options->source, "A chain file or a bundle")->required()->type_name("FILE");
  command->add_option("--event", options->events, "All large values and the state of this event; may be repeated")
      ->type_name("SEQ")
      ->allow_extra_args(false);
  command->add_option("--digest", options->digests, "The value with this SHA-256; may be repeated")
      ->type_name("HASH")
      ->allow_extra_args(false);
  command->add_flag("--all", options->all, "All large values and states");
  command
      ->add_option("-o,--output", options->output, "Write a new file instead of putting it in the place of the old one")
      ->type_name("FILE");
  command->footer(
      "A value that several events name is removed for all of them. Values that are recorded in their event, because "
      "they\n"
      "are small, cannot be removed. The old file's bytes may stay on the disk until they are overwritten.\n"
      "Exit codes: 0 removed; 1 there is nothing to remove, or the chain is broken.");
  command->callback([options, &context] {
    if (options->events.empty() && options->digests.empty() && !options->all) {
      context.exit_code = kExitFailed;
      return tell_error(context, "redact",
                        Error(ErrorCode::kInvalidArgument, "name what to remove: --event, --digest or --all"));
    }
    const auto summary = run(*options);
    if (!summary) {
      context.exit_code = kExitFailed;
      return tell_error(context, "redact", summary.error());
    }
    const std::string& file = options->output.empty() ? options->source : options->output;
    if (context.json) {
      context.output.line(one_line({{"file", file}, {"values", summary->values}, {"bytes", summary->bytes}}));
    } else {
      context.output.line(context.output.bold(file) + ": " + grouped(summary->values) +
                          (summary->values == 1 ? " value" : " values") + " removed, " + byte_size(summary->bytes));
    }
  });
}

}  // namespace theater::cli
