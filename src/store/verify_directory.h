#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "chain/checkpoint.h"
#include "chain/verify.h"
#include "store/data_directory.h"
#include "store/head_log_file.h"

namespace theater::store {

/// What was found out about a data directory.
struct DirectoryVerifyReport {
  struct Chain {
    /// Of its last start.
    std::string name;
    VerifyReport report;
    /// Its beginning, when retention removed that.
    std::optional<RemovedEvents> removed;
  };

  std::map<ActorId, Chain> chains;
  /// Its log of heads; none when it keeps none.
  std::optional<HeadLogVerdict> log;
  /// What is wrong with its files and cannot be laid to one chain.
  std::vector<Damage> damages;
  /// Bytes of torn tails: written last, and never said to be safe.
  std::uint64_t torn_bytes = 0;

  std::uint64_t broken_chains() const;
  bool ok() const;
};

struct DirectoryVerifyOptions {
  FileSystem* files = &posix_file_system();
  /// A checkpoint of the directory's log kept elsewhere: as it came, its signature is verified with the directory's
  /// key.
  std::optional<std::string> older_note;
  /// The name that the directory's log must have.
  std::optional<std::string> log_name;
  /// Heads that chains had once, from proofs kept elsewhere.
  std::vector<HeadEntry> heads;
  /// Told now and then how many events have been read.
  std::function<void(std::uint64_t events)> progress;
};

/// Verifies all chains of a data directory in one reading, each against the heads that the directory's log tells, and
/// the log itself. Trusts nothing but the files; changes nothing; also while another process writes to it. Takes a few
/// hundred bytes of memory an actor, and 40 for each entry of the log. An error only when it is no data directory or
/// cannot be read, or when an older checkpoint or a name was given and it keeps no log.
Result<DirectoryVerifyReport> verify_directory(const std::filesystem::path& path, DirectoryVerifyOptions options = {});

}  // namespace theater::store
