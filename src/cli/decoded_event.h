#pragma once

#include <memory>
#include <optional>
#include <string>

#include "chain/event_stream.h"
#include "engine/code_cache.h"
#include "engine/engine.h"
#include "theater/replay.h"

namespace theater::cli {

/// Values of an event by the WIT types of the component that it ran with, with the guest's own field names.
class EventDecoder {
 public:
  /// Compiles the component, or finds it compiled. kNotFound when neither the source nor the options hold it.
  static Result<std::unique_ptr<EventDecoder>> make(const ChainSource& source, const Digest& component,
                                                    const ReplayOptions& options);

  /// As text of at most about `max_bytes`; empty when the event has no such value.
  Result<std::string> params_text(const Event& event, std::size_t max_bytes) const;
  Result<std::string> result_text(const Event& event, std::size_t max_bytes) const;
  /// As JSON.
  Result<std::string> params_json(const Event& event) const;
  Result<std::string> result_json(const Event& event) const;

 private:
  EventDecoder() = default;
  const engine::FunctionType* function_of(const Event& event) const;

  std::unique_ptr<engine::Engine> engine_;
  std::shared_ptr<const engine::Component> component_;
};

}  // namespace theater::cli
