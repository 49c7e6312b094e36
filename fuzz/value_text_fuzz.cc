// Canonical bytes read by a type, both from anywhere: what is no value is refused, everything else is well-formed text
// and JSON.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/check.h"
#include "engine/value_text.h"

namespace {

using theater::ByteView;
using theater::engine::ShownValue;
using theater::engine::ValueType;
using Kind = ValueType::Kind;

constexpr int kNestingMax = 6;
constexpr std::size_t kMembersMax = 5;

/// A type as the input says.
class TypeReader {
 public:
  explicit TypeReader(ByteView& input) : input_(input) {}

  ValueType type(int depth = 0) {
    constexpr auto kLastKind = static_cast<std::uint8_t>(Kind::kFlags);
    constexpr auto kLastPlain = static_cast<std::uint8_t>(Kind::kString);
    const auto kind = static_cast<Kind>(byte() % ((depth < kNestingMax ? kLastKind : kLastPlain) + 1));
    ValueType type{.kind = kind, .members = {}};
    switch (kind) {
      case Kind::kList:
      case Kind::kOption: type.members.push_back({.name = {}, .type = this->type(depth + 1)}); break;
      case Kind::kResult:
        type.members.push_back({.name = "ok", .type = maybe(depth + 1)});
        type.members.push_back({.name = "error", .type = maybe(depth + 1)});
        break;
      case Kind::kTuple:
        members(type, [&] { return ValueType::Member{.name = {}, .type = this->type(depth + 1)}; });
        break;
      case Kind::kRecord:
        members(type, [&] { return ValueType::Member{.name = name(), .type = this->type(depth + 1)}; });
        break;
      case Kind::kVariant:
        members(type, [&] { return ValueType::Member{.name = name(), .type = maybe(depth + 1)}; });
        break;
      case Kind::kEnum:
      case Kind::kFlags: members(type, [&] { return ValueType::Member{.name = name(), .type = std::nullopt}; }); break;
      default: break;
    }
    return type;
  }

 private:
  std::uint8_t byte() {
    if (input_.empty()) return 0;
    const std::uint8_t byte = input_.front();
    input_ = input_.subspan(1);
    return byte;
  }
  std::optional<ValueType> maybe(int depth) {
    if (byte() % 2 == 0) return std::nullopt;
    return type(depth);
  }
  std::string name() { return "n" + std::to_string(names_++); }
  template <class Member>
  void members(ValueType& type, Member&& member) {
    const std::size_t count = 1 + byte() % kMembersMax;
    for (std::size_t i = 0; i < count; ++i) type.members.push_back(member());
  }

  ByteView& input_;
  int names_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ByteView input(data, size);
  const ValueType type = TypeReader(input).type();
  const std::size_t cut = input.empty() ? 0 : input.front() % input.size();
  const ShownValue value = {.head = input.subspan(0, cut), .body = input.subspan(cut)};
  const auto text = value_to_text(type, value, 200);
  const auto json = value_to_json(type, value);
  THEATER_CHECK(text.has_value() == json.has_value());
  if (!text) return 0;
  // Three bytes for an ellipsis, and quotes and brackets around it.
  THEATER_CHECK(text->size() < 300 && theater::is_text(theater::as_bytes(*text)) &&
                text->find('\n') == std::string::npos);
  THEATER_CHECK(nlohmann::json::accept(*json));
  return 0;
}
