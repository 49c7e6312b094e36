#pragma once

#include <filesystem>

namespace theater::cli {

/// THEATER_HOME, or ~/.theater.
std::filesystem::path home_directory();
/// Where compiled components are kept.
std::filesystem::path code_cache_directory();
/// Where chains of actors with save_chain = true go unless a command says otherwise.
std::filesystem::path chains_directory();
/// Where the server of this user listens, and where its tokens are, unless a command says otherwise.
std::filesystem::path server_socket();
std::filesystem::path token_file();

}  // namespace theater::cli
