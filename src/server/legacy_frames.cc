#include "server/legacy_frames.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/base64.h"

namespace theater::server {
namespace {

constexpr std::size_t kLengthBytes = 4;
constexpr std::size_t kFragmentBytes = 4u << 20;
constexpr std::size_t kFragmentsMax = 4096;
constexpr std::size_t kPartialsMax = 16;
constexpr std::chrono::seconds kPartialTime{30};

std::unexpected<Error> invalid(std::string what) { return fail(ErrorCode::kInvalidArgument, std::move(what)); }

/// Reads `{"Complete":[0,…,255]}`. By hand, since a general reader takes sixteen bytes of memory for each number.
class CompleteReader {
 public:
  explicit CompleteReader(std::string_view text) : text_(text) {}

  /// None when it is something else.
  std::optional<Bytes> read() {
    if (!word("{") || !word("\"Complete\"") || !word(":") || !word("[")) return std::nullopt;
    Bytes bytes;
    bytes.reserve(text_.size() / 4);
    if (!word("]")) {
      do {
        const auto number = byte();
        if (!number) return std::nullopt;
        bytes.push_back(*number);
      } while (word(","));
      if (!word("]")) return std::nullopt;
    }
    if (!word("}")) return std::nullopt;
    skip_blanks();
    return text_.empty() ? std::optional(std::move(bytes)) : std::nullopt;
  }

 private:
  void skip_blanks() {
    while (!text_.empty() && (text_[0] == ' ' || text_[0] == '\t' || text_[0] == '\n' || text_[0] == '\r')) {
      text_.remove_prefix(1);
    }
  }
  bool word(std::string_view wanted) {
    skip_blanks();
    if (!text_.starts_with(wanted)) return false;
    text_.remove_prefix(wanted.size());
    return true;
  }
  std::optional<std::uint8_t> byte() {
    skip_blanks();
    unsigned number = 0;
    std::size_t digits = 0;
    while (digits < text_.size() && digits < 4 && text_[digits] >= '0' && text_[digits] <= '9') {
      number = number * 10 + static_cast<unsigned>(text_[digits++] - '0');
    }
    // As JSON writes numbers: no leading zeros.
    if (digits == 0 || number > 255 || (digits > 1 && text_[0] == '0')) return std::nullopt;
    text_.remove_prefix(digits);
    return static_cast<std::uint8_t>(number);
  }

  std::string_view text_;
};

std::string frame_of(std::string_view json) {
  std::string frame;
  frame.reserve(json.size() + kLengthBytes);
  for (int shift = 24; shift >= 0; shift -= 8) frame.push_back(static_cast<char>(json.size() >> shift));
  return frame.append(json);
}

}  // namespace

bool begins_legacy(std::uint8_t first_byte) { return first_byte <= kLegacyFrameBytes >> 24; }

Result<LegacyFrames::Taken> LegacyFrames::take(Bytes& received, std::size_t& offset, Clock::time_point now) {
  const ByteView rest = ByteView(received).subspan(offset);
  if (rest.size() < kLengthBytes) return Taken{};
  std::size_t size = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i) size = size << 8 | rest[i];
  if (size > kLegacyFrameBytes) {
    broken_ = true;
    return invalid("a frame of " + std::to_string(size) + " bytes; at most " + std::to_string(kLegacyFrameBytes));
  }
  if (rest.size() - kLengthBytes < size) return Taken{};
  offset += kLengthBytes + size;
  auto message = read_frame(as_text(rest.subspan(kLengthBytes, size)), now);
  if (!message) return fail(std::move(message.error()));
  return Taken{.message = std::move(*message), .more = true};
}

Result<std::optional<Bytes>> LegacyFrames::read_frame(std::string_view json, Clock::time_point now) {
  if (auto complete = CompleteReader(json).read()) return std::move(*complete);
  return add_fragment(json, now);
}

Result<std::optional<Bytes>> LegacyFrames::add_fragment(std::string_view text, Clock::time_point now) {
  std::erase_if(partials_, [&](const auto& entry) {
    const bool old = now - entry.second.begun > kPartialTime;
    if (old) partial_bytes_ -= entry.second.bytes;
    return old;
  });
  const auto json = nlohmann::json::parse(text, nullptr, false);
  const auto outer = json.is_object() ? json.find("Fragment") : json.end();
  if (!json.is_object() || json.size() != 1 || outer == json.end() || !outer->is_object()) {
    return invalid("a frame is neither Complete nor a Fragment");
  }
  const auto number = [&](const char* name) -> std::optional<std::uint64_t> {
    const auto found = outer->find(name);
    if (found == outer->end() || !found->is_number_unsigned()) return std::nullopt;
    return found->get<std::uint64_t>();
  };
  const auto id = number("message_id");
  const auto index = number("fragment_index");
  const auto total = number("total_fragments");
  const auto data = outer->find("data");
  if (!id || !index || !total || data == outer->end() || !data->is_string()) {
    return invalid("a fragment lacks message_id, fragment_index, total_fragments or data");
  }
  auto part = parse_base64(data->get_ref<const std::string&>());
  if (!part || *total == 0 || *total > kFragmentsMax || *index >= *total) {
    return invalid("a fragment is malformed: at most " + std::to_string(kFragmentsMax) +
                   " in a message, data in base64");
  }
  auto found = partials_.find(*id);
  if (found == partials_.end()) {
    if (partials_.size() == kPartialsMax) return fail(ErrorCode::kTooLarge, "too many messages in fragments at once");
    found = partials_.try_emplace(*id).first;
    found->second.parts.resize(*total);
    found->second.missing = *total;
    found->second.begun = now;
  }
  Partial& partial = found->second;
  if (partial.parts.size() != *total || partial.parts[*index]) {
    return invalid("fragments of one message contradict each other");
  }
  if (partial_bytes_ + part->size() > kLegacyMessageBytes) {
    partial_bytes_ -= partial.bytes;
    partials_.erase(found);
    return fail(ErrorCode::kTooLarge, "a message in fragments is too large");
  }
  partial_bytes_ += part->size();
  partial.bytes += part->size();
  partial.parts[*index] = std::move(*part);
  if (--partial.missing > 0) return std::nullopt;
  Bytes message;
  message.reserve(partial.bytes);
  for (const auto& piece : partial.parts) append(message, *piece);
  partial_bytes_ -= partial.bytes;
  partials_.erase(found);
  return message;
}

std::string legacy_frames(std::string_view message, std::uint64_t message_id) {
  if (message.size() <= kLegacyWholeBytes) {
    std::string json = R"({"Complete":[)";
    json.reserve(message.size() * 4 + 16);
    for (const char c : message) {
      if (json.back() != '[') json.push_back(',');
      json += std::to_string(static_cast<std::uint8_t>(c));
    }
    json += "]}";
    // Where nearly every byte has three digits it may yet be too long for a frame.
    if (json.size() <= kLegacyFrameBytes) return frame_of(json);
  }
  std::string frames;
  const std::size_t total = (message.size() + kFragmentBytes - 1) / kFragmentBytes;
  for (std::size_t i = 0; i < total; ++i) {
    const std::string_view part = message.substr(i * kFragmentBytes, kFragmentBytes);
    frames += frame_of(R"({"Fragment":{"message_id":)" + std::to_string(message_id) + R"(,"fragment_index":)" +
                       std::to_string(i) + R"(,"total_fragments":)" + std::to_string(total) + R"(,"data":")" +
                       to_base64(as_bytes(part)) + "\"}}");
  }
  return frames;
}

}  // namespace theater::server
