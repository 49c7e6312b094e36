#pragma once

#include <array>
#include <cstdint>

#include "theater/bytes.h"

namespace theater {

using Digest = std::array<std::uint8_t, 32>;

/// SHA-256 (FIPS 180-4) of one or two pieces. Any thread; no allocation.
Digest sha256(ByteView bytes);
Digest sha256(ByteView first, ByteView second);

}  // namespace theater
