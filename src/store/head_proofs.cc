#include "store/head_proofs.h"

#include <span>

#include "store/head_log_file.h"

namespace theater::store {

Result<SignedLog> SignedLog::read(FileSystem& files, const std::filesystem::path& directory) {
  auto key = read_verifier_key(files, directory);
  if (!key && key.error().code() == ErrorCode::kNotFound) {
    return fail(ErrorCode::kNotFound, directory.string() + " keeps no signed log");
  }
  if (!key) return fail(std::move(key.error()));
  auto file = files.open(head_log_path(directory), OpenMode::kRead);
  if (!file) return fail(std::move(file.error()));
  SignedLog log(std::move(*key));
  HeadLogVerifier verifier(log.key_, std::nullopt, HeadLogVerifier::Keep::kLastHeads);
  const auto end = read_head_log(**file, [&](HeadLogRecord type, ByteView content) {
    if (type == HeadLogRecord::kMark) return true;
    if (type == HeadLogRecord::kCheckpoint) return verifier.checkpoint(as_text(content));
    if (!verifier.heads(content)) return false;
    for (; !content.empty(); content = content.subspan(HeadEntry::kBytes)) {
      const auto entry = HeadEntry::decode(content.first(HeadEntry::kBytes));
      if (!entry) return false;  // heads() has checked it
      log.entries_.push_back(*entry);
      log.leaves_.push_back(entry->leaf());
    }
    return true;
  });
  if (!end) return fail(end.error());
  const HeadLogReport report = verifier.finish();
  if (!report.ok()) return fail(ErrorCode::kCorrupt, directory.string() + ": " + *report.fault);
  if (report.checkpoints == 0) {
    return fail(ErrorCode::kNotFound, directory.string() +
                                          " has no checkpoint yet; one is signed every second while it is "
                                          "written");
  }
  if (auto synced = (*file)->sync(); !synced) return fail(std::move(synced.error()));
  log.last_ = report.last;
  log.last_note_ = report.last_note;
  log.entries_.resize(report.last.size);
  log.leaves_.resize(report.last.size);
  return log;
}

Result<HeadProof> SignedLog::prove_head(const ActorId& actor) const { return prove(actor, last_.size, last_note_); }

Result<HeadProof> SignedLog::prove_head(const ActorId& actor, const std::string& older_note) const {
  const auto older = open_older(older_note);
  if (!older) return fail(older.error());
  return prove(actor, older->size, older_note);
}

Result<GrowthProof> SignedLog::prove_growth(const std::string& older_note) const {
  const auto older = open_older(older_note);
  if (!older) return fail(older.error());
  return GrowthProof{.old_size = older->size,
                     .path = older->size == 0 ? std::vector<Digest>() : merkle::prove_consistency(leaves_, older->size),
                     .checkpoint_note = last_note_};
}

Result<Checkpoint> SignedLog::open_older(const std::string& older_note) const {
  auto older = open_checkpoint(older_note, key_);
  if (!older) return fail(std::move(older.error()).with_context("the older checkpoint"));
  if (older->size > leaves_.size()) {
    return fail(ErrorCode::kCorrupt, "the log was rolled back: the older checkpoint is of " +
                                         std::to_string(older->size) + " entries, and it has " +
                                         std::to_string(leaves_.size()));
  }
  if (merkle::root_of(std::span(leaves_).first(older->size)) != older->root) {
    return fail(ErrorCode::kCorrupt, "the log was rewritten: it does not begin with that of the older checkpoint");
  }
  return older;
}

Result<HeadProof> SignedLog::prove(const ActorId& actor, std::uint64_t size, const std::string& note) const {
  for (std::uint64_t index = size; index-- > 0;) {
    if (entries_[index].actor != actor) continue;
    return HeadProof{.entry = entries_[index],
                     .key = key_.key(),
                     .index = index,
                     .path = merkle::prove_inclusion(std::span(leaves_).first(size), index),
                     .checkpoint_note = note};
  }
  return fail(ErrorCode::kNotFound,
              "the chain of " + to_string(actor) + " is not in the log that this checkpoint signs");
}

}  // namespace theater::store
