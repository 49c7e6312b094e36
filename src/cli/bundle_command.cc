#include <filesystem>

#include "api/recording.h"
#include "chain/bundle.h"
#include "cli/commands.h"
#include "cli/files.h"
#include "cli/json.h"
#include "cli/progress.h"
#include "cli/remote.h"
#include "replay/source.h"
#include "store/head_proofs.h"

namespace theater::cli {
namespace {

using nlohmann::ordered_json;

struct BundleOptions {
  std::string source;
  /// Set: the source is an actor of this server.
  RemoteOptions remote;
  std::string actor;
  std::string output;
  std::vector<std::string> components;
  std::vector<std::string> manifests;
  std::string checkpoint;
};

/// What the command did, and what it could not.
struct Outcome {
  BundleSummary summary;
  std::vector<std::string> remarks;
};

Result<void> read_contents(const BundleOptions& options, BundleExtras& extras) {
  for (const std::string& path : options.components) {
    auto content = read_file(path, limits::kComponentBytes);
    if (!content) return fail(std::move(content.error()));
    extras.components.push_back(to_bytes(*content));
  }
  for (const std::string& path : options.manifests) {
    auto content = read_file(path, limits::kManifestBytes);
    if (!content) return fail(std::move(content.error()));
    extras.manifests.push_back(std::move(*content));
  }
  return {};
}

void add_permissions(const ChainSource& source, BundleExtras& extras, std::vector<std::string>& remarks) {
  auto grants = api::grants_of(source, extras.manifests);
  if (grants) {
    extras.permissions = std::move(*grants);
  } else {
    remarks.emplace_back(
        "permissions.json was left out: the manifest alone does not say all, or names a handler that this "
        "program does not know");
  }
}

/// Proofs from a data directory's log; that there are none yet is no error.
Result<void> add_proofs(const BundleOptions& options, const ChainSource& source, BundleExtras& extras,
                        std::vector<std::string>& remarks) {
  std::error_code error;
  const bool is_directory = std::filesystem::is_directory(options.source, error);
  if (!is_directory && options.checkpoint.empty()) return {};
  if (!is_directory) {
    return fail(ErrorCode::kInvalidArgument, "--checkpoint needs a data directory, whose log leads to the checkpoint");
  }
  const auto log = store::SignedLog::read(store::posix_file_system(), options.source);
  if (!log && log.error().code() == ErrorCode::kNotFound && options.checkpoint.empty()) {
    remarks.push_back("without a proof: " + log.error().message());
    return {};
  }
  if (!log) return fail(log.error());
  auto proof = log->prove_head(source.actor());
  if (proof) {
    extras.proofs.push_back(std::move(*proof));
  } else {
    remarks.push_back("without a proof: " + proof.error().message());
  }
  if (options.checkpoint.empty()) return {};
  const auto note = read_file(options.checkpoint, limits::kNoteBytes);
  if (!note) return fail(note.error());
  auto older = log->prove_head(source.actor(), *note);
  if (!older) return fail(std::move(older.error()));
  extras.proofs.push_back(std::move(*older));
  return {};
}

Result<Outcome> run(const BundleOptions& options) {
  Outcome outcome;
  // The log before the chain: of a directory that is in use the chain may only be ahead of it.
  auto source = replay::open_source(options.source, options.actor);
  if (!source) return fail(std::move(source.error()));
  BundleExtras extras;
  if (auto read = read_contents(options, extras); !read) return fail(std::move(read.error()));
  if (auto added = add_proofs(options, **source, extras, outcome.remarks); !added)
    return fail(std::move(added.error()));
  if (!extras.proofs.empty()) {
    // Read again, so that it has all that the proofs know of.
    const std::string actor = to_string((*source)->actor());
    source = replay::open_source(options.source, actor);
    if (!source) return fail(std::move(source.error()));
  }
  add_permissions(**source, extras, outcome.remarks);
  Progress progress("Bundling " + options.source);
  auto summary = write_bundle(options.output, **source, extras, [&](std::uint64_t events) {
    progress.update(events, "events", (*source)->next_sequence());
  });
  if (!summary) return fail(std::move(summary.error()));
  outcome.summary = *summary;
  return outcome;
}

/// The server puts it together; what came is verified here.
Result<Outcome> download(const BundleOptions& options, const Context& context) {
  if (!options.actor.empty() || !options.components.empty() || !options.manifests.empty() ||
      !options.checkpoint.empty()) {
    return fail(ErrorCode::kInvalidArgument,
                "--actor, --component, --manifest and --checkpoint are for a source that lies "
                "here; " +
                    options.source + " is an actor of a server");
  }
  auto client = find_server(context.configuration, options.remote);
  if (!client) return fail(std::move(client.error()));
  if (auto saved = client->save_bundle(options.source, options.output); !saved) {
    return fail(neither_here_nor_there(options.source, options.remote, std::move(saved.error())));
  }
  const auto report = verify_bundle(options.output);
  if (!report) return fail(report.error());
  if (!report->ok()) {
    const std::string what = report->fault ? *report->fault : report->chain.fault->what;
    return fail(ErrorCode::kCorrupt, "the server's bundle " + options.output + " is broken: " + what);
  }
  const VerifyReport& chain = report->chain;
  return Outcome{.summary = {.actor = chain.actor,
                             .links = chain.links,
                             .events = chain.events,
                             .head = chain.head_hash,
                             .values_missing = chain.payloads_missing,
                             .components = report->components,
                             .components_missing = report->components_missing,
                             .manifests = report->manifests,
                             .manifests_missing = report->manifests_missing,
                             .proofs = report->checkpoints.size()},
                 .remarks = {}};
}

void show(const BundleOptions& options, const Outcome& outcome, Context& context) {
  const BundleSummary& summary = outcome.summary;
  std::error_code error;
  const std::uint64_t bytes = std::filesystem::file_size(options.output, error);
  if (context.json) {
    const ordered_json json = {{"bundle", options.output},
                               {"bytes", bytes},
                               {"actor", to_string(summary.actor)},
                               {"events", summary.events},
                               {"links", summary.links},
                               {"head", to_hex(summary.head)},
                               {"values_missing", summary.values_missing},
                               {"components", summary.components},
                               {"components_missing", summary.components_missing},
                               {"manifests", summary.manifests},
                               {"manifests_missing", summary.manifests_missing},
                               {"proofs", summary.proofs},
                               {"remarks", outcome.remarks}};
    context.output.line(one_line(json));
    return;
  }
  Output& output = context.output;
  output.line(output.bold(options.output) + ": actor " + to_string(summary.actor) + ", " + grouped(summary.events) +
              " events, head " + to_hex(summary.head).substr(0, 16) + "…, " + byte_size(bytes));
  const auto tell_missing = [&](std::uint64_t count, std::string_view what, std::string_view option) {
    if (count == 0) return;
    output.line("    without " + grouped(count) + " " + std::string(what) + (count == 1 ? "" : "s") +
                " that the chain names" + std::string(option));
  };
  tell_missing(summary.components_missing, "component", "; --component FILE adds one");
  tell_missing(summary.manifests_missing, "manifest", "; --manifest FILE adds one");
  tell_missing(summary.values_missing, "large value", ", which are not kept any more");
  for (const std::string& remark : outcome.remarks) output.line("    " + remark);
}

}  // namespace

void add_bundle_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<BundleOptions>();
  CLI::App* command = app.add_subcommand(
      "bundle", "Put one actor's chain, and what is needed to check it and run it again, into one file");
  command
      ->add_option("source", options->source,
                   "A chain file, a data directory (which may be in use), a bundle, or an actor of the server")
      ->required()
      ->type_name("SOURCE");
  add_address(*command, options->remote);
  command->add_option("--actor", options->actor, "Which actor, by id or name, where there are several")
      ->type_name("ACTOR");
  command->add_option("-o,--output", options->output, "The new file")->required()->type_name("FILE");
  command
      ->add_option("--component", options->components,
                   "A component that the chain names and the source does not hold; may be repeated")
      ->type_name("FILE")
      ->allow_extra_args(false);
  command
      ->add_option("--manifest", options->manifests,
                   "A manifest that the chain names and the source does not hold; may be repeated")
      ->type_name("FILE")
      ->allow_extra_args(false);
  command
      ->add_option("--checkpoint", options->checkpoint,
                   "An older checkpoint that the reader holds: adds the proof that leads to it")
      ->type_name("FILE");
  command->footer("Exit codes: 0 written; 1 the chain is broken, or something could not be read or written.");
  command->callback([options, &context] {
    const bool is_remote = names_an_actor(options->source, options->remote);
    const auto outcome = is_remote ? download(*options, context) : run(*options);
    if (outcome) return show(*options, *outcome, context);
    tell_error(context, "bundle", outcome.error());
    context.exit_code = kExitFailed;
  });
}

}  // namespace theater::cli
