#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "chain/event_sink.h"
#include "theater/event.h"
#include "theater/event_history.h"

namespace theater {

/// A copy of a stretch of one actor's chain up to its end, oldest link first. Owns all it holds but the payloads, which
/// it shares.
struct ChainSnapshot final : ChainReader::Payloads {
  struct Link {
    std::uint64_t first_sequence = 0;
    std::uint32_t event_count = 0;
    Digest hash{};
    /// Where the link's bytes lie in `bytes`.
    std::size_t offset = 0;
    std::size_t size = 0;
  };

  ActorId actor;
  /// The end of the chain as its owner knows it.
  Digest head_hash{};
  std::uint64_t next_sequence = 0;
  std::vector<Link> links;
  Bytes bytes;
  /// Content of large values named by these links, as far as it was still kept; ordered by digest, each once.
  std::vector<RecordedPayload> payloads;
  /// The chain is here from its first event on.
  bool complete = false;
  /// The function table in force before the first link; set by whoever knows the actor's component.
  std::optional<FunctionTable> functions;

  ByteView link_bytes(const Link& link) const { return ByteView(bytes).subspan(link.offset, link.size); }
  std::optional<Bytes> find(const Digest& digest) const override;
  /// Digests of all large values and states that the links name, sorted, each once.
  std::vector<Digest> named_digests() const;
  /// All events, decoded; kCorrupt when a link is malformed.
  Result<std::vector<Event>> events() const;
};

/// The snapshot's events from `from_sequence` on, up to so many. kCorrupt when a link is malformed.
Result<std::unique_ptr<EventHistory>> make_event_history(ChainSnapshot snapshot, std::uint64_t from_sequence,
                                                         std::uint64_t events_max);

}  // namespace theater
