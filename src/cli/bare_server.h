#pragma once

#include <cstddef>
#include <string>

#include "theater/error.h"

namespace theater::cli {

/// The least that a server made of Boost.Beast can do, for `theater bench server` to compare with: answers every
/// request on a Unix socket with the same `body_bytes`, as its library's own examples do, on one thread, until the
/// process is killed.
Result<void> serve_bare(const std::string& socket, std::size_t body_bytes);

}  // namespace theater::cli
