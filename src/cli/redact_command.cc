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
#include "store/data_directory.h"

namespace theater::cli {
namespace {

using nlohmann::ordered_json;

struct RedactOptions {
  std::string source;
  std::string actor;
  std::string output;
  std::vector<std::uint64_t> events;
  std::vector<std::string> digests;
  bool all = false;
};

Result<Digest> parse_digest(const std::string& text) {
  Digest digest;
  if (text.size() == 2 * digest.size() && parse_hex(text, digest)) return digest;
  return fail(ErrorCode::kInvalidArgument, "--digest takes 64 hexadecimal digits, the SHA-256 of a value");
}

/// The values that the chosen events of the source's chains name.
Result<NamedValues> named_values(const RedactOptions& options, Progress& progress) {
  auto chains = replay::Chains::open(options.source, options.actor);
  if (!chains) return fail(std::move(chains.error()));
  NamedValues named;
  if (options.events.empty() && !options.all) return named;
  if (!options.events.empty() && chains->size() > 1) return fail(chains->several());
  const std::uint64_t total = chains->events_until(UINT64_MAX - 1);
  std::uint64_t done = 0;
  for (std::size_t i = 0; i < chains->size(); ++i) {
    const auto chain = chains->take(i);
    if (!chain) return fail(chain.error());
    const std::uint64_t first = (*chain)->first_sequence();
    auto values =
        values_of_events(**chain, {options.events.begin(), options.events.end()}, options.all,
                         [&](std::uint64_t sequence) { progress.update(done + sequence - first, "events", total); });
    if (!values) return fail(std::move(values.error()));
    named.merge(*values);
    done += (*chain)->next_sequence() - first;
  }
  return named;
}

/// What is to be removed.
Result<std::set<Digest>> chosen_values(const RedactOptions& options, Progress& progress) {
  std::set<Digest> values;
  for (const std::string& text : options.digests) {
    const auto digest = parse_digest(text);
    if (!digest) return fail(digest.error());
    values.insert(*digest);
  }
  const auto named = named_values(options, progress);
  if (!named) return fail(named.error());
  for (const auto& [digest, size] : *named) values.insert(digest);
  if (!values.empty()) return values;
  return fail(ErrorCode::kInvalidArgument,
              "nothing can be removed: only values of " + std::to_string(limits::kLargePayloadBytes) +
                  " bytes or more, and states of more than 64, are kept apart from their events");
}

Result<RedactSummary> redact_directory(const RedactOptions& options, const std::set<Digest>& values, Context& context) {
  auto directory = store::DataDirectory::open(options.source, store::DataDirectory::Access::kWrite);
  if (!directory) return fail(std::move(directory.error()));
  for (const store::Damage& damage : (*directory)->damages()) {
    context.log.warning(options.source + " is damaged: " + damage.to_string());
  }
  return (*directory)->redact(values);
}

Result<RedactSummary> redact_file(const RedactOptions& options, const std::set<Digest>& values, Progress& progress) {
  const std::string new_path = options.output.empty() ? options.source + ".new" : options.output;
  const auto tell = [&](std::uint64_t events) { progress.update(events, "events"); };
  auto summary = is_bundle(options.source) ? redact_bundle(options.source, new_path, values, tell)
                                           : redact_chain_file(options.source, new_path, values, tell);
  if (!summary || !options.output.empty()) return summary;
  std::error_code error;
  std::filesystem::rename(new_path, options.source, error);
  if (error) return fail(ErrorCode::kIo, "cannot put " + new_path + " in place: " + error.message());
  return summary;
}

Result<RedactSummary> run(const RedactOptions& options, Context& context) {
  std::error_code error;
  const bool is_directory = std::filesystem::is_directory(options.source, error);
  if (is_directory && !options.output.empty()) {
    return fail(ErrorCode::kInvalidArgument, "a data directory is redacted in place: copy it first, without --output");
  }
  Progress progress("Redacting " + options.source);
  const auto values = chosen_values(options, progress);
  if (!values) return fail(values.error());
  return is_directory ? redact_directory(options, *values, context) : redact_file(options, *values, progress);
}

}  // namespace

void add_redact_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<RedactOptions>();
  CLI::App* command = app.add_subcommand(
      "redact", "Remove the content of large values from what was recorded; every hash and proof still holds");
  command->add_option("source", options->source, "A chain file, a bundle, or a data directory that nobody uses")
      ->required()
      ->type_name("SOURCE");
  command->add_option("--actor", options->actor, "Which actor of a data directory, by id or name (--all: of all)")
      ->type_name("ACTOR");
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
      "A value that several events or actors name is removed for all of them. Values that are recorded in their "
      "event,\n"
      "because they are small, cannot be removed. The old bytes may stay on the disk until they are overwritten. An "
      "actor\n"
      "whose last state is removed can be neither resumed nor forked there.\n"
      "Exit codes: 0 removed; 1 there is nothing to remove, or the chain is broken.");
  command->callback([options, &context] {
    if (options->events.empty() && options->digests.empty() && !options->all) {
      context.exit_code = kExitFailed;
      return tell_error(context, "redact",
                        Error(ErrorCode::kInvalidArgument, "name what to remove: --event, --digest or --all"));
    }
    const auto summary = run(*options, context);
    if (!summary) {
      context.exit_code = kExitFailed;
      return tell_error(context, "redact", summary.error());
    }
    const std::string& written = options->output.empty() ? options->source : options->output;
    if (context.json) {
      const bool is_directory = store::DataDirectory::is_one(written);
      context.output.line(one_line(
          {{is_directory ? "directory" : "file", written}, {"values", summary->values}, {"bytes", summary->bytes}}));
    } else {
      context.output.line(context.output.bold(written) + ": " + grouped(summary->values) +
                          (summary->values == 1 ? " value" : " values") + " removed, " + byte_size(summary->bytes));
    }
  });
}

}  // namespace theater::cli
