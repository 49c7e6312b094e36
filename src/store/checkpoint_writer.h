#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/limits.h"
#include "base/random.h"
#include "chain/head_log.h"
#include "store/file_system.h"

namespace theater::store {

/// Keeps a data directory's log of heads (chain/head_log.h) and signs it. It promises that what it signed is safe on
/// the disk before anyone can see it, so that it never signs two logs of which neither begins with the other.
///
/// open → found() for each chain that is there → then, as the directory is written: head_is_safe() whenever links have
/// reached the disk, and write() when it is due, and before the directory is closed. One thread at a time.
class CheckpointWriter {
 public:
  struct Options {
    std::uint64_t interval_ms = limits::kCheckpointIntervalMs;
    std::uint64_t events = limits::kCheckpointEvents;
    std::uint64_t spacing_ms = limits::kCheckpointSpacingMs;
    /// Where a new directory's key comes from; none: the system.
    RandomSource* random = nullptr;
  };

  /// Makes the key and an empty log where there are none; cuts a torn tail. kCorrupt when the log is damaged or does
  /// not fit its key: then no checkpoint can be signed that is consistent with those before, and none is. The directory
  /// must be this process's alone.
  static Result<std::unique_ptr<CheckpointWriter>> open(FileSystem& files, const std::filesystem::path& directory,
                                                        Options options);
  static Result<std::unique_ptr<CheckpointWriter>> open(FileSystem& files, const std::filesystem::path& directory);

  /// Tells of a chain that was in the directory when it was opened. What the log does not know yet goes into the next
  /// checkpoint. kCorrupt when the log knows of more events than the chain has, or of another link at its end: the
  /// chain was cut or written anew behind the log's back.
  Result<void> found(const ActorId& actor, std::uint64_t next_sequence, const Digest& head);
  /// To be called after the last found(): the actors that the log knows and that were not found.
  std::vector<ActorId> all_found();

  /// The actor's chain is safe on the disk up to this link, the last of `events` new events.
  void head_is_safe(const ActorId& actor, std::uint64_t next_sequence, const Digest& head, std::uint64_t events);
  /// Time, on the clock that write() is given, from which a checkpoint should be signed; none when nothing is new.
  std::optional<std::uint64_t> due_ms() const;
  /// Signs what is new, if anything is, and waits until the disk has it. `now_ms`: a monotonic clock. After the first
  /// error nothing more is signed, and each call returns that error.
  Result<void> write(std::uint64_t now_ms);
  /// Signs what is new, and marks the log's end, so that damage to it is not taken for a torn tail. No other call may
  /// follow.
  Result<void> close(std::uint64_t now_ms);

  /// The last checkpoint, as a note; empty before the first. Safe on the disk.
  const std::string& latest() const { return latest_; }
  const note::VerifierKey& key() const { return key_.verifier(); }

 private:
  CheckpointWriter(note::SigningKey key, std::unique_ptr<File> file, Options options);
  Result<void> read();
  Result<void> append(ByteView records);

  const note::SigningKey key_;
  const std::unique_ptr<File> file_;
  const Options options_;
  merkle::GrowingTree tree_;
  std::string latest_;
  std::uint64_t end_ = 0;
  std::uint64_t last_write_ms_ = 0;
  std::uint64_t new_events_ = 0;
  std::unordered_map<ActorId, KnownHead> moved_;
  /// Of chains that were cut: the events that the log knows. Nothing below comes into it.
  std::unordered_map<ActorId, std::uint64_t> floors_;
  /// What the log said of each chain when it was opened, until all_found().
  std::map<ActorId, std::vector<KnownHead>> known_;
  std::optional<Error> error_;
};

}  // namespace theater::store
