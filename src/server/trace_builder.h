#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>

#include "theater/event.h"
#include "theater/id.h"

namespace theater::server {

using TraceId = std::array<std::uint8_t, 16>;
using SpanId = std::array<std::uint8_t, 8>;

/// One call of an actor's function, as tracing systems see it.
struct Span {
  TraceId trace{};
  SpanId id{};
  /// The call that sent the message; none when it came from outside, or that call is not remembered.
  std::optional<SpanId> parent;
  std::string function;
  ActorId actor;
  /// Of the event that the call began with.
  std::uint64_t sequence = 0;
  std::uint64_t start_ns = 0;
  std::uint64_t end_ns = 0;
  /// Why it failed.
  std::optional<std::string> failure;
};

/// Makes spans of events: all calls that go back to one message from outside are one trace. Ids follow from the actors'
/// and the sequences, so that a span leads to its event. One thread at a time.
class TraceBuilder {
 public:
  /// Messages whose sender is remembered until their call begins.
  explicit TraceBuilder(std::size_t messages_max) : messages_max_(messages_max) {}

  /// Each actor's events in their order, and a message's sending before its call. The span that ends with this event.
  std::optional<Span> see(const Event& event);

 private:
  struct Sender {
    TraceId trace{};
    SpanId span{};
  };
  struct CauseHash {
    std::size_t operator()(const Cause& cause) const {
      return std::hash<ActorId>()(cause.actor) ^ (cause.sequence * 0x9e3779b97f4a7c15u);
    }
  };

  void begin(const Event& event);
  std::optional<Span> end(const Event& event);
  void remember_sender(const Event& event);

  const std::size_t messages_max_;
  std::unordered_map<ActorId, Span> running_;
  std::unordered_map<Cause, Sender, CauseHash> senders_;
  /// The oldest are forgotten first.
  std::deque<Cause> sent_;
};

}  // namespace theater::server
