#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "theater/bytes.h"
#include "theater/event.h"

namespace theater::handlers {

/// Places in SupervisorHandler::exports().
enum class ChildNews : std::uint8_t { kError = 0, kExit = 1, kExternalStop = 2 };

/// Cases of the interface's enum wit-error-type, in its order.
enum class WitErrorType : std::uint8_t {
  kOperationTimeout,
  kChannelClosed,
  kShuttingDown,
  kFunctionNotFound,
  kTypeMismatch,
  kInternal,
  kSerializationError,
  kUpdateComponentError,
  kPaused,
};

/// What the interface calls the failure.
WitErrorType error_type_of(FailureReason reason);

// Canonical bytes of the parameters after the state.
Bytes child_error_params(const ActorId& child, WitErrorType type, std::string_view message);
Bytes child_exit_params(const ActorId& child, const std::optional<Bytes>& result);
Bytes child_stop_params(const ActorId& child);

// Canonical bytes of results without the tag for `ok`.
/// What an event takes of such a list beside its type, data and description.
inline constexpr std::size_t kChainEventBytesMin = 2 * sizeof(Digest) + 32;
/// list<chain-event>: the latest events that fit `max_bytes`.
Bytes chain_events_value(std::span<const Event> events, std::size_t max_bytes);
Bytes id_list_value(std::span<const ActorId> ids);
Bytes optional_bytes_value(const std::optional<Bytes>& bytes);
Bytes id_value(const ActorId& id);

}  // namespace theater::handlers
