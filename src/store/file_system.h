#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "theater/bytes.h"
#include "theater/error.h"

namespace theater::store {

/// An open file. One thread at a time, but for read(), which any thread may call. Every error is kIo and names the file
/// and what the operating system said.
class File {
 public:
  virtual ~File() = default;
  /// Writes all of the bytes from `offset` on. After an error any part of them may have been written.
  virtual Result<void> write(std::uint64_t offset, ByteView bytes) = 0;
  /// Reads up to out.size() bytes; fewer only where the file ends.
  virtual Result<std::size_t> read(std::uint64_t offset, std::span<std::uint8_t> out) const = 0;
  virtual Result<std::uint64_t> size() const = 0;
  virtual Result<void> truncate(std::uint64_t size) = 0;
  /// Waits until the disk has all that was written, and the file's size. After an error nothing is known of what was
  /// written since the last success, and asking again proves nothing.
  virtual Result<void> sync() = 0;
  /// Gives a stretch back to the disk; it reads as zeros from then on. (Where that is not possible zeros are written.)
  virtual Result<void> punch_hole(std::uint64_t offset, std::uint64_t bytes) = 0;
};

/// Held until it is destroyed, or the process ends in whatever way.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

enum class OpenMode : std::uint8_t {
  kRead,
  kWrite,   ///< reads and writes a file that is there
  kCreate,  ///< makes a file, readable by this user only, that must not be there yet (kAlreadyExists)
};

/// The files of a data directory. Everything that the store writes goes through one of these, so that a test can pass a
/// disk that fails, or loses what was not synced. Any thread. Errors are kIo, or kNotFound for what is not there.
class FileSystem {
 public:
  virtual ~FileSystem() = default;
  virtual Result<std::unique_ptr<File>> open(const std::filesystem::path& path, OpenMode mode) = 0;
  /// Makes a folder for this user only, and those above it; one that is there is no error.
  virtual Result<void> make_directory(const std::filesystem::path& path) = 0;
  /// The names in a folder, sorted.
  virtual Result<std::vector<std::string>> list(const std::filesystem::path& directory) = 0;
  virtual Result<bool> exists(const std::filesystem::path& path) = 0;
  /// Takes the place of a file that is there. Sure after sync_directory().
  virtual Result<void> rename(const std::filesystem::path& from, const std::filesystem::path& to) = 0;
  virtual Result<void> remove(const std::filesystem::path& path) = 0;
  /// Waits until the disk has the folder's names: of new, renamed and removed files.
  virtual Result<void> sync_directory(const std::filesystem::path& directory) = 0;
  /// For this process alone. kUnavailable when another holds it; the message names that process.
  virtual Result<std::unique_ptr<FileLock>> lock(const std::filesystem::path& path) = 0;
};

/// The machine's own files.
FileSystem& posix_file_system();

/// All of a file, at most `max_bytes` (kTooLarge).
Result<Bytes> read_file(FileSystem& files, const std::filesystem::path& path, std::uint64_t max_bytes);
/// Puts a file in place as a whole: after a crash it is there with all of its content, or as it was before. On return
/// it is safe.
Result<void> write_file(FileSystem& files, const std::filesystem::path& path, ByteView content);

}  // namespace theater::store
