#include "cli/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>

namespace theater::cli {
namespace {

std::string text_of(int error_number) { return std::system_category().message(error_number); }

}  // namespace

Result<std::string> read_file(const std::string& path, std::uint64_t max_bytes) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return fail(ErrorCode::kInvalidArgument, path + " is a folder");
  const bool is_input = path == "-";
  const int descriptor = is_input ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    return fail(errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo, "cannot open " + path + ": " + text_of(errno));
  }
  std::string content;
  char part[64 << 10];
  Result<void> result;
  while (true) {
    const ssize_t count = ::read(descriptor, part, sizeof(part));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) result = fail(ErrorCode::kIo, "cannot read " + path + ": " + text_of(errno));
    if (count <= 0) break;
    content.append(part, static_cast<std::size_t>(count));
    if (content.size() <= max_bytes) continue;
    result = fail(ErrorCode::kTooLarge,
                  path + " has more than the " + std::to_string(max_bytes) + " bytes that it may have");
    break;
  }
  if (!is_input) ::close(descriptor);
  if (!result) return fail(std::move(result.error()));
  return content;
}

Result<void> write_new_file(const std::string& path, std::string_view content) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) {
    if (errno == EEXIST) {
      return fail(ErrorCode::kAlreadyExists, path + " exists already; remove it or name another file");
    }
    return fail(ErrorCode::kIo, "cannot make " + path + ": " + text_of(errno));
  }
  Result<void> result;
  while (!content.empty() && result) {
    const ssize_t written = ::write(descriptor, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      result = fail(ErrorCode::kIo, "cannot write " + path + ": " + text_of(errno));
    } else {
      content.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  if (::close(descriptor) != 0 && result) result = fail(ErrorCode::kIo, "cannot write " + path + ": " + text_of(errno));
  if (!result) ::unlink(path.c_str());
  return result;
}

}  // namespace theater::cli
