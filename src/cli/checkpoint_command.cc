#include "cli/commands.h"
#include "cli/files.h"
#include "cli/json.h"
#include "cli/remote.h"
#include "replay/source.h"
#include "store/head_proofs.h"

namespace theater::cli {
namespace {

using nlohmann::ordered_json;

struct CheckpointOptions {
  std::string directory;
  std::string actor;
  std::string since;
  std::string output;
};

/// By its id, which may be that of a chain that is gone, or by its name.
Result<ActorId> chosen_actor(const CheckpointOptions& options) {
  if (const auto id = parse_id<ActorId>(options.actor)) return *id;
  const auto chains = replay::Chains::open(options.directory, options.actor);
  if (!chains) return fail(chains.error());
  if (chains->size() > 1) return fail(chains->several());
  return chains->actor(0).id;
}

/// The text asked for: the last checkpoint, a proof of an actor's head, or a proof of growth.
Result<std::string> make_text(const CheckpointOptions& options, const store::SignedLog& log, ordered_json& json) {
  json = {{"log", log.last().origin}, {"size", log.last().size}, {"root", to_hex(log.last().root)}};
  if (!options.actor.empty()) {
    const auto actor = chosen_actor(options);
    if (!actor) return fail(actor.error());
    const auto proof = log.prove_head(*actor);
    if (!proof) return fail(proof.error());
    json["actor"] = to_string(proof->entry.actor);
    json["events"] = proof->entry.next_sequence;
    json["head"] = to_hex(proof->entry.head);
    json["index"] = proof->index;
    return proof->to_text();
  }
  if (!options.since.empty()) {
    const auto note = read_file(options.since, limits::kNoteBytes);
    if (!note) return fail(note.error());
    const auto growth = log.prove_growth(*note);
    if (!growth) return fail(growth.error());
    json["old_size"] = growth->old_size;
    return growth->to_text();
  }
  return log.last_note();
}

Result<void> run(const CheckpointOptions& options, Context& context) {
  if (!store::DataDirectory::is_one(options.directory)) {
    return fail(ErrorCode::kInvalidArgument,
                options.directory + " is no data directory, and nothing else has a log that is signed");
  }
  const auto log = store::SignedLog::read(store::posix_file_system(), options.directory);
  if (!log) return fail(log.error());
  ordered_json json;
  const auto text = make_text(options, *log, json);
  if (!text) return fail(text.error());
  if (!options.output.empty()) {
    if (auto written = write_new_file(options.output, *text); !written) return written;
    json["file"] = options.output;
  } else {
    json["text"] = *text;
  }
  if (context.json) {
    context.output.line(one_line(json));
  } else if (options.output.empty()) {
    // Its own last line feed is the line's.
    context.output.line(std::string_view(*text).substr(0, text->size() - 1));
  }
  return {};
}

}  // namespace

void add_checkpoint_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<CheckpointOptions>();
  CLI::App* command =
      app.add_subcommand("checkpoint", "Show a data directory's last signed checkpoint, or a proof that it leads to");
  command->add_option("directory", options->directory, "The data directory; it may be in use")
      ->required()
      ->type_name("DIR");
  auto* actor =
      command
          ->add_option("--actor", options->actor, "Prove that this actor's chain is in the signed log; by id or name")
          ->type_name("ACTOR");
  command->add_option("--since", options->since, "Prove that the log only grew since this older checkpoint")
      ->type_name("FILE")
      ->excludes(actor);
  command->add_option("-o,--output", options->output, "Write it to a new file instead")->type_name("FILE");
  command->footer(
      "Keep a checkpoint where nobody who may touch the data directory can change it: with it `theater verify\n"
      "--checkpoint FILE DIR` finds whatever was cut off, rolled back or written anew since.\n"
      "Exit codes: 0 shown; 1 there is none, or the log is damaged.");
  command->callback([options, &context] {
    if (const auto done = run(*options, context); !done) {
      tell_error(context, "checkpoint", done.error());
      context.exit_code = kExitFailed;
    }
  });
}

}  // namespace theater::cli
