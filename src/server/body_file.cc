#include "server/body_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace theater::server {
namespace {

constexpr std::uint64_t kPieceBytes = 256u << 10;

Error cannot_read(const std::string& what) {
  return {ErrorCode::kIo, "cannot read " + what + ": " + std::strerror(errno)};
}

}  // namespace

Result<std::shared_ptr<BodyFile>> BodyFile::open(const std::filesystem::path& path, std::shared_ptr<const void> owner) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail(cannot_read(path.string()));
  struct stat status{};
  if (fstat(fd, &status) != 0) {
    const Error error = cannot_read(path.string());
    close(fd);
    return fail(error);
  }
  return std::shared_ptr<BodyFile>(new BodyFile(fd, static_cast<std::uint64_t>(status.st_size), std::move(owner)));
}

BodyFile::~BodyFile() { close(fd_); }

Result<std::string> BodyFile::next() {
  std::string piece(static_cast<std::size_t>(std::min(kPieceBytes, size_ - read_)), '\0');
  if (piece.empty()) return piece;
  const ssize_t size = read(fd_, piece.data(), piece.size());
  if (size < 0) return fail(cannot_read("what was prepared"));
  if (size == 0) return fail(ErrorCode::kIo, "what was prepared has become shorter");
  piece.resize(static_cast<std::size_t>(size));
  read_ += piece.size();
  return piece;
}

}  // namespace theater::server
