#include "store/checkpoint_writer.h"

#include <algorithm>

#include "chain/record.h"
#include "store/head_log_file.h"

namespace theater::store {
namespace {

void put_record(Bytes& out, HeadLogRecord type, ByteView content) {
  std::uint8_t header[chain::kRecordHeaderBytes];
  chain::put_record_header(
      header, {.type = static_cast<std::uint8_t>(type), .length = static_cast<std::uint32_t>(content.size())});
  append(out, header);
  append(out, content);
  append(out, sha256(content));
}

Result<note::SigningKey> make_key(FileSystem& files, const std::filesystem::path& directory, RandomSource& random) {
  note::SigningKey key = make_log_key(random);
  const std::string secret = key.to_text() + "\n";
  const std::string shown = key.verifier().to_text() + "\n";
  // The secret last: where it is, the rest is.
  if (auto written = write_file(files, head_log_path(directory), as_bytes(kHeadLogMagic)); !written) {
    return fail(std::move(written.error()));
  }
  if (auto written = write_file(files, verifier_key_path(directory), as_bytes(shown)); !written) {
    return fail(std::move(written.error()));
  }
  if (auto written = write_file(files, signing_key_path(directory), as_bytes(secret)); !written) {
    return fail(std::move(written.error()));
  }
  return key;
}

Result<note::SigningKey> read_key(FileSystem& files, const std::filesystem::path& directory) {
  const std::filesystem::path path = signing_key_path(directory);
  const auto text = read_file(files, path, kKeyTextBytesMax);
  if (!text) return fail(text.error());
  std::string_view line = as_text(*text);
  if (line.ends_with('\n')) line.remove_suffix(1);
  auto key = note::SigningKey::parse(line);
  if (!key) return fail(ErrorCode::kCorrupt, path.string() + ": " + key.error().message());
  return key;
}

/// The directory's key; a new one where there is none and no log has anything in it yet.
Result<note::SigningKey> open_key(FileSystem& files, const std::filesystem::path& directory, RandomSource& random) {
  auto key = read_key(files, directory);
  if (key || key.error().code() != ErrorCode::kNotFound) return key;
  const auto log = read_file(files, head_log_path(directory), kHeadLogMagic.size());
  if (!log && log.error().code() == ErrorCode::kTooLarge) {
    return fail(ErrorCode::kCorrupt, signing_key_path(directory).string() +
                                         " is missing, so that its log of heads cannot be continued: put the key back, "
                                         "or move heads.log and log.pub away to begin a new log");
  }
  if (!log && log.error().code() != ErrorCode::kNotFound) return fail(log.error());
  return make_key(files, directory, random);
}

}  // namespace

Result<std::unique_ptr<CheckpointWriter>> CheckpointWriter::open(FileSystem& files,
                                                                 const std::filesystem::path& directory) {
  return open(files, directory, Options());
}

Result<std::unique_ptr<CheckpointWriter>> CheckpointWriter::open(FileSystem& files,
                                                                 const std::filesystem::path& directory,
                                                                 Options options) {
  SecureRandom system_random;
  auto key = open_key(files, directory, options.random == nullptr ? system_random : *options.random);
  if (!key) return fail(std::move(key.error()));
  auto file = files.open(head_log_path(directory), OpenMode::kWrite);
  if (!file) {
    if (file.error().code() != ErrorCode::kNotFound) return fail(std::move(file.error()));
    return fail(ErrorCode::kCorrupt, head_log_path(directory).string() +
                                         " is missing, though its key is there: put it back, or move log.key and "
                                         "log.pub away to begin a new log");
  }
  std::unique_ptr<CheckpointWriter> writer(new CheckpointWriter(std::move(*key), std::move(*file), options));
  if (auto read = writer->read(); !read) {
    return fail(std::move(read.error()).with_context("opening " + head_log_path(directory).string()));
  }
  return writer;
}

CheckpointWriter::CheckpointWriter(note::SigningKey key, std::unique_ptr<File> file, Options options)
    : key_(std::move(key)), file_(std::move(file)), options_(options) {}

Result<void> CheckpointWriter::read() {
  HeadLogVerifier verifier(key_.verifier(), std::nullopt, HeadLogVerifier::Keep::kLastHeads);
  const auto end = read_head_log(*file_, [&](HeadLogRecord type, ByteView content) {
    if (type == HeadLogRecord::kHeads) return verifier.heads(content);
    return type == HeadLogRecord::kMark || verifier.checkpoint(as_text(content));
  });
  if (!end) return fail(end.error());
  HeadLogReport report = verifier.finish();
  if (!report.ok()) return fail(ErrorCode::kCorrupt, *report.fault);
  tree_ = report.tree;
  latest_ = std::move(report.last_note);
  known_ = std::move(report.heads);
  end_ = end->end;
  const auto size = file_->size();
  if (!size) return fail(size.error());
  if (*size == end_) return {};
  if (auto cut = file_->truncate(end_); !cut) return cut;
  return file_->sync();
}

Result<void> CheckpointWriter::found(const ActorId& actor, std::uint64_t next_sequence, const Digest& head) {
  const auto known = known_.find(actor);
  KnownHead before;
  if (known != known_.end()) {
    before = known->second.back();
    known_.erase(known);
  }
  if (next_sequence < before.next_sequence || (next_sequence == before.next_sequence && head != before.head)) {
    floors_[actor] = before.next_sequence;
    return fail(ErrorCode::kCorrupt,
                "the chain of " + to_string(actor) + " ends before event " + std::to_string(next_sequence) +
                    " with link " + to_hex(ByteView(head).first(8)) + "…; a signed checkpoint knows it up to event " +
                    std::to_string(before.next_sequence) + " with link " + to_hex(ByteView(before.head).first(8)) +
                    "…");
  }
  if (next_sequence > before.next_sequence) {
    head_is_safe(actor, next_sequence, head, next_sequence - before.next_sequence);
  }
  return {};
}

std::vector<ActorId> CheckpointWriter::all_found() {
  std::vector<ActorId> missing;
  for (const auto& [actor, heads] : known_) {
    missing.push_back(actor);
    floors_[actor] = heads.back().next_sequence;
  }
  known_.clear();
  return missing;
}

void CheckpointWriter::head_is_safe(const ActorId& actor, std::uint64_t next_sequence, const Digest& head,
                                    std::uint64_t events) {
  if (!floors_.empty()) {
    const auto floor = floors_.find(actor);
    if (floor != floors_.end() && next_sequence <= floor->second) return;
  }
  moved_.insert_or_assign(actor, KnownHead{.next_sequence = next_sequence, .head = head});
  new_events_ += events;
}

std::optional<std::uint64_t> CheckpointWriter::due_ms() const {
  if (moved_.empty() || error_) return std::nullopt;
  return last_write_ms_ + (new_events_ >= options_.events ? options_.spacing_ms : options_.interval_ms);
}

Result<void> CheckpointWriter::write(std::uint64_t now_ms) {
  if (error_) return fail(*error_);
  last_write_ms_ = now_ms;
  if (moved_.empty()) return {};
  // In the order of ids, so that equal runs make equal logs.
  const std::map<ActorId, KnownHead> moved(moved_.begin(), moved_.end());
  merkle::GrowingTree tree = tree_;
  Bytes records;
  Bytes entries;
  for (const auto& [actor, head] : moved) {
    const auto entry = HeadEntry{.actor = actor, .next_sequence = head.next_sequence, .head = head.head}.encode();
    theater::append(entries, entry);
    tree.append(merkle::leaf_hash(entry));
    if (entries.size() == kHeadsPerRecordMax * HeadEntry::kBytes) {
      put_record(records, HeadLogRecord::kHeads, entries);
      entries.clear();
    }
  }
  if (!entries.empty()) put_record(records, HeadLogRecord::kHeads, entries);
  std::string note = key_.sign(Checkpoint{key_.verifier().name(), tree.size(), tree.root()}.to_text());
  put_record(records, HeadLogRecord::kCheckpoint, as_bytes(note));
  if (auto appended = append(records); !appended) return appended;
  tree_ = std::move(tree);
  latest_ = std::move(note);
  moved_.clear();
  new_events_ = 0;
  return {};
}

Result<void> CheckpointWriter::close(std::uint64_t now_ms) {
  if (auto written = write(now_ms); !written) return written;
  Bytes mark;
  put_record(mark, HeadLogRecord::kMark, {});
  return append(mark);
}

Result<void> CheckpointWriter::append(ByteView records) {
  auto done = file_->write(end_, records);
  if (done) done = file_->sync();
  if (!done) {
    error_ = done.error();
    return done;
  }
  end_ += records.size();
  return {};
}

}  // namespace theater::store
