#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <system_error>
#include <utility>

#include "store/file_system.h"

namespace theater::store {
namespace {

using std::filesystem::path;

/// What to do, where there is something to do.
std::string_view advice(int error_number) {
  switch (error_number) {
    case ENOSPC:
    case EDQUOT: return "; make room, then start again";
    case EROFS: return "; the file system can only be read";
    case EACCES:
    case EPERM: return "; does another user own it?";
    default: return "";
  }
}

std::unexpected<Error> system_error(std::string_view what, const path& file, int error_number) {
  const ErrorCode code = error_number == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo;
  return fail(code, "cannot " + std::string(what) + " " + file.string() + ": " +
                        std::system_category().message(error_number) + std::string(advice(error_number)));
}

/// The result of a call that answers -1 with errno; tried again when a signal interrupted it.
template <class Call>
auto uninterrupted(Call call) {
  decltype(call()) result;
  do result = call();
  while (result < 0 && errno == EINTR);
  return result;
}

class PosixFile final : public File {
 public:
  PosixFile(int descriptor, path name) : descriptor_(descriptor), name_(std::move(name)) {}
  ~PosixFile() override { ::close(descriptor_); }
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;

  Result<void> write(std::uint64_t offset, ByteView bytes) override {
    while (!bytes.empty()) {
      const ssize_t count =
          uninterrupted([&] { return ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
      if (count < 0) return system_error("write", name_, errno);
      bytes = bytes.subspan(static_cast<std::size_t>(count));
      offset += static_cast<std::uint64_t>(count);
    }
    return {};
  }

  Result<std::size_t> read(std::uint64_t offset, std::span<std::uint8_t> out) const override {
    std::size_t done = 0;
    while (done < out.size()) {
      const ssize_t count = uninterrupted([&] {
        return ::pread(descriptor_, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
      });
      if (count < 0) return system_error("read", name_, errno);
      if (count == 0) break;
      done += static_cast<std::size_t>(count);
    }
    return done;
  }

  Result<std::uint64_t> size() const override {
    struct stat status{};
    if (fstat(descriptor_, &status) != 0) return system_error("look at", name_, errno);
    if (!S_ISREG(status.st_mode)) return fail(ErrorCode::kIo, name_.string() + " is not a file");
    return static_cast<std::uint64_t>(status.st_size);
  }

  Result<void> truncate(std::uint64_t size) override {
    if (uninterrupted([&] { return ftruncate(descriptor_, static_cast<off_t>(size)); }) != 0) {
      return system_error("cut", name_, errno);
    }
    return {};
  }

  Result<void> sync() override {
    // Not tried again, not even when interrupted: a second success would not say that the first one's data is safe.
    if (fdatasync(descriptor_) != 0) return system_error("sync", name_, errno);
    return {};
  }

  Result<void> punch_hole(std::uint64_t offset, std::uint64_t bytes) override {
    const int result = uninterrupted([&] {
      return fallocate(descriptor_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                       static_cast<off_t>(bytes));
    });
    if (result == 0) return {};
    if (errno != EOPNOTSUPP) return system_error("free a part of", name_, errno);
    const Bytes zeros(std::min<std::uint64_t>(bytes, 1u << 20));
    while (bytes > 0) {
      const std::uint64_t part = std::min<std::uint64_t>(bytes, zeros.size());
      if (auto written = write(offset, ByteView(zeros).first(part)); !written) return written;
      offset += part;
      bytes -= part;
    }
    return {};
  }

 private:
  const int descriptor_;
  const path name_;
};

class PosixLock final : public FileLock {
 public:
  explicit PosixLock(int descriptor) : descriptor_(descriptor) {}
  ~PosixLock() override { ::close(descriptor_); }
  PosixLock(const PosixLock&) = delete;
  PosixLock& operator=(const PosixLock&) = delete;

 private:
  const int descriptor_;
};

class PosixFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open(const path& file, OpenMode mode) override {
    int flags = O_CLOEXEC | O_NOFOLLOW;
    switch (mode) {
      case OpenMode::kRead: flags |= O_RDONLY; break;
      case OpenMode::kWrite: flags |= O_RDWR; break;
      case OpenMode::kCreate: flags |= O_RDWR | O_CREAT | O_EXCL; break;
    }
    const int descriptor = uninterrupted([&] { return ::open(file.c_str(), flags, 0600); });
    if (descriptor < 0 && errno == EEXIST) return fail(ErrorCode::kAlreadyExists, file.string() + " exists already");
    if (descriptor < 0) return system_error(mode == OpenMode::kCreate ? "make" : "open", file, errno);
    return std::make_unique<PosixFile>(descriptor, file);
  }

  Result<void> make_directory(const path& directory) override {
    if (::mkdir(directory.c_str(), 0700) == 0) return {};
    if (errno == EEXIST) return is_directory(directory);
    const path parent = directory.parent_path();
    if (errno != ENOENT || parent.empty() || parent == directory) {
      return system_error("make the folder", directory, errno);
    }
    if (auto made = make_directory(parent); !made) return made;
    if (::mkdir(directory.c_str(), 0700) == 0) return {};
    return errno == EEXIST ? is_directory(directory) : system_error("make the folder", directory, errno);
  }

  Result<std::vector<std::string>> list(const path& directory) override {
    DIR* stream = ::opendir(directory.c_str());
    if (stream == nullptr) return system_error("list", directory, errno);
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(stream)) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
      errno = 0;
    }
    const int error_number = errno;
    ::closedir(stream);
    if (error_number != 0) return system_error("list", directory, error_number);
    std::ranges::sort(names);
    return names;
  }

  Result<bool> exists(const path& file) override {
    struct stat status{};
    if (::lstat(file.c_str(), &status) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return system_error("look at", file, errno);
  }

  Result<void> rename(const path& from, const path& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return system_error("rename", from, errno);
    return {};
  }

  Result<void> remove(const path& file) override {
    if (::unlink(file.c_str()) != 0) return system_error("remove", file, errno);
    return {};
  }

  Result<void> sync_directory(const path& directory) override {
    const int descriptor = uninterrupted([&] { return ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
    if (descriptor < 0) return system_error("open", directory, errno);
    const int result = fsync(descriptor);
    const int error_number = errno;
    ::close(descriptor);
    if (result != 0) return system_error("sync", directory, error_number);
    return {};
  }

  Result<std::unique_ptr<FileLock>> lock(const path& file) override {
    const int descriptor =
        uninterrupted([&] { return ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600); });
    if (descriptor < 0) return system_error("open", file, errno);
    auto lock = std::make_unique<PosixLock>(descriptor);
    if (uninterrupted([&] { return ::flock(descriptor, LOCK_EX | LOCK_NB); }) != 0) {
      if (errno == EWOULDBLOCK) return held_by_another(descriptor, file);
      return system_error("lock", file, errno);
    }
    const std::string owner = std::to_string(::getpid()) + "\n";
    if (::ftruncate(descriptor, 0) != 0 || ::pwrite(descriptor, owner.data(), owner.size(), 0) < 0) {
      return system_error("write", file, errno);
    }
    return lock;
  }

 private:
  /// Follows links: an operator may have put one there.
  static Result<void> is_directory(const path& directory) {
    struct stat status{};
    if (::stat(directory.c_str(), &status) != 0) return system_error("look at", directory, errno);
    if (!S_ISDIR(status.st_mode)) return fail(ErrorCode::kIo, directory.string() + " is not a folder");
    return {};
  }

  static std::unexpected<Error> held_by_another(int descriptor, const path& file) {
    char text[16] = {};
    const ssize_t count = ::pread(descriptor, text, sizeof(text), 0);
    int pid = 0;
    if (count > 0) std::from_chars(text, text + count, pid);
    return fail(ErrorCode::kUnavailable,
                file.parent_path().string() + " is in use by " +
                    (pid > 0 ? "process " + std::to_string(pid) : std::string("another process")) +
                    "; only one may write to it at a time: end that one, or name another folder");
  }
};

}  // namespace

FileSystem& posix_file_system() {
  static PosixFileSystem files;
  return files;
}

}  // namespace theater::store
