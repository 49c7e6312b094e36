#include "store/file_system.h"

namespace theater::store {

Result<Bytes> read_file(FileSystem& files, const std::filesystem::path& path, std::uint64_t max_bytes) {
  auto file = files.open(path, OpenMode::kRead);
  if (!file) return fail(std::move(file.error()));
  const auto size = (*file)->size();
  if (!size) return fail(size.error());
  if (*size > max_bytes) {
    return fail(ErrorCode::kTooLarge, path.string() + " has " + std::to_string(*size) + " bytes, more than the " +
                                          std::to_string(max_bytes) + " allowed");
  }
  Bytes content(*size);
  const auto read = (*file)->read(0, content);
  if (!read) return fail(read.error());
  content.resize(*read);
  return content;
}

Result<void> write_file(FileSystem& files, const std::filesystem::path& path, ByteView content) {
  std::filesystem::path draft = path;
  draft += ".new";
  // What an earlier crash left.
  if (auto removed = files.remove(draft); !removed && removed.error().code() != ErrorCode::kNotFound) return removed;
  auto file = files.open(draft, OpenMode::kCreate);
  if (!file) return fail(std::move(file.error()));
  if (auto written = (*file)->write(0, content); !written) return written;
  if (auto synced = (*file)->sync(); !synced) return synced;
  file->reset();
  if (auto renamed = files.rename(draft, path); !renamed) return renamed;
  return files.sync_directory(path.parent_path());
}

}  // namespace theater::store
