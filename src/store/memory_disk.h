#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "store/file_system.h"

namespace theater::store {

/// A disk for tests: what was written and not synced is kept apart, and may be lost in part when the power goes. Can be
/// told to fail an operation. Deterministic by its seed. Any thread.
class MemoryDisk final : public FileSystem {
 public:
  enum class Operation : std::uint8_t {
    kWrite,
    kSync,
    kOpen,
    kMakeDirectory,
    kRename,
    kRemove,
    kTruncate,
    kSyncDirectory
  };
  static constexpr int kOperations = 8;
  enum class Failure : std::uint8_t {
    kError,       ///< EIO: nothing is done
    kNoSpace,     ///< ENOSPC: nothing is done
    kShortWrite,  ///< ENOSPC after a part was written
  };

  /// The nth operation of this kind from now on fails, counted from 0; and all later ones, when `for_good`.
  void fail_at(Operation operation, std::uint64_t nth, Failure failure, bool for_good = false);
  /// Operations of this kind so far.
  std::uint64_t count(Operation operation) const;
  void stop_failing();
  /// Bytes that were read from files so far.
  std::uint64_t bytes_read() const;
  /// Called before each sync, of a file or a folder: what is not safe then may be lost in any way.
  void before_sync(std::function<void()> looked) { before_sync_ = std::move(looked); }

  /// The disk as it is after the power went: of what was not synced any part is there, in pieces of 512 bytes, in any
  /// order. Names of files that were not synced are there or not. Files that are open no longer work.
  void lose_power(std::uint64_t seed);
  /// A copy of everything as it is now, as after kill -9.
  std::unique_ptr<MemoryDisk> copy() const;

  // What tests do to files behind the store's back.
  Bytes content(const std::filesystem::path& path) const;
  void set_content(const std::filesystem::path& path, Bytes content);
  std::vector<std::filesystem::path> paths() const;

  Result<std::unique_ptr<File>> open(const std::filesystem::path& path, OpenMode mode) override;
  Result<void> make_directory(const std::filesystem::path& path) override;
  Result<std::vector<std::string>> list(const std::filesystem::path& directory) override;
  Result<bool> exists(const std::filesystem::path& path) override;
  Result<void> rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
  Result<void> remove(const std::filesystem::path& path) override;
  Result<void> sync_directory(const std::filesystem::path& directory) override;
  Result<std::unique_ptr<FileLock>> lock(const std::filesystem::path& path) override;

 private:
  class OpenFile;
  class Lock;
  struct Node {
    Bytes content;
    Bytes safe;
    /// Stretches written since the last sync.
    struct Write {
      std::uint64_t offset;
      Bytes bytes;
    };
    std::vector<Write> unsynced;
    bool is_lost = false;
  };

  Result<void> count_operation(Operation operation, const std::filesystem::path& path, bool* is_short = nullptr);

  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Node>> files_;
  std::map<std::string, std::shared_ptr<Node>> safe_files_;
  std::map<std::string, bool> directories_;
  std::map<std::string, bool> locked_;
  struct Fault {
    std::uint64_t at;
    Failure failure;
    bool for_good;
  };
  std::optional<Fault> faults_[kOperations];
  std::uint64_t counts_[kOperations] = {};
  std::uint64_t bytes_read_ = 0;
  std::function<void()> before_sync_;
};

}  // namespace theater::store
