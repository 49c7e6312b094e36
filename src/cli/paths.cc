#include "cli/paths.h"

#include <cstdlib>

namespace theater::cli {

std::filesystem::path home_directory() {
  if (const char* home = std::getenv("THEATER_HOME"); home != nullptr && *home != '\0') return home;
  const char* user = std::getenv("HOME");
  return std::filesystem::path(user == nullptr || *user == '\0' ? "." : user) / ".theater";
}

std::filesystem::path code_cache_directory() { return home_directory() / "code"; }
std::filesystem::path chains_directory() { return home_directory() / "chains"; }
std::filesystem::path server_socket() { return home_directory() / "server.sock"; }
std::filesystem::path token_file() { return home_directory() / "tokens"; }

}  // namespace theater::cli
