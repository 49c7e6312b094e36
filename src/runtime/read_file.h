#pragma once

#include <cstddef>
#include <filesystem>

#include "theater/bytes.h"
#include "theater/error.h"

namespace theater::runtime {

/// A whole file of at most `bytes_max`. kNotFound, kTooLarge, kIo.
Result<Bytes> read_file(const std::filesystem::path& path, std::size_t bytes_max);

}  // namespace theater::runtime
