#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "theater/bytes.h"
#include "theater/error.h"

namespace theater::engine::test {

/// A folder of its own that goes away with this object.
class TemporaryFolder final {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// Whether a clang that can make WebAssembly is installed.
bool have_clang();

/// A component of C source against `world` of `wit` (the text of one package; the world in it). The source includes
/// "<world>.h".
Result<Bytes> build_c_guest(std::string_view wit, std::string_view world, std::string_view source);

/// The text of a file; ends the process if it cannot be read.
std::string read_text(const std::filesystem::path& path);
Bytes read_bytes(const std::filesystem::path& path);
void write_file(const std::filesystem::path& path, ByteView content);

}  // namespace theater::engine::test
