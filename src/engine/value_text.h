#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "engine/component.h"
#include "theater/bytes.h"
#include "theater/error.h"

/// Canonical bytes as people and programs read them, by their WIT type. Any thread.
namespace theater::engine {

/// Canonical bytes to be shown. A byte list or string that ends the value may be missing where its content is no longer
/// kept.
struct ShownValue {
  ByteView head;
  ByteView body;  ///< the content of the value's last byte list, or empty
  std::uint64_t missing_bytes = 0;
};

/// As WIT's own notation has it: {to: "pong", count: 3, tags: ["a"]}, some(1), ok("…"), case(…), {flag-a, flag-b}; byte
/// lists in quotes when they are text, otherwise 0x…; what is missing as <2048 bytes not kept>. One line, safe for a
/// terminal, cut at about `max_bytes` with an ellipsis. kCorrupt when the bytes are no value of the type.
Result<std::string> value_to_text(const ValueType& type, const ShownValue& value, std::size_t max_bytes);

/// JSON on one line. Records are objects, lists, tuples and flags arrays, enums and cases without payload strings,
/// cases with one {"case": …}, results {"ok": …} or {"error": …}, options null or the value ({"some": …} where the
/// value could be null itself). Byte lists are strings when they are text, otherwise {"hex": "…"}; what is missing is
/// {"missing_bytes": 2048}; floats that JSON lacks are strings. kCorrupt when the bytes are no value of the type.
Result<std::string> value_to_json(const ValueType& type, const ShownValue& value);

/// The type of what events record as a function's parameters: a record of them by name; of a handler's, the tuple
/// beside its state.
ValueType recorded_params(const FunctionType& function);
/// The type of what events record as its result; none when it has none. Of a handler: what it returns beside its state,
/// the item itself when that is one.
std::optional<ValueType> recorded_result(const FunctionType& function);

}  // namespace theater::engine
