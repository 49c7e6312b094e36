#include "store/content_store.h"

namespace theater::store {

std::filesystem::path ContentStore::path_of(const Digest& digest) const {
  const std::string text = to_hex(digest);
  // In 256 folders: a folder with very many files is slow on some file systems.
  return directory_ / text.substr(0, 2) / text;
}

Result<Digest> ContentStore::put(ByteView content) {
  const Digest digest = sha256(content);
  const std::filesystem::path path = path_of(digest);
  // What is there may have been damaged since; then it is written anew.
  if (const auto known = get(digest, content.size()); known) return digest;
  const std::filesystem::path folder = path.parent_path();
  const auto folder_known = files_.exists(folder);
  if (!folder_known) return fail(folder_known.error());
  if (!*folder_known) {
    if (auto made = files_.make_directory(folder); !made) return fail(std::move(made.error()));
    if (auto synced = files_.sync_directory(directory_); !synced) return fail(std::move(synced.error()));
  }
  if (auto written = write_file(files_, path, content); !written) return fail(std::move(written.error()));
  return digest;
}

Result<Bytes> ContentStore::get(const Digest& digest, std::uint64_t max_bytes) const {
  auto content = read_file(files_, path_of(digest), max_bytes);
  if (content && sha256(*content) != digest) {
    return fail(ErrorCode::kCorrupt, path_of(digest).string() + " was changed: its content has another digest");
  }
  return content;
}

Result<bool> ContentStore::has(const Digest& digest) const { return files_.exists(path_of(digest)); }

Result<void> ContentStore::remove(const Digest& digest) {
  const std::filesystem::path path = path_of(digest);
  auto removed = files_.remove(path);
  if (!removed && removed.error().code() == ErrorCode::kNotFound) return {};
  if (!removed) return removed;
  return files_.sync_directory(path.parent_path());
}

}  // namespace theater::store
