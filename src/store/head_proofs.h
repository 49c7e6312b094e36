#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "chain/checkpoint.h"
#include "store/file_system.h"

namespace theater::store {

/// A data directory's signed log, read to make proofs from it. Holds 32 bytes for each entry. Never changes.
class SignedLog {
 public:
  /// Reads the log up to its last checkpoint, and waits until the disk has what was read: what is given out must not be
  /// contradicted after the power went. kNotFound when there is none, or no checkpoint in it yet; kCorrupt when it is
  /// damaged, or its last checkpoint is not signed by the directory's key.
  static Result<SignedLog> read(FileSystem& files, const std::filesystem::path& directory);

  const note::VerifierKey& key() const { return key_; }
  const Checkpoint& last() const { return last_; }
  const std::string& last_note() const { return last_note_; }

  /// That the actor's chain is in the log: its last entry, under the last checkpoint. kNotFound when it has none yet.
  Result<HeadProof> prove_head(const ActorId& actor) const;
  /// Its last entry under an older checkpoint, which was kept elsewhere. kCorrupt when that is not of this log.
  Result<HeadProof> prove_head(const ActorId& actor, const std::string& older_note) const;
  /// That the log only grew since an older checkpoint.
  Result<GrowthProof> prove_growth(const std::string& older_note) const;

 private:
  explicit SignedLog(note::VerifierKey key) : key_(std::move(key)) {}
  Result<Checkpoint> open_older(const std::string& older_note) const;
  Result<HeadProof> prove(const ActorId& actor, std::uint64_t size, const std::string& note) const;

  note::VerifierKey key_;
  std::vector<HeadEntry> entries_;
  std::vector<Digest> leaves_;
  Checkpoint last_;
  std::string last_note_;
};

}  // namespace theater::store
