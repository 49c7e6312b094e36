#include "engine/code_cache.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <vector>

namespace theater::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kCodeSuffix = ".code";
constexpr std::string_view kDigestSuffix = ".sha256";
constexpr std::string_view kStageSuffix = ".stage";

std::string what_failed(std::string_view doing, const fs::path& path) {
  return std::string(doing) + " " + path.native() + ": " + std::strerror(errno);
}

class File final {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  explicit operator bool() const { return descriptor_ >= 0; }
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

/// Why nobody should believe this file or folder, or nothing.
std::string distrust(const struct stat& status, const fs::path& path) {
  if (status.st_uid != ::geteuid()) return path.native() + " belongs to another user";
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) return path.native() + " is writable by others";
  return {};
}

/// The digest of a trusted regular file's content; also marks it as used.
Result<Digest> digest_of(const fs::path& path) {
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file) return fail(errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo, what_failed("opening", path));
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return fail(ErrorCode::kIo, what_failed("reading", path));
  if (!S_ISREG(status.st_mode)) return fail(ErrorCode::kCorrupt, path.native() + " is not a regular file");
  if (std::string reason = distrust(status, path); !reason.empty()) return fail(ErrorCode::kNotPermitted, reason);
  if (status.st_size == 0) return fail(ErrorCode::kCorrupt, path.native() + " is empty");
  const auto size = static_cast<std::size_t>(status.st_size);
  void* memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (memory == MAP_FAILED) return fail(ErrorCode::kIo, what_failed("mapping", path));
  const Digest digest = sha256({static_cast<const std::uint8_t*>(memory), size});
  ::munmap(memory, size);
  ::futimens(file.get(), nullptr);
  return digest;
}

Result<std::string> read_small(const fs::path& path) {
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file) return fail(errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo, what_failed("opening", path));
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return fail(ErrorCode::kIo, what_failed("reading", path));
  if (std::string reason = distrust(status, path); !reason.empty()) return fail(ErrorCode::kNotPermitted, reason);
  char text[128];
  const ssize_t size = ::read(file.get(), text, sizeof text);
  if (size < 0) return fail(ErrorCode::kIo, what_failed("reading", path));
  return std::string(text, static_cast<std::size_t>(size));
}

/// Whole or not at all, under a name of its own until then.
Result<void> write_atomically(const fs::path& path, ByteView content) {
  std::string stage = path.native() + ".XXXXXX" + std::string(kStageSuffix);
  const File file(::mkostemps(stage.data(), static_cast<int>(kStageSuffix.size()), O_CLOEXEC));  // mode 0600
  if (!file) return fail(ErrorCode::kIo, what_failed("creating", stage));
  while (!content.empty()) {
    const ssize_t written = ::write(file.get(), content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      auto failure = fail(ErrorCode::kIo, what_failed("writing", stage));
      ::unlink(stage.c_str());
      return failure;
    }
    content = content.subspan(static_cast<std::size_t>(written));
  }
  if (::rename(stage.c_str(), path.c_str()) == 0) return {};
  auto failure = fail(ErrorCode::kIo, what_failed("renaming to", path));
  ::unlink(stage.c_str());
  return failure;
}

fs::path with_suffix(const fs::path& path, std::string_view suffix) { return path.native() + std::string(suffix); }

/// Checks the code file against the digest noted beside it.
Result<void> check(const fs::path& path) {
  auto noted = read_small(with_suffix(path, kDigestSuffix));
  if (!noted) return std::unexpected(std::move(noted).error());
  auto digest = digest_of(with_suffix(path, kCodeSuffix));
  if (!digest) return std::unexpected(std::move(digest).error());
  if (to_hex(*digest) != *noted)
    return fail(ErrorCode::kCorrupt, path.native() + " does not have the digest noted for it");
  return {};
}

}  // namespace

Result<std::unique_ptr<CodeCache>> CodeCache::open(const fs::path& folder, std::uint64_t max_bytes) {
  std::error_code ignored;
  if (folder.has_parent_path()) fs::create_directories(folder.parent_path(), ignored);
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return fail(ErrorCode::kIo, what_failed("creating", folder));
  struct stat status{};
  if (::lstat(folder.c_str(), &status) != 0) return fail(ErrorCode::kIo, what_failed("reading", folder));
  if (!S_ISDIR(status.st_mode)) return fail(ErrorCode::kIo, folder.native() + " is not a folder");
  if (std::string reason = distrust(status, folder); !reason.empty()) {
    return fail(
        ErrorCode::kNotPermitted,
        reason + ": compiled code is trusted, so its folder must be yours alone (chmod 700, or another folder)");
  }
  return std::unique_ptr<CodeCache>(new CodeCache(folder, max_bytes));
}

Result<CodeCache::Found> CodeCache::get(const Engine& engine, ByteView wasm) const {
  const Digest digest = sha256(wasm);
  const Digest settings = sha256(as_bytes(engine.compatibility()));
  const fs::path path = folder_ / (to_hex(digest) + "-" + to_hex(ByteView(settings).first(8)));
  Found found;
  if (auto checked = check(path); checked) {
    if (auto loaded = Component::load(engine, with_suffix(path, kCodeSuffix), digest); loaded) {
      found.component = *std::move(loaded);
      found.from_cache = true;
      return found;
    } else {
      found.warning = "compiling again: " + loaded.error().to_string();
    }
  } else if (checked.error().code() != ErrorCode::kNotFound) {
    found.warning = "compiling again: " + checked.error().to_string();
  }
  auto compiled = Component::compile(engine, wasm);
  if (!compiled) return std::unexpected(std::move(compiled).error());
  found.component = *std::move(compiled);
  auto code = found.component->serialize();
  if (!code) return std::unexpected(std::move(code).error());
  if (auto stored = store(path, *code); !stored) found.warning = "not cached: " + stored.error().to_string();
  return found;
}

Result<void> CodeCache::store(const fs::path& path, ByteView code) const {
  if (auto written = write_atomically(with_suffix(path, kCodeSuffix), code); !written) return written;
  const std::string digest = to_hex(sha256(code));
  if (auto written = write_atomically(with_suffix(path, kDigestSuffix), as_bytes(digest)); !written) return written;
  remove_oldest(with_suffix(path, kCodeSuffix));
  return {};
}

void CodeCache::remove_oldest(const fs::path& keep) const {
  struct Entry {
    fs::path path;
    std::uint64_t size;
    fs::file_time_type used;
  };
  std::vector<Entry> entries;
  std::uint64_t total = 0;
  std::error_code problem;
  for (const fs::directory_entry& file : fs::directory_iterator(folder_, problem)) {
    if (!file.path().native().ends_with(kCodeSuffix)) continue;
    Entry entry{.path = file.path(), .size = file.file_size(problem), .used = file.last_write_time(problem)};
    if (problem) continue;  // another process was quicker
    total += entry.size;
    if (entry.path != keep) entries.push_back(std::move(entry));
  }
  std::ranges::sort(entries, {}, &Entry::used);
  for (const Entry& entry : entries) {
    if (total <= max_bytes_) return;
    total -= entry.size;
    fs::remove(entry.path, problem);
    const std::string& name = entry.path.native();
    fs::remove(name.substr(0, name.size() - kCodeSuffix.size()) + std::string(kDigestSuffix), problem);
  }
}

}  // namespace theater::engine
