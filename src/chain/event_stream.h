#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "chain/chain_source.h"
#include "chain/verify.h"
#include "theater/event.h"

namespace theater {

/// Told now and then up to which event a chain was read.
using ReadProgress = std::function<void(std::uint64_t next_sequence)>;

/// The events of a recorded chain in order, decoded, with the functions they belong to. Each link is verified before
/// its events are given out, so that what is shown is what was recorded, as far as the chain alone can tell. One thread
/// at a time.
class EventStream {
 public:
  enum class Values : std::uint8_t {
    kInline,  ///< large values by their digest only
    kFilled,  ///< with their content, where it is kept
  };

  /// From this event on (from the first that is kept, where that comes later). The source must outlive it. Reads the
  /// links before once, for the functions and the call that `from_sequence` stands in.
  static Result<std::unique_ptr<EventStream>> open(const ChainSource& source, std::uint64_t from_sequence = 0,
                                                   Values values = Values::kInline, const ReadProgress& progress = {});

  /// The events of the next link, without those before `from_sequence`; none at the chain's end. kCorrupt names the
  /// event from which on the chain is broken; nothing can be read after an error.
  Result<std::vector<Event>> next();

 private:
  EventStream(const ChainSource& source, std::uint64_t from_sequence)
      : source_(source), from_sequence_(from_sequence) {}

  const ChainSource& source_;
  const std::uint64_t from_sequence_;
  std::unique_ptr<ChainSource::Links> links_;
  ChainVerifier verifier_;
  ChainReader reader_;
};

/// One event with its content, the component it ran with, and the call that it stands in.
struct EventInTurn {
  Event event;
  /// None when the chain's start is not kept.
  std::optional<Digest> component;
  std::optional<Digest> manifest;
  /// The call that runs when the event happens, itself included; none outside calls, or when it is not kept.
  std::optional<Event> call;
};

/// kNotFound when the chain has no such event (any more).
Result<EventInTurn> find_event(const ChainSource& source, std::uint64_t sequence, const ReadProgress& progress = {});

}  // namespace theater
