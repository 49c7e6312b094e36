#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include "chain/chain_source.h"
#include "theater/error.h"

namespace theater::replay {

/// The chain of one actor in a chain file, a data directory or a bundle: whatever the path is. `actor`: which, by id or
/// name, where there are several; empty for the only one. kInvalidArgument lists those to choose from.
Result<std::unique_ptr<ChainSource>> open_source(const std::filesystem::path& path, std::string_view actor);

}  // namespace theater::replay
