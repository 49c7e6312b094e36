// Stands in for libFuzzer's main where the compiler has none: runs a fuzz target over the files it is given, folders
// included, and over a few inputs that every parser should have seen.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

int runs = 0;

void run(const std::string& input) {
  // A heap copy of exactly this size, so that a sanitizer sees a read past the end.
  const std::vector<std::uint8_t> bytes(input.begin(), input.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  ++runs;
}

void run_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  run(std::string(std::istreambuf_iterator<char>(file), {}));
}

}  // namespace

int main(int argc, char** argv) {
  run("");
  for (int byte = 0; byte < 256; ++byte) run(std::string(1, static_cast<char>(byte)));
  run(std::string(4096, '\0'));
  run(std::string(4096, '\xff'));
  for (int i = 1; i < argc; ++i) {
    const std::filesystem::path path = argv[i];
    if (std::filesystem::is_directory(path)) {
      for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
        if (entry.is_regular_file()) run_file(entry.path());
      }
    } else if (std::filesystem::exists(path)) {
      run_file(path);
    }
  }
  std::printf("%d inputs, none of them a crash\n", runs);
}
