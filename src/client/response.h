#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "theater/bytes.h"
#include "theater/error.h"

namespace theater::client {

/// The head of an HTTP response.
struct ResponseHead {
  unsigned status = 0;
  std::string content_type;
  /// None: the body goes on until the connection ends.
  std::optional<std::uint64_t> content_length;
  bool keeps_connection = true;
  /// Bytes of the head, with the empty line.
  std::size_t size = 0;
};

/// None while the head is not whole. kCorrupt for what is no HTTP/1.1 response of a Theater server, which sends no
/// chunks; kTooLarge for a head over 64 KiB.
Result<std::optional<ResponseHead>> read_head(std::string_view received);

/// One server-sent event: its data, and its name.
struct SentEvent {
  std::string name;
  std::string data;
};
/// Takes the next whole event off; none while there is none. Comments are passed over.
std::optional<SentEvent> take_sent_event(std::string& received);

/// A WebSocket frame from a server.
struct Frame {
  std::uint8_t opcode = 0;
  bool final = true;
  std::string payload;
};
inline constexpr std::uint8_t kContinuation = 0;
inline constexpr std::uint8_t kText = 1;
inline constexpr std::uint8_t kBinary = 2;
inline constexpr std::uint8_t kClose = 8;
inline constexpr std::uint8_t kPing = 9;
inline constexpr std::uint8_t kPong = 10;

/// Takes the next whole frame off; none while it is not whole. kCorrupt for what a server must not send, kTooLarge over
/// `payload_max`.
Result<std::optional<Frame>> take_frame(std::string& received, std::uint64_t payload_max);
/// A whole frame as clients send it.
std::string client_frame(std::uint8_t opcode, ByteView payload, std::uint32_t mask);

}  // namespace theater::client
