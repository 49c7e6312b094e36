#include <unistd.h>

#include <array>
#include <cstdlib>
#include <initializer_list>

#include "toolchain/build.h"

namespace theater::toolchain {
namespace {

namespace fs = std::filesystem;

bool is_executable(const fs::path& file) {
  std::error_code ignored;
  return fs::is_regular_file(file, ignored) && access(file.c_str(), X_OK) == 0;
}

/// The program of that name in $PATH; empty when there is none.
fs::path in_path(std::string_view name) {
  const char* const path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? std::string_view() : path;
  while (!rest.empty()) {
    const std::size_t end = rest.find(':');
    const fs::path candidate = fs::path(rest.substr(0, end)) / name;
    if (candidate.is_absolute() && is_executable(candidate)) return candidate;
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  return {};
}

/// A tool named by the caller or by an environment variable, which must be there; empty when neither names one.
Result<fs::path> named_tool(const fs::path& given, const char* variable) {
  const char* const value = std::getenv(variable);
  const bool by_variable = given.empty() && value != nullptr && *value != '\0';
  const fs::path wanted = by_variable ? fs::path(value) : given;
  if (wanted.empty()) return fs::path();
  const fs::path found = wanted.has_parent_path() ? wanted : in_path(wanted.string());
  if (!found.empty() && is_executable(found)) return found;
  return fail(ErrorCode::kNotFound,
              (by_variable ? std::string(variable) + " names " : std::string("there is no program ")) +
                  wanted.string() + (by_variable ? ", which is not a program" : ""));
}

Result<fs::path> find_tool(const fs::path& given, const char* variable, std::initializer_list<const char*> names,
                           const char* package) {
  Result<fs::path> named = named_tool(given, variable);
  if (!named || !named->empty()) return named;
  for (const char* name : names) {
    if (fs::path found = in_path(name); !found.empty()) return found;
  }
  return fail(ErrorCode::kNotFound, std::string("no ") + *(names.end() - 1) +
                                        " found, which building actors needs. Install it (Debian, " +
                                        "Ubuntu: apt-get install " + package + "), or name one by " + variable);
}

fs::path running_program() {
  std::error_code error;
  fs::path program = fs::read_symlink("/proc/self/exe", error);
  return error ? fs::path() : program;
}

bool is_sdk(const fs::path& folder) {
  std::error_code ignored;
  return fs::exists(folder / "c/include/theater.h", ignored) && fs::exists(folder / "wit/theater-sdk.wit", ignored);
}

}  // namespace

Result<Tools> find_tools(const fs::path& clang, const fs::path& linker) {
  Tools tools;
  Result<fs::path> found = find_tool(clang, "THEATER_CLANG",
                                     {"clang-19", "clang-20", "clang-21", "clang-18", "clang-17", "clang"}, "clang-19");
  if (!found) return fail(std::move(found.error()));
  tools.clang = std::move(*found);
  // The linker that lies beside clang fits it best.
  std::error_code ignored;
  const fs::path beside = fs::canonical(tools.clang, ignored).parent_path() / "wasm-ld";
  const char* const named = std::getenv("THEATER_WASM_LD");
  if (linker.empty() && (named == nullptr || *named == '\0') && is_executable(beside)) {
    tools.linker = beside;
    return tools;
  }
  found = find_tool(linker, "THEATER_WASM_LD",
                    {"wasm-ld-19", "wasm-ld-20", "wasm-ld-21", "wasm-ld-18", "wasm-ld-17", "wasm-ld"}, "lld-19");
  if (!found) return fail(std::move(found.error()));
  tools.linker = std::move(*found);
  return tools;
}

Result<fs::path> find_sdk() {
  if (const char* const named = std::getenv("THEATER_SDK"); named != nullptr && *named != '\0') {
    std::error_code ignored;
    if (is_sdk(named)) return fs::weakly_canonical(named, ignored);
    return fail(ErrorCode::kNotFound,
                std::string("THEATER_SDK names ") + named + ", which is not an SDK: c/include/theater.h is missing");
  }
  const fs::path prefix = running_program().parent_path().parent_path();
  for (const fs::path& candidate : {prefix / "share/theater/sdk", fs::path(THEATER_SDK_SOURCE_DIRECTORY)}) {
    if (is_sdk(candidate)) return candidate;
  }
  return fail(ErrorCode::kNotFound, "the SDK is not at " + (prefix / "share/theater/sdk").string() +
                                        "; install Theater whole, or name the SDK's folder by THEATER_SDK");
}

}  // namespace theater::toolchain
