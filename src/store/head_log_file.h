#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>

#include "chain/head_log.h"
#include "store/file_system.h"

namespace theater::store {

/// A file with a key's text is never longer.
inline constexpr std::uint64_t kKeyTextBytesMax = 4096;

// Where a data directory keeps its log of heads and its key (docs/data-directory.md).
std::filesystem::path head_log_path(const std::filesystem::path& directory);
/// Secret.
std::filesystem::path signing_key_path(const std::filesystem::path& directory);
std::filesystem::path verifier_key_path(const std::filesystem::path& directory);

/// The directory's public key. kNotFound when it keeps no log of heads.
Result<note::VerifierKey> read_verifier_key(FileSystem& files, const std::filesystem::path& directory);

struct HeadLogEnd {
  /// Where the next record goes: after the last checkpoint or mark.
  std::uint64_t end = 0;
  /// Bytes of a torn tail: what was written last, and never said to be safe.
  std::uint64_t torn_bytes = 0;
};

/// Hands each good record to `visit`, until that returns false. kCorrupt where the file is damaged rather than torn: a
/// good checkpoint or mark stands behind a record that is not good.
Result<HeadLogEnd> read_head_log(const File& file,
                                 const std::function<bool(HeadLogRecord type, ByteView content)>& visit);

/// What was found out about a directory's log of heads.
struct HeadLogVerdict {
  HeadLogReport log;
  HeadLogEnd end;
};
/// Verifies the directory's log with its own key. kNotFound when it keeps none; damage is the report's fault.
Result<HeadLogVerdict> verify_head_log(FileSystem& files, const std::filesystem::path& directory,
                                       const std::optional<Checkpoint>& older = std::nullopt);

}  // namespace theater::store
