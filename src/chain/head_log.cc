#include "chain/head_log.h"

namespace theater {
namespace {

std::string size_and_root(std::uint64_t size, const Digest& root) {
  return std::to_string(size) + " entries with root " + to_hex(ByteView(root).first(8)) + "…";
}

}  // namespace

HeadLogVerifier::HeadLogVerifier(note::VerifierKey key, std::optional<Checkpoint> older, Keep keep)
    : key_(std::move(key)), older_(std::move(older)), keep_(keep) {
  report_.last = {.origin = key_.name(), .size = 0, .root = tree_.root()};
  if (auto checked = check_log_key(key_); !checked) fail(checked.error().message());
  if (older_ && older_->origin != key_.name()) {
    fail("the log is " + key_.name() + ", the older checkpoint is of " + printable(as_bytes(older_->origin), 100) +
         ": another directory, or its key was replaced");
  }
}

bool HeadLogVerifier::fail(std::string what) {
  if (!report_.fault) report_.fault = std::move(what);
  return false;
}

bool HeadLogVerifier::heads(ByteView content) {
  if (report_.fault) return false;
  if (content.empty() || content.size() % HeadEntry::kBytes != 0 ||
      content.size() > kHeadsPerRecordMax * HeadEntry::kBytes) {
    return fail("the log of heads is malformed: a record that does not hold whole entries");
  }
  for (; !content.empty(); content = content.subspan(HeadEntry::kBytes)) {
    const auto decoded = HeadEntry::decode(content.first(HeadEntry::kBytes));
    if (!decoded) return fail("the log of heads is malformed: " + decoded.error().message());
    if (!entry(*decoded)) return false;
  }
  return true;
}

bool HeadLogVerifier::entry(const HeadEntry& entry) {
  pending_.push_back(entry);
  tree_.append(entry.leaf());
  if (older_ && tree_.size() == older_->size && tree_.root() != older_->root) {
    return fail("the log was rewritten: it once had " + size_and_root(older_->size, older_->root) + ", and has " +
                size_and_root(tree_.size(), tree_.root()));
  }
  return true;
}

bool HeadLogVerifier::checkpoint(std::string_view note) {
  if (report_.fault) return false;
  const auto checkpoint = unverified_checkpoint(note);
  if (!checkpoint) return fail("a checkpoint in the log is malformed: " + checkpoint.error().message());
  if (checkpoint->origin != key_.name()) {
    return fail("a checkpoint in the log is of another one, " + printable(as_bytes(checkpoint->origin), 100));
  }
  if (pending_.empty() || checkpoint->size != tree_.size() || checkpoint->root != tree_.root()) {
    return fail("a checkpoint in the log tells of " + size_and_root(checkpoint->size, checkpoint->root) +
                ", the log has " + size_and_root(tree_.size(), tree_.root()) + " there");
  }
  for (const HeadEntry& entry : pending_) {
    std::vector<KnownHead>& heads = report_.heads[entry.actor];
    if (!heads.empty() && heads.back().next_sequence >= entry.next_sequence) {
      return fail("the log says that the chain of " + to_string(entry.actor) + " shrank from " +
                  std::to_string(heads.back().next_sequence) + " to " + std::to_string(entry.next_sequence) +
                  " events");
    }
    if (keep_ == Keep::kLastHeads) heads.clear();
    heads.push_back({.next_sequence = entry.next_sequence, .head = entry.head});
  }
  pending_.clear();
  report_.last = *checkpoint;
  report_.last_note = std::string(note);
  report_.tree = tree_;
  ++report_.checkpoints;
  return true;
}

HeadLogReport HeadLogVerifier::finish() {
  report_.unsigned_entries = pending_.size();
  if (report_.checkpoints > 0) {
    // Signing the last root signs everything under it; the signatures before are for those who hold such a checkpoint.
    const auto opened = open_checkpoint(report_.last_note, key_);
    if (!opened) fail("the last checkpoint in the log: " + opened.error().message());
  }
  if (older_ && older_->size > report_.last.size) {
    fail("the log was rolled back: it once had " + std::to_string(older_->size) + " signed entries, and has " +
         std::to_string(report_.last.size));
  }
  return std::move(report_);
}

}  // namespace theater
