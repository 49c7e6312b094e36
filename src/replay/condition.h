#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "replay/json_text.h"
#include "theater/error.h"

namespace theater::replay {

/// What a condition may ask about an event: the names that stand at the front of a path.
enum class Subject : std::uint8_t {
  kState,     ///< after the event
  kParams,    ///< of a call or a host call
  kResult,    ///< of a call or a host call
  kSequence,  ///< of the event
  kKind,      ///< "call", "returned"…
  kFunction,  ///< "interface.function"
  kFuel,      ///< used by a call, at its end
  kMessage,   ///< of a failure or an end
  kReason,    ///< of a start, a failure or an end
  kType,      ///< of a note
  kData,      ///< of a note
  kTime,      ///< in milliseconds since 1970
};

/// Tells what is asked. Bytes are Json::binary_t; what the event does not have is null.
class Answers {
 public:
  virtual ~Answers() = default;
  /// Unchanged while a condition asks about one event.
  virtual const Json& get(Subject subject) = 0;
};

/// A condition on one event and the state after it, written as docs/replay.md says. Never changes; any thread.
class Condition {
 public:
  /// kInvalidArgument with the place of what is wrong. At most kTextBytesMax long.
  static Result<Condition> parse(std::string_view text);

  bool asks_for(Subject subject) const;
  bool holds(Answers& answers) const;

  static constexpr std::size_t kTextBytesMax = 4096;

 private:
  friend class ConditionParser;
  friend class ConditionEvaluator;

  enum class Operator : std::uint8_t {
    kOr,
    kAnd,
    kNot,
    kEqual,
    kNotEqual,
    kLess,
    kLessOrEqual,
    kGreater,
    kGreaterOrEqual,
    kContains,
    kLiteral,
    kSubject,
    kMember,  ///< the first operand's member with the literal's key, or item at its number
    kSize,
    kText,
    kJson,
    kHex,
    kNumberAt,  ///< a little-endian number in the first operand's bytes, at the second operand's place
  };
  struct Node {
    Operator op = Operator::kLiteral;
    /// Places of the operands in nodes_, each before this one.
    std::uint32_t first = 0;
    std::uint32_t second = 0;
    Subject subject{};
    Json literal;
    /// kNumberAt: bytes, and whether the highest bit is a sign.
    std::uint8_t bytes = 0;
    bool is_signed = false;
  };

  /// The last is the whole.
  std::vector<Node> nodes_;
};

}  // namespace theater::replay
