#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "theater/bytes.h"

namespace theater {

/// RFC 4648, section 4: the standard alphabet, with padding, on one line.
std::string to_base64(ByteView bytes);
/// None unless the text is exactly what to_base64 makes of some bytes.
std::optional<Bytes> parse_base64(std::string_view text);

}  // namespace theater
