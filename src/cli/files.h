#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "theater/bytes.h"
#include "theater/error.h"

namespace theater::cli {

/// All of a file, at most `max_bytes` (kTooLarge); "-" is standard input. kNotFound, kIo.
Result<std::string> read_file(const std::string& path, std::uint64_t max_bytes);
/// Makes a new file that only its owner may read and write. kAlreadyExists.
Result<void> write_new_file(const std::string& path, std::string_view content);

}  // namespace theater::cli
