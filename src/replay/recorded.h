#pragma once

#include <optional>
#include <string>
#include <vector>

#include "chain/chain_source.h"
#include "chain/link_codec.h"
#include "engine/component.h"
#include "theater/replay.h"
#include "theater/value.h"

/// Recorded values beside those of a re-run.
namespace theater::replay {

/// Bytes of a recorded value: in the event, and the body that is kept elsewhere.
struct RecordedValue {
  Bytes head;
  Bytes body;
  /// Of a body that is not kept.
  std::uint64_t missing_bytes = 0;

  ValueView view() const { return {.head = head, .body = body}; }
};

/// Copies the value, with its body if the source still has it.
RecordedValue fetch(const chain::ValueRef& recorded, const ChainSource& source);
/// The same into `value`, whose memory is used again.
void fetch(const chain::ValueRef& recorded, const ChainSource& source, RecordedValue& value);
/// The state that the event says, if it says bytes that are there. Not for kUnchanged and kNone.
std::optional<Bytes> fetch(const chain::StateRef& recorded, const ChainSource& source);

/// Whether the value is the recorded one, by its bytes or by its digest.
bool is_same(const chain::ValueRef& recorded, const ValueView& replayed);
/// Whether these bytes are the recorded state; false for kUnchanged and kNone.
bool is_same(const chain::StateRef& recorded, ByteView state);

/// Adds where two values differ: by the fields of their type, and inside texts that are JSON by its fields. Without a
/// type the bytes are compared as a whole.
void add_differences(const std::string& field, const engine::ValueType* type, const RecordedValue& recorded,
                     const ValueView& replayed, std::vector<ReplayDifference>& differences);
/// Two byte lists that are text, JSON or neither.
void add_differences(const std::string& field, ByteView recorded, ByteView replayed,
                     std::vector<ReplayDifference>& differences);

/// A value in one short line, by its type if it is known.
std::string short_text(const engine::ValueType* type, const RecordedValue& value);

}  // namespace theater::replay
