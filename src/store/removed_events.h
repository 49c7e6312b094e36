#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "base/sha256.h"
#include "store/file_system.h"
#include "theater/event.h"
#include "theater/id.h"

/// What is left of events that retention removed (docs/data-directory.md, "What retention leaves").
namespace theater::store {

inline constexpr std::string_view kRemovedMagic = "theater remov 1\n";

/// The beginning of a chain that is no longer kept.
struct RemovedEvents {
  /// The sequence after the last removed event: of the first that is kept, if any is.
  std::uint64_t next_sequence = 0;
  /// Hash of the last removed link, which the first kept link names as the one before it.
  Digest head{};
  std::uint64_t links = 0;
  /// Of segments, with the large values.
  std::uint64_t bytes = 0;
  /// When it was removed last.
  std::uint64_t removed_ns = 0;
  /// Why it ended, when nothing of it is kept.
  std::optional<StopReason> stopped;
  /// The last removed link with a started event and, when that is another, with a state: what is kept needs them.
  std::vector<Bytes> remnants;

  bool operator==(const RemovedEvents&) const = default;
};
using RemovedChains = std::map<ActorId, RemovedEvents>;

std::filesystem::path removed_path(const std::filesystem::path& directory);

Bytes encode(const RemovedChains& chains);
/// kCorrupt when the bytes are not what encode() makes.
Result<RemovedChains> decode_removed(ByteView bytes);

/// Empty when nothing was ever removed. kCorrupt when the file is damaged.
Result<RemovedChains> read_removed(FileSystem& files, const std::filesystem::path& directory);
/// On return it is safe.
Result<void> write_removed(FileSystem& files, const std::filesystem::path& directory, const RemovedChains& chains);

}  // namespace theater::store
