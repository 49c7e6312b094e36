#include "store/memory_disk.h"

#include <algorithm>

namespace theater::store {
namespace {

constexpr std::size_t kSectorBytes = 512;

void write_into(Bytes& content, std::uint64_t offset, ByteView bytes) {
  if (content.size() < offset + bytes.size()) content.resize(offset + bytes.size());
  std::ranges::copy(bytes, content.begin() + static_cast<std::ptrdiff_t>(offset));
}

std::string folder_of(const std::string& path) { return std::filesystem::path(path).parent_path().string(); }

}  // namespace

class MemoryDisk::OpenFile final : public File {
 public:
  OpenFile(MemoryDisk& disk, std::shared_ptr<Node> node, std::filesystem::path path)
      : disk_(disk), node_(std::move(node)), path_(std::move(path)) {}

  Result<void> write(std::uint64_t offset, ByteView bytes) override {
    const std::lock_guard lock(disk_.mutex_);
    bool is_short = false;
    auto counted = disk_.count_operation(Operation::kWrite, path_, &is_short);
    if (!counted && !is_short) return counted;
    const ByteView part = is_short ? bytes.first(bytes.size() / 2) : bytes;
    write_into(node_->content, offset, part);
    node_->unsynced.push_back({offset, to_bytes(part)});
    return counted;
  }

  Result<std::size_t> read(std::uint64_t offset, std::span<std::uint8_t> out) const override {
    const std::lock_guard lock(disk_.mutex_);
    if (node_->is_lost) return fail(ErrorCode::kIo, "the power went");
    if (offset >= node_->content.size()) return 0;
    const std::size_t count = std::min<std::size_t>(out.size(), node_->content.size() - offset);
    std::copy_n(node_->content.begin() + static_cast<std::ptrdiff_t>(offset), count, out.begin());
    disk_.bytes_read_ += count;
    return count;
  }

  Result<std::uint64_t> size() const override {
    const std::lock_guard lock(disk_.mutex_);
    return node_->content.size();
  }

  Result<void> truncate(std::uint64_t size) override {
    const std::lock_guard lock(disk_.mutex_);
    if (auto counted = disk_.count_operation(Operation::kTruncate, path_); !counted) return counted;
    node_->content.resize(size);
    // Kept in order with the writes before it; their loss beyond it shows nothing.
    std::erase_if(node_->unsynced, [&](const Node::Write& write) { return write.offset >= size; });
    return {};
  }

  Result<void> sync() override {
    if (disk_.before_sync_) disk_.before_sync_();
    const std::lock_guard lock(disk_.mutex_);
    if (auto counted = disk_.count_operation(Operation::kSync, path_); !counted) {
      // As Linux does: what could not be written is dropped, and the next sync succeeds.
      node_->unsynced.clear();
      return counted;
    }
    node_->safe = node_->content;
    node_->unsynced.clear();
    return {};
  }

  Result<void> punch_hole(std::uint64_t offset, std::uint64_t bytes) override { return write(offset, Bytes(bytes)); }

 private:
  MemoryDisk& disk_;
  const std::shared_ptr<Node> node_;
  const std::filesystem::path path_;
};

class MemoryDisk::Lock final : public FileLock {
 public:
  Lock(MemoryDisk& disk, std::string path) : disk_(disk), path_(std::move(path)) {}
  ~Lock() override {
    const std::lock_guard lock(disk_.mutex_);
    disk_.locked_.erase(path_);
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  MemoryDisk& disk_;
  const std::string path_;
};

void MemoryDisk::fail_at(Operation operation, std::uint64_t nth, Failure failure, bool for_good) {
  const std::lock_guard lock(mutex_);
  const auto index = static_cast<std::size_t>(operation);
  faults_[index] = Fault{.at = counts_[index] + nth, .failure = failure, .for_good = for_good};
}

std::uint64_t MemoryDisk::count(Operation operation) const {
  const std::lock_guard lock(mutex_);
  return counts_[static_cast<std::size_t>(operation)];
}

std::uint64_t MemoryDisk::bytes_read() const {
  const std::lock_guard lock(mutex_);
  return bytes_read_;
}

void MemoryDisk::stop_failing() {
  const std::lock_guard lock(mutex_);
  for (auto& fault : faults_) fault.reset();
}

Result<void> MemoryDisk::count_operation(Operation operation, const std::filesystem::path& path, bool* is_short) {
  const auto index = static_cast<std::size_t>(operation);
  const std::uint64_t number = counts_[index]++;
  const std::optional<Fault>& fault = faults_[index];
  if (!fault || number < fault->at || (number > fault->at && !fault->for_good)) return {};
  if (is_short != nullptr) *is_short = fault->failure == Failure::kShortWrite;
  return fail(ErrorCode::kIo, path.string() + (fault->failure == Failure::kError ? ": input/output error"
                                                                                 : ": no space left on the disk"));
}

void MemoryDisk::lose_power(std::uint64_t seed) {
  const std::lock_guard lock(mutex_);
  std::mt19937_64 random(seed);
  // Names first: a name that was not synced may or may not be there.
  std::map<std::string, std::shared_ptr<Node>> names = safe_files_;
  for (const auto& [path, node] : files_) {
    const auto safe = safe_files_.find(path);
    if ((safe == safe_files_.end() || safe->second != node) && random() % 2 == 0) names[path] = node;
  }
  for (const auto& [path, node] : safe_files_) {
    if (!files_.contains(path) && random() % 2 == 0) names.erase(path);
  }
  std::map<std::string, std::shared_ptr<Node>> after;
  for (const auto& [path, node] : names) {
    auto survivor = std::make_shared<Node>();
    survivor->content = node->safe;
    const bool keep_all = random() % 8 == 0;
    const bool drop_all = random() % 4 == 0;
    for (const Node::Write& write : node->unsynced) {
      for (std::size_t at = 0; at < write.bytes.size();) {
        // Sectors lie at multiples of their size in the file.
        const std::size_t sector_end = ((write.offset + at) / kSectorBytes + 1) * kSectorBytes;
        const std::size_t count =
            std::min(write.bytes.size() - at, static_cast<std::size_t>(sector_end - write.offset - at));
        if (keep_all || (!drop_all && random() % 2 == 0)) {
          write_into(survivor->content, write.offset + at, ByteView(write.bytes).subspan(at, count));
        }
        at += count;
      }
    }
    survivor->safe = survivor->content;
    after[path] = std::move(survivor);
  }
  for (const auto& [path, node] : files_) node->is_lost = true;
  files_ = after;
  safe_files_ = after;
  locked_.clear();
}

std::unique_ptr<MemoryDisk> MemoryDisk::copy() const {
  const std::lock_guard lock(mutex_);
  auto copy = std::make_unique<MemoryDisk>();
  std::map<const Node*, std::shared_ptr<Node>> copies;
  const auto copied = [&](const std::shared_ptr<Node>& node) {
    auto& made = copies[node.get()];
    if (!made) made = std::make_shared<Node>(*node);
    return made;
  };
  for (const auto& [path, node] : files_) copy->files_[path] = copied(node);
  for (const auto& [path, node] : safe_files_) copy->safe_files_[path] = copied(node);
  copy->directories_ = directories_;
  return copy;
}

Bytes MemoryDisk::content(const std::filesystem::path& path) const {
  const std::lock_guard lock(mutex_);
  return files_.at(path.string())->content;
}

void MemoryDisk::set_content(const std::filesystem::path& path, Bytes content) {
  const std::lock_guard lock(mutex_);
  auto node = std::make_shared<Node>();
  node->content = std::move(content);
  node->safe = node->content;
  files_[path.string()] = node;
  safe_files_[path.string()] = node;
}

std::vector<std::filesystem::path> MemoryDisk::paths() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::filesystem::path> paths;
  for (const auto& [path, node] : files_) paths.emplace_back(path);
  return paths;
}

Result<std::unique_ptr<File>> MemoryDisk::open(const std::filesystem::path& path, OpenMode mode) {
  const std::lock_guard lock(mutex_);
  if (auto counted = count_operation(Operation::kOpen, path); !counted) return fail(std::move(counted.error()));
  auto found = files_.find(path.string());
  if (mode == OpenMode::kCreate) {
    if (found != files_.end()) return fail(ErrorCode::kAlreadyExists, path.string() + " exists already");
    if (!directories_.contains(folder_of(path))) return fail(ErrorCode::kNotFound, path.string() + ": no folder");
    found = files_.emplace(path.string(), std::make_shared<Node>()).first;
  }
  if (found == files_.end()) return fail(ErrorCode::kNotFound, "no file " + path.string());
  return std::make_unique<OpenFile>(*this, found->second, path);
}

Result<void> MemoryDisk::make_directory(const std::filesystem::path& path) {
  const std::lock_guard lock(mutex_);
  if (auto counted = count_operation(Operation::kMakeDirectory, path); !counted) return counted;
  directories_[path.string()] = true;
  return {};
}

Result<std::vector<std::string>> MemoryDisk::list(const std::filesystem::path& directory) {
  const std::lock_guard lock(mutex_);
  if (!directories_.contains(directory.string())) return fail(ErrorCode::kNotFound, "no folder " + directory.string());
  std::vector<std::string> names;
  const auto add = [&](const std::string& path) {
    if (folder_of(path) == directory.string()) names.push_back(std::filesystem::path(path).filename());
  };
  for (const auto& [path, node] : files_) add(path);
  for (const auto& [path, known] : directories_) add(path);
  std::ranges::sort(names);
  return names;
}

Result<bool> MemoryDisk::exists(const std::filesystem::path& path) {
  const std::lock_guard lock(mutex_);
  return files_.contains(path.string()) || directories_.contains(path.string());
}

Result<void> MemoryDisk::rename(const std::filesystem::path& from, const std::filesystem::path& to) {
  const std::lock_guard lock(mutex_);
  if (auto counted = count_operation(Operation::kRename, from); !counted) return counted;
  const auto found = files_.find(from.string());
  if (found == files_.end()) return fail(ErrorCode::kNotFound, "no file " + from.string());
  files_[to.string()] = found->second;
  files_.erase(from.string());
  return {};
}

Result<void> MemoryDisk::remove(const std::filesystem::path& path) {
  const std::lock_guard lock(mutex_);
  if (auto counted = count_operation(Operation::kRemove, path); !counted) return counted;
  if (files_.erase(path.string()) == 0) return fail(ErrorCode::kNotFound, "no file " + path.string());
  return {};
}

Result<void> MemoryDisk::sync_directory(const std::filesystem::path& directory) {
  if (before_sync_) before_sync_();
  const std::lock_guard lock(mutex_);
  if (auto counted = count_operation(Operation::kSyncDirectory, directory); !counted) return counted;
  std::erase_if(safe_files_, [&](const auto& entry) {
    return folder_of(entry.first) == directory.string() && !files_.contains(entry.first);
  });
  for (const auto& [path, node] : files_) {
    if (folder_of(path) == directory.string()) safe_files_[path] = node;
  }
  return {};
}

Result<std::unique_ptr<FileLock>> MemoryDisk::lock(const std::filesystem::path& path) {
  const std::lock_guard lock(mutex_);
  if (!locked_.emplace(path.string(), true).second) {
    return fail(ErrorCode::kUnavailable, path.string() + " is in use by process 1");
  }
  return std::make_unique<Lock>(*this, path.string());
}

}  // namespace theater::store
