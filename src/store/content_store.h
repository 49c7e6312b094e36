#pragma once

#include <cstdint>
#include <filesystem>

#include "base/sha256.h"
#include "store/file_system.h"

namespace theater::store {

/// Content by its SHA-256, a file each: components, manifests, large states. One writer at a time; readers any thread.
class ContentStore {
 public:
  ContentStore(FileSystem& files, std::filesystem::path directory) : files_(files), directory_(std::move(directory)) {}

  /// Keeps the content; on return it is safe. Content that is there already is not written again.
  Result<Digest> put(ByteView content);
  /// kNotFound; kCorrupt when what is there has another digest.
  Result<Bytes> get(const Digest& digest, std::uint64_t max_bytes) const;
  Result<bool> has(const Digest& digest) const;
  /// What is not there is no error.
  Result<void> remove(const Digest& digest);

  std::filesystem::path path_of(const Digest& digest) const;

 private:
  FileSystem& files_;
  const std::filesystem::path directory_;
};

}  // namespace theater::store
