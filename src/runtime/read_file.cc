#include "runtime/read_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>

namespace theater::runtime {

Result<Bytes> read_file(const std::filesystem::path& path, std::size_t bytes_max) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    return fail(ErrorCode::kNotFound, "cannot read " + path.string() + ": " + std::string(std::strerror(errno)));
  Bytes content;
  constexpr std::size_t kStep = 1u << 20;
  while (file) {
    const std::size_t size = content.size();
    content.resize(size + kStep);
    file.read(reinterpret_cast<char*>(content.data() + size), kStep);
    content.resize(size + static_cast<std::size_t>(file.gcount()));
    if (content.size() > bytes_max) {
      return fail(ErrorCode::kTooLarge, path.string() + " is larger than " + std::to_string(bytes_max) + " bytes");
    }
  }
  if (file.bad()) return fail(ErrorCode::kIo, "cannot read " + path.string());
  return content;
}

}  // namespace theater::runtime
