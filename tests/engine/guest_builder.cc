#include "guest_builder.h"

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "base/check.h"
#include "engine/build.h"

namespace theater::engine::test {
namespace {

namespace fs = std::filesystem;

const std::string& clang() {
  static const std::string name = [] {
    for (const char* candidate : {"clang-19", "clang"}) {
      if (std::system((std::string(candidate) + " --print-targets 2>/dev/null | grep -q wasm32").c_str()) == 0) {
        return std::string(candidate);
      }
    }
    return std::string();
  }();
  return name;
}

std::string file_name_of(std::string_view world) {
  std::string name(world);
  for (char& c : name) {
    if (c == '-') c = '_';
  }
  return name;
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  std::string name = (fs::temp_directory_path() / "theater-engine-test-XXXXXX").native();
  THEATER_CHECK(::mkdtemp(name.data()) != nullptr);
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

bool have_clang() { return !clang().empty(); }

std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  THEATER_CHECK(file.good());
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

Bytes read_bytes(const fs::path& path) { return to_bytes(read_text(path)); }

void write_file(const fs::path& path, ByteView content) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(content.data()), static_cast<std::streamsize>(content.size()));
  file.flush();
  THEATER_CHECK(file.good());
}

Result<Bytes> build_c_guest(std::string_view wit, std::string_view world, std::string_view source) {
  const TemporaryFolder folder;
  write_file(folder.path() / "guest.wit", as_bytes(wit));
  auto files = bindgen_c(folder.path() / "guest.wit", world);
  if (!files) return std::unexpected(std::move(files).error());
  for (const GeneratedFile& file : *files) write_file(folder.path() / file.name, file.content);
  write_file(folder.path() / "main.c", as_bytes(source));
  const std::string name = file_name_of(world);
  const std::string support = GUEST_SUPPORT_FOLDER;
  const std::string command = "cd " + folder.path().native() + " && " + clang() +
                              " --target=wasm32 -O2 -std=c17 -nostdlib -fno-builtin -w -isystem " + support +
                              " -Wl,--no-entry -Wl,-z,stack-size=16384 -o module.wasm main.c " + name + ".c " + name +
                              "_component_type.o " + support + "/support.c >log.txt 2>&1";
  if (std::system(command.c_str()) != 0) {
    return fail(ErrorCode::kInvalidArgument, "clang refused the guest:\n" + read_text(folder.path() / "log.txt"));
  }
  return componentize(read_bytes(folder.path() / "module.wasm"));
}

}  // namespace theater::engine::test
