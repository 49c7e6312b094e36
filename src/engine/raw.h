#pragma once

#include <memory>
#include <string_view>

#include "theater/bytes.h"
#include "theater/error.h"
#include "theater_engine.h"

/// Between the C ABI's types and ours; for this folder.
namespace theater::engine {

inline te_bytes to_raw(ByteView bytes) { return {.data = bytes.data(), .size = bytes.size()}; }
inline te_bytes to_raw(std::string_view text) { return to_raw(as_bytes(text)); }
inline ByteView from_raw(te_bytes bytes) { return {bytes.data, bytes.size}; }

/// Copies the buffer and releases it.
Bytes take(te_buffer buffer);
std::string take_text(te_buffer buffer);

/// The error of a call that did not return TE_OK; releases its message.
std::unexpected<Error> fail(te_status status, te_error& error);

}  // namespace theater::engine
