#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "theater/bytes.h"
#include "theater/error.h"

namespace theater::server {

/// The largest frame of the legacy management protocol, and the largest message that goes in one.
inline constexpr std::size_t kLegacyFrameBytes = 32u << 20;
inline constexpr std::size_t kLegacyWholeBytes = 8u << 20;
/// A message that comes in fragments.
inline constexpr std::size_t kLegacyMessageBytes = 256u << 20;

/// Whether a connection that begins with this byte speaks the legacy protocol: the first of a frame's length, which no
/// HTTP request begins with.
bool begins_legacy(std::uint8_t first_byte);

/// Takes messages out of a legacy connection's bytes. One thread at a time.
class LegacyFrames {
 public:
  using Clock = std::chrono::steady_clock;

  /// Takes one frame off `received` if it is whole there. The message that it completes, or none: then `more` says
  /// whether a frame was taken. An error is of that frame only, unless `broken()` is set: then nothing can follow.
  struct Taken {
    std::optional<Bytes> message;
    bool more = false;
  };
  Result<Taken> take(Bytes& received, std::size_t& offset, Clock::time_point now);
  bool broken() const { return broken_; }

 private:
  struct Partial {
    std::vector<std::optional<Bytes>> parts;
    std::size_t missing = 0;
    std::size_t bytes = 0;
    Clock::time_point begun;
  };

  Result<std::optional<Bytes>> read_frame(std::string_view json, Clock::time_point now);
  Result<std::optional<Bytes>> add_fragment(std::string_view json, Clock::time_point now);

  std::map<std::uint64_t, Partial> partials_;
  std::size_t partial_bytes_ = 0;
  bool broken_ = false;
};

/// The frames of one message: one, or fragments when it is large. `message_id` tells the fragments of one message.
std::string legacy_frames(std::string_view message, std::uint64_t message_id);

}  // namespace theater::server
