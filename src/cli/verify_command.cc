#include <filesystem>

#include "chain/bundle.h"
#include "chain/checkpoint.h"
#include "chain/verify.h"
#include "cli/commands.h"
#include "cli/files.h"
#include "cli/json.h"
#include "cli/progress.h"
#include "cli/remote.h"
#include "store/verify_directory.h"

namespace theater::cli {
namespace {

using nlohmann::ordered_json;

constexpr std::uint64_t kProofBytesMax = limits::kNoteBytes + (64u << 10);
constexpr std::string_view kHeadProofBegin = "c2sp.org/tlog-proof@";
constexpr std::string_view kGrowthProofBegin = "old ";
constexpr std::string_view kCheckpointBegin = "theater/";
/// Chains of a data directory that text output lists without --verbose.
constexpr std::size_t kChainsListed = 20;

struct VerifyCommandOptions {
  std::vector<std::string> files;
  std::string head;
  std::string checkpoint;
  std::string proof;
  std::string log_name;
};

/// What is known from elsewhere, read and checked by itself.
struct Known {
  std::optional<Digest> head;
  std::optional<std::string> older_note;
  std::optional<HeadProof> proof;
  std::optional<std::string> log_name;
  std::optional<note::VerifierKey> log_key;
};

ordered_json to_json(const VerifyReport& report) {
  ordered_json json = {{"ok", report.ok()},
                       {"actor", to_string(report.actor)},
                       {"events", report.events},
                       {"links", report.links},
                       {"first_sequence", report.first_sequence},
                       {"complete", report.complete},
                       {"payloads_checked", report.payloads_checked},
                       {"payloads_missing", report.payloads_missing},
                       {"heads_checked", report.heads_checked},
                       {"head", to_hex(report.head_hash)}};
  if (report.fault) json["fault"] = {{"sequence", report.fault->sequence}, {"what", report.fault->what}};
  return json;
}

ordered_json to_json(const Checkpoint& checkpoint) {
  return {{"log", checkpoint.origin}, {"size", checkpoint.size}, {"root", to_hex(checkpoint.root)}};
}

std::string what_begins(const std::string& path, std::size_t bytes) {
  const auto content = read_file(path, kProofBytesMax);
  return content ? content->substr(0, bytes) : std::string();
}

/// Verifies what the command line names, one after the other.
class Verification {
 public:
  Verification(const VerifyCommandOptions& options, Context& context) : options_(options), context_(context) {}

  int run() {
    if (auto read = read_known(); !read) {
      tell_error(context_, "verify", read.error());
      return kExitFailed;
    }
    if (options_.files.empty()) show_proof(options_.proof, *known_.proof);
    for (const std::string& file : options_.files) {
      if (auto verified = verify(file); !verified) refuse(file, verified.error());
    }
    return all_good_ ? kExitOk : kExitFailed;
  }

 private:
  Result<void> read_known() {
    if (!options_.head.empty()) {
      Digest digest{};
      if (options_.head.size() != 64 || options_.files.size() != 1 || !parse_hex(options_.head, digest)) {
        return fail(ErrorCode::kInvalidArgument, "--head takes 64 hexadecimal digits and one file");
      }
      known_.head = digest;
    }
    if (auto read = read_log(); !read) return read;
    if (!options_.checkpoint.empty()) {
      auto note = read_file(options_.checkpoint, limits::kNoteBytes);
      if (!note) return fail(std::move(note.error()));
      if (auto checkpoint = unverified_checkpoint(*note); !checkpoint) {
        return fail(std::move(checkpoint.error()).with_context(options_.checkpoint));
      }
      known_.older_note = std::move(*note);
    }
    if (options_.proof.empty()) {
      if (!options_.files.empty()) return {};
      return fail(ErrorCode::kInvalidArgument, "name what to verify, or a --proof");
    }
    const auto text = read_file(options_.proof, kProofBytesMax);
    if (!text) return fail(text.error());
    auto proof = HeadProof::parse(*text);
    if (!proof) return fail(std::move(proof.error()).with_context(options_.proof));
    if (auto checked = check_proof(*proof); !checked) {
      return fail(std::move(checked.error()).with_context(options_.proof));
    }
    known_.proof = std::move(*proof);
    return {};
  }

  /// A name, a key, or a file with a key.
  Result<void> read_log() {
    std::string text = options_.log_name;
    if (text.empty()) return {};
    std::error_code error;
    if (std::filesystem::is_regular_file(text, error)) {
      auto content = read_file(text, 4096);
      if (!content) return fail(std::move(content.error()));
      text = content->substr(0, content->find('\n'));
    }
    known_.log_name = text;
    if (text.find('+') == std::string::npos) return {};
    auto key = note::VerifierKey::parse(text);
    if (!key) return fail(std::move(key.error()).with_context("--log"));
    if (auto checked = check_log_key(*key); !checked) return checked;
    known_.log_name = key->name();
    known_.log_key = std::move(*key);
    return {};
  }

  Result<Checkpoint> check_proof(const HeadProof& proof) const {
    auto checkpoint = proof.verify();
    if (checkpoint && known_.log_name && checkpoint->origin != *known_.log_name) {
      return fail(ErrorCode::kCorrupt,
                  "the proof is of the log " + checkpoint->origin + ", not of " + *known_.log_name);
    }
    return checkpoint;
  }

  Result<void> verify(const std::string& path) {
    std::error_code error;
    if (std::filesystem::is_directory(path, error)) return verify_directory(path);
    if (is_bundle(path)) return verify_bundle(path);
    const std::string begin = what_begins(path, kHeadProofBegin.size());
    if (begin.starts_with(kHeadProofBegin)) return verify_head_proof(path);
    if (begin.starts_with(kGrowthProofBegin)) return verify_growth(path);
    if (begin.starts_with(kCheckpointBegin)) {
      return fail(
          ErrorCode::kInvalidArgument,
          path + " is a checkpoint: verify a data directory or a bundle against it, --checkpoint " + path + " SOURCE");
    }
    return verify_chain(path);
  }

  using EventProgress = std::function<void(std::uint64_t events)>;
  /// Says how far `verify` is. The line is gone before a word is said of what was found.
  template <class Verify>
  static auto watched(const std::string& path, Verify verify) {
    Progress progress("Verifying " + path);
    return verify([&progress](std::uint64_t events) { progress.update(events, "events"); });
  }

  VerifyExpectation expectation() const {
    VerifyExpectation expectation;
    expectation.head_hash = known_.head;
    if (known_.proof) {
      expectation.actor = known_.proof->entry.actor;
      expectation.heads = {{known_.proof->entry.next_sequence, known_.proof->entry.head}};
    }
    return expectation;
  }

  // A chain file -----------------------------------------------------------------------------------------------------

  Result<void> verify_chain(const std::string& path) {
    if (known_.older_note || (known_.log_name && !known_.proof)) {
      return fail(ErrorCode::kInvalidArgument,
                  path +
                      " is a chain file, which holds no proof that it is in a log: give one "
                      "with --proof, or verify its data directory or bundle");
    }
    const auto report =
        watched(path, [&](EventProgress progress) { return verify_chain_file(path, expectation(), {}, progress); });
    if (!report) return fail(report.error());
    all_good_ &= report->ok();
    if (context_.json) {
      ordered_json json = {{"file", path}};
      json.update(to_json(report->chain));
      json["closed"] = report->closed;
      json["torn_bytes"] = report->torn_bytes;
      context_.output.line(one_line(json));
      return {};
    }
    if (!show_chain(path, report->chain)) return {};
    if (report->torn_bytes > 0) {
      context_.output.line("    the file was cut: its last " + grouped(report->torn_bytes) +
                           " bytes are no whole record and were left out");
    } else if (!report->closed) {
      context_.output.line("    the file was not closed by its writer: later events may be missing");
    }
    return {};
  }

  /// Whether it is true.
  bool show_chain(const std::string& path, const VerifyReport& chain) {
    Output& output = context_.output;
    if (chain.fault) {
      show_fault(path, *chain.fault, chain.events);
      return false;
    }
    output.line(output.good("OK") + "  " + path + ": actor " + to_string(chain.actor) + ", " + grouped(chain.events) +
                " events in " + grouped(chain.links) + " links, head " + to_hex(chain.head_hash));
    if (!chain.complete) {
      output.line("    begins with event " + std::to_string(chain.first_sequence) +
                  "; earlier ones are not in the file");
    }
    if (chain.payloads_missing > 0) {
      output.line("    " + grouped(chain.payloads_missing) + " large values are not in the file; their digests are");
    }
    if (known_.proof && chain.heads_checked > 0) {
      output.line("    runs through the head that the proof is of, event " +
                  std::to_string(known_.proof->entry.next_sequence - 1));
    }
    return true;
  }

  void show_fault(const std::string& path, const Fault& fault, std::uint64_t events) {
    Output& output = context_.output;
    output.line(output.bad("BROKEN") + "  " + path + ": at event " + std::to_string(fault.sequence) + ": " +
                fault.what);
    output.line("        the " + grouped(events) + " events before it are as they were recorded");
  }

  /// Of a bundle or a directory.
  template <class Report>
  Result<void> conclude(const std::string& path, const Result<Report>& report) {
    if (!report) return fail(report.error());
    all_good_ &= report->ok();
    if (context_.json) {
      show_json(path, *report);
    } else {
      show_text(path, *report);
    }
    return {};
  }

  // A bundle ---------------------------------------------------------------------------------------------------------

  Result<void> verify_bundle(const std::string& path) {
    BundleVerifyOptions options;
    options.expectation = expectation();
    options.older_note = known_.older_note;
    options.log_name = known_.log_name;
    return conclude(path, watched(path, [&](EventProgress progress) {
                      options.progress = std::move(progress);
                      return theater::verify_bundle(path, std::move(options));
                    }));
  }

  void show_json(const std::string& path, const BundleVerifyReport& report) {
    ordered_json json = {{"bundle", path}};
    json.update(to_json(report.chain));
    json["ok"] = report.ok();
    json["components"] = report.components;
    json["components_missing"] = report.components_missing;
    json["manifests"] = report.manifests;
    json["manifests_missing"] = report.manifests_missing;
    json["checkpoints"] = ordered_json::array();
    for (const Checkpoint& checkpoint : report.checkpoints) json["checkpoints"].push_back(to_json(checkpoint));
    if (report.fault) json["bundle_fault"] = *report.fault;
    context_.output.line(one_line(json));
  }

  void show_text(const std::string& path, const BundleVerifyReport& report) {
    Output& output = context_.output;
    if (report.fault) {
      output.line(output.bad("BROKEN") + "  " + *report.fault);
      return;
    }
    if (!show_chain(path, report.chain)) return;
    output.line("    with " + counted(report.components, "component", report.components_missing) + " and " +
                counted(report.manifests, "manifest", report.manifests_missing));
    for (const Checkpoint& checkpoint : report.checkpoints) {
      output.line("    in the log " + checkpoint.origin + ", by its checkpoint of " + grouped(checkpoint.size) +
                  " entries");
    }
    if (report.checkpoints.empty())
      output.line("    in no log: that it was not cut or written anew only its head can tell");
  }

  static std::string counted(std::uint64_t there, const std::string& what, std::uint64_t missing) {
    std::string text = grouped(there) + " " + what + (there == 1 ? "" : "s");
    if (missing > 0)
      text += " (" + grouped(missing) + " that the chain names " + (missing == 1 ? "is" : "are") + " missing)";
    return text;
  }

  // A data directory -------------------------------------------------------------------------------------------------

  Result<void> verify_directory(const std::string& path) {
    store::DirectoryVerifyOptions options;
    options.older_note = known_.older_note;
    options.log_name = known_.log_name;
    if (known_.proof) options.heads = {known_.proof->entry};
    return conclude(path, watched(path, [&](EventProgress progress) {
                      options.progress = std::move(progress);
                      return store::verify_directory(path, std::move(options));
                    }));
  }

  void show_json(const std::string& path, const store::DirectoryVerifyReport& report) {
    ordered_json json = {{"directory", path}, {"ok", report.ok()}, {"torn_bytes", report.torn_bytes}};
    json["chains"] = ordered_json::array();
    for (const auto& [id, chain] : report.chains) {
      ordered_json one = to_json(chain.report);
      one["name"] = chain.name;
      if (chain.removed) {
        one["removed"] = {{"next_sequence", chain.removed->next_sequence},
                          {"links", chain.removed->links},
                          {"bytes", chain.removed->bytes},
                          {"head", to_hex(chain.removed->head)},
                          {"removed_ns", chain.removed->removed_ns}};
      }
      json["chains"].push_back(std::move(one));
    }
    if (report.log) {
      ordered_json log = to_json(report.log->log.last);
      log["ok"] = report.log->log.ok();
      log["checkpoints"] = report.log->log.checkpoints;
      log["unsigned_entries"] = report.log->log.unsigned_entries;
      log["torn_bytes"] = report.log->end.torn_bytes;
      if (report.log->log.fault) log["fault"] = *report.log->log.fault;
      json["log"] = std::move(log);
    } else {
      json["log"] = nullptr;
    }
    json["damages"] = ordered_json::array();
    for (const store::Damage& damage : report.damages) json["damages"].push_back(damage.to_string());
    context_.output.line(one_line(json));
  }

  void show_text(const std::string& path, const store::DirectoryVerifyReport& report) {
    Output& output = context_.output;
    std::uint64_t events = 0;
    for (const auto& [id, chain] : report.chains) {
      events += chain.report.events;
      const std::string who = path + ": actor " + to_string(id) + " (" + printable(as_bytes(chain.name), 100) + ")";
      if (chain.report.fault) {
        show_fault(who, *chain.report.fault, chain.report.events);
      } else if (context_.verbose || report.chains.size() <= kChainsListed) {
        output.line(output.good("OK") + "  " + who + ", " + grouped(chain.report.events) + " events in " +
                    grouped(chain.report.links) + " links, head " + to_hex(chain.report.head_hash));
        if (chain.removed) {
          output.line("    begins with event " + std::to_string(chain.removed->next_sequence) + ": retention removed " +
                      grouped(chain.removed->links) + " links before it, the last with hash " +
                      to_hex(chain.removed->head));
        }
      }
    }
    for (const store::Damage& damage : report.damages) {
      output.line(output.bad("DAMAGED") + "  " + path + ": " + damage.to_string());
    }
    show_log(path, report);
    output.line((report.ok() ? output.good("OK") : output.bad("BROKEN")) + "  " + path + ": " +
                grouped(report.chains.size() - report.broken_chains()) + " of " + grouped(report.chains.size()) +
                " chains are true, " + grouped(events) + " events");
    if (report.torn_bytes > 0) {
      output.line("    the last write was cut: " + grouped(report.torn_bytes) +
                  " bytes that nobody was told are safe were left out");
    }
  }

  void show_log(const std::string& path, const store::DirectoryVerifyReport& report) {
    Output& output = context_.output;
    if (!report.log) {
      output.line("    it keeps no signed log: that chains were not cut or written anew only their heads can tell");
      return;
    }
    const HeadLogReport& log = report.log->log;
    if (log.fault) {
      output.line(output.bad("BROKEN") + "  " + path + ": " + *log.fault);
      return;
    }
    output.line(output.good("OK") + "  " + path + ": log " + log.last.origin + ", " + grouped(log.checkpoints) +
                " checkpoints of " + grouped(log.last.size) + " entries" +
                (known_.older_note ? ", begins with the older checkpoint's" : ""));
  }

  // Proofs -----------------------------------------------------------------------------------------------------------

  Result<void> verify_head_proof(const std::string& path) {
    const auto text = read_file(path, kProofBytesMax);
    if (!text) return fail(text.error());
    const auto proof = HeadProof::parse(*text);
    if (!proof) return fail(proof.error());
    if (const auto checked = check_proof(*proof); !checked) return fail(checked.error());
    show_proof(path, *proof);
    return {};
  }

  void show_proof(const std::string& path, const HeadProof& proof) {
    const auto checkpoint = proof.verify();
    if (!checkpoint) return refuse(path, checkpoint.error());
    if (context_.json) {
      ordered_json json = {{"proof", path},
                           {"ok", true},
                           {"actor", to_string(proof.entry.actor)},
                           {"events", proof.entry.next_sequence},
                           {"head", to_hex(proof.entry.head)},
                           {"index", proof.index}};
      json.update(to_json(*checkpoint));
      context_.output.line(one_line(json));
      return;
    }
    context_.output.line(context_.output.good("OK") + "  " + path + ": actor " + to_string(proof.entry.actor) +
                         " had " + grouped(proof.entry.next_sequence) + " events with head " +
                         to_hex(proof.entry.head));
    context_.output.line("    says the log " + checkpoint->origin + ", in its checkpoint of " +
                         grouped(checkpoint->size) + " entries");
  }

  Result<void> verify_growth(const std::string& path) {
    const auto text = read_file(path, kProofBytesMax);
    if (!text) return fail(text.error());
    const auto growth = GrowthProof::parse(*text);
    if (!growth) return fail(growth.error());
    if (!known_.older_note || !known_.log_key) {
      return fail(
          ErrorCode::kInvalidArgument,
          path +
              " is a proof that a log grew: give the older checkpoint with --checkpoint, and the log's key with "
              "--log (a data directory's log.pub)");
    }
    const note::VerifierKey& key = *known_.log_key;
    const auto older = open_checkpoint(*known_.older_note, key);
    if (!older) return fail(older.error());
    const auto newer = growth->verify(*older, key);
    if (!newer) return fail(newer.error());
    if (context_.json) {
      ordered_json json = {{"growth", path}, {"ok", true}, {"old_size", older->size}};
      json.update(to_json(*newer));
      context_.output.line(one_line(json));
    } else {
      context_.output.line(context_.output.good("OK") + "  " + path + ": the log " + newer->origin +
                           " only grew, from " + grouped(older->size) + " entries to " + grouped(newer->size));
    }
    return {};
  }

  void refuse(const std::string& path, const Error& error) {
    all_good_ = false;
    if (context_.json) {
      context_.output.line(one_line({{"file", path}, {"ok", false}, {"error", error.to_string()}}));
    } else {
      context_.output.error_line(context_.output.bad("theater verify: ") + error.to_string());
    }
  }

  const VerifyCommandOptions& options_;
  Context& context_;
  Known known_;
  bool all_good_ = true;
};

}  // namespace

void add_verify_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<VerifyCommandOptions>();
  CLI::App* command = app.add_subcommand("verify", "Check that recorded chains are as they were written");
  command->add_option("sources", options->files, "Chain files, bundles, data directories or proofs")
      ->type_name("SOURCE");
  command
      ->add_option("--head", options->head,
                   "The head that the (only) chain must end with, as hexadecimal; without it a chain file that was cut "
                   "at its end cannot be told from a whole one")
      ->type_name("HASH");
  command
      ->add_option("--checkpoint", options->checkpoint,
                   "An older checkpoint of the data directory, kept elsewhere: what it had then must still be there")
      ->type_name("FILE");
  command
      ->add_option("--proof", options->proof,
                   "An older proof of one actor's head, kept elsewhere: the actor's chain must run through it. Alone: "
                   "verify the proof itself")
      ->type_name("FILE");
  command
      ->add_option(
          "--log", options->log_name,
          "The log that it must be: its name, as its checkpoints begin with (theater/…), its key, or a file with "
          "the key")
      ->type_name("NAME");
  command->footer("Exit codes: 0 all verify; 1 one is broken or cannot be read.");
  command->callback([options, &context] { context.exit_code = Verification(*options, context).run(); });
}

}  // namespace theater::cli
