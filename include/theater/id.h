#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace theater {

/// A UUID (RFC 9562). The tag keeps ids of different things apart at compile time.
template <class Tag>
class Uuid {
 public:
  /// The nil id, which names nothing.
  constexpr Uuid() = default;
  constexpr explicit Uuid(const std::array<std::uint8_t, 16>& bytes) : bytes_(bytes) {}

  /// Makes 16 random bytes a version 4 UUID. The bytes must come from a cryptographic source where the id must be
  /// unguessable.
  static constexpr Uuid from_random(std::array<std::uint8_t, 16> random) {
    random[6] = static_cast<std::uint8_t>((random[6] & 0x0f) | 0x40);
    random[8] = static_cast<std::uint8_t>((random[8] & 0x3f) | 0x80);
    return Uuid(random);
  }

  const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
  bool is_nil() const { return *this == Uuid(); }

  auto operator<=>(const Uuid&) const = default;

 private:
  std::array<std::uint8_t, 16> bytes_{};
};

/// Length of the text form.
inline constexpr std::size_t kUuidTextLength = 36;

/// Writes the canonical lower-case text form (8-4-4-4-12) of 16 bytes.
void format_uuid(const std::array<std::uint8_t, 16>& bytes, char (&text)[kUuidTextLength]);
/// Reads exactly the form 8-4-4-4-12, in either case.
bool parse_uuid(std::string_view text, std::array<std::uint8_t, 16>& bytes);

template <class Tag>
std::string to_string(const Uuid<Tag>& id) {
  char text[kUuidTextLength];
  format_uuid(id.bytes(), text);
  return {text, kUuidTextLength};
}

template <class Id>
std::optional<Id> parse_id(std::string_view text) {
  std::array<std::uint8_t, 16> bytes;
  if (!parse_uuid(text, bytes)) return std::nullopt;
  return Id(bytes);
}

struct ActorIdTag {};
struct ChannelIdTag {};
struct RequestIdTag {};

using ActorId = Uuid<ActorIdTag>;
/// Unguessable: who knows it may not use it all the same, only the channel's two participants may.
using ChannelId = Uuid<ChannelIdTag>;
using RequestId = Uuid<RequestIdTag>;

}  // namespace theater

template <class Tag>
struct std::hash<theater::Uuid<Tag>> {
  std::size_t operator()(const theater::Uuid<Tag>& id) const noexcept {
    // Random ids need no further mixing; folding both halves keeps ids that a test made by counting apart as well.
    std::uint64_t low;
    std::uint64_t high;
    std::memcpy(&low, id.bytes().data(), 8);
    std::memcpy(&high, id.bytes().data() + 8, 8);
    return static_cast<std::size_t>((low ^ (high * 0x9e3779b97f4a7c15ull)) * 0xff51afd7ed558ccdull);
  }
};
