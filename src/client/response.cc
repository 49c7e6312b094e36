#include "client/response.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace theater::client {
namespace {

constexpr std::size_t kHeadBytes = 64u << 10;

std::unexpected<Error> corrupt(std::string what) {
  return fail(ErrorCode::kCorrupt, std::move(what) + ": is this a Theater server?");
}

std::string_view take_line(std::string_view& text, std::string_view end) {
  const std::string_view line = text.substr(0, text.find(end));
  text.remove_prefix(std::min(text.size(), line.size() + end.size()));
  return line;
}

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || stop != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return result;
}

Result<void> read_field(std::string_view line, ResponseHead& head) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return corrupt("the answer has a malformed header");
  const std::string name = lower(line.substr(0, colon));
  std::string_view value = line.substr(colon + 1);
  while (value.starts_with(' ') || value.starts_with('\t')) value.remove_prefix(1);
  while (value.ends_with(' ') || value.ends_with('\t')) value.remove_suffix(1);
  if (name == "content-type") head.content_type = value;
  if (name == "connection" && lower(value) == "close") head.keeps_connection = false;
  if (name == "transfer-encoding") return corrupt("the answer comes in chunks");
  if (name != "content-length") return {};
  const auto length = parse_number<std::uint64_t>(value);
  if (!length || (head.content_length && *head.content_length != *length)) {
    return corrupt("the answer's length is malformed");
  }
  head.content_length = length;
  return {};
}

}  // namespace

Result<std::optional<ResponseHead>> read_head(std::string_view received) {
  const std::size_t end = received.substr(0, kHeadBytes).find("\r\n\r\n");
  if (end == std::string_view::npos) {
    if (received.size() >= kHeadBytes) return fail(ErrorCode::kTooLarge, "the answer's header has more than 64 KiB");
    return std::nullopt;
  }
  std::string_view text = received.substr(0, end);
  ResponseHead head;
  head.size = end + 4;
  const std::string_view status = take_line(text, "\r\n");
  if (!status.starts_with("HTTP/1.1 ") || status.size() < 12) return corrupt("the answer is no HTTP/1.1");
  const auto number = parse_number<unsigned>(status.substr(9, 3));
  if (!number || *number < 100) return corrupt("the answer has no status");
  head.status = *number;
  while (!text.empty()) {
    if (auto read = read_field(take_line(text, "\r\n"), head); !read) return fail(std::move(read.error()));
  }
  return head;
}

std::optional<SentEvent> take_sent_event(std::string& received) {
  while (true) {
    const std::size_t end = received.find("\n\n");
    if (end == std::string::npos) return std::nullopt;
    const std::string whole = received.substr(0, end);
    received.erase(0, end + 2);
    std::string_view text = whole;
    SentEvent event;
    bool has_data = false;
    while (!text.empty()) {
      const std::string_view line = take_line(text, "\n");
      if (line.starts_with("event: ")) event.name = line.substr(7);
      if (line.starts_with("data: ")) {
        event.data.append(has_data ? "\n" : "").append(line.substr(6));
        has_data = true;
      }
    }
    if (has_data) return event;
  }
}

Result<std::optional<Frame>> take_frame(std::string& received, std::uint64_t payload_max) {
  const auto byte = [&](std::size_t at) { return static_cast<std::uint8_t>(received[at]); };
  if (received.size() < 2) return std::nullopt;
  Frame frame{.opcode = static_cast<std::uint8_t>(byte(0) & 0x0f), .final = (byte(0) & 0x80) != 0, .payload = {}};
  if ((byte(0) & 0x70) != 0 || (byte(1) & 0x80) != 0) return corrupt("a frame has bits that were not agreed on");
  const bool control = frame.opcode >= kClose;
  if (frame.opcode > kPong || (frame.opcode > kBinary && !control)) return corrupt("a frame has an unknown opcode");
  std::uint64_t size = byte(1) & 0x7f;
  if (control && (size > 125 || !frame.final)) return corrupt("a control frame is too long or split");
  std::size_t head = 2;
  if (size >= 126) {
    const std::size_t length_bytes = size == 126 ? 2 : 8;
    if (received.size() < head + length_bytes) return std::nullopt;
    size = 0;
    for (std::size_t i = 0; i < length_bytes; ++i) size = size << 8 | byte(head + i);
    head += length_bytes;
  }
  if (size > payload_max) {
    return fail(ErrorCode::kTooLarge, "a message has " + std::to_string(size) + " bytes, more than the " +
                                          std::to_string(payload_max) + " that this client takes");
  }
  if (received.size() - head < size) return std::nullopt;
  frame.payload = received.substr(head, size);
  received.erase(0, head + size);
  return frame;
}

std::string client_frame(std::uint8_t opcode, ByteView payload, std::uint32_t mask) {
  std::string frame;
  frame.reserve(payload.size() + 14);
  frame.push_back(static_cast<char>(0x80 | opcode));
  const std::uint64_t size = payload.size();
  const auto length = [&](int bytes) {
    for (int i = bytes - 1; i >= 0; --i) frame.push_back(static_cast<char>(size >> (8 * i)));
  };
  if (size < 126) {
    frame.push_back(static_cast<char>(0x80 | size));
  } else if (size <= 0xffff) {
    frame.push_back(static_cast<char>(0x80 | 126));
    length(2);
  } else {
    frame.push_back(static_cast<char>(0x80 | 127));
    length(8);
  }
  char keys[4];
  std::memcpy(keys, &mask, sizeof(keys));
  frame.append(keys, sizeof(keys));
  for (std::size_t i = 0; i < payload.size(); ++i) frame.push_back(static_cast<char>(payload[i] ^ keys[i % 4]));
  return frame;
}

}  // namespace theater::client
