#include "server/trace_builder.h"

#include <algorithm>

#include "base/sha256.h"

namespace theater::server {
namespace {

/// Of the call that this event of this actor begins.
Digest identity(const ActorId& actor, std::uint64_t sequence) {
  return sha256(as_bytes(to_string(actor) + "#" + std::to_string(sequence)));
}

/// Whatever the package of its interface is called.
bool sends_messages(const std::string& function) { return function.find("/message-server-host.") != std::string::npos; }

}  // namespace

std::optional<Span> TraceBuilder::see(const Event& event) {
  switch (event.kind) {
    case EventKind::kCall: begin(event); return std::nullopt;
    case EventKind::kHostCall:
    case EventKind::kHostCallBegin: remember_sender(event); return std::nullopt;
    case EventKind::kReturned:
    case EventKind::kFailed:
    case EventKind::kStopped: return end(event);
    default: return std::nullopt;
  }
}

void TraceBuilder::begin(const Event& event) {
  const Digest own = identity(event.actor, event.sequence);
  Span span;
  span.function = event.function;
  span.actor = event.actor;
  span.sequence = event.sequence;
  span.start_ns = event.time_ns;
  std::copy_n(own.begin(), span.id.size(), span.id.begin());
  std::copy_n(own.begin() + span.id.size(), span.trace.size(), span.trace.begin());
  if (event.cause) {
    if (const auto sender = senders_.find(*event.cause); sender != senders_.end()) {
      span.trace = sender->second.trace;
      span.parent = sender->second.span;
    }
  }
  running_[event.actor] = std::move(span);
}

std::optional<Span> TraceBuilder::end(const Event& event) {
  auto running = running_.extract(event.actor);
  if (!running) return std::nullopt;
  Span span = std::move(running.mapped());
  // The machine's clock may have been set meanwhile.
  span.end_ns = std::max(span.start_ns, event.time_ns);
  if (event.kind == EventKind::kFailed) span.failure = std::string(to_string(event.failure)) + ": " + event.message;
  if (event.kind == EventKind::kStopped) span.failure = "the actor ended";
  return span;
}

void TraceBuilder::remember_sender(const Event& event) {
  const auto running = running_.find(event.actor);
  if (running == running_.end() || !sends_messages(event.function)) return;
  if (sent_.size() == messages_max_) {
    senders_.erase(sent_.front());
    sent_.pop_front();
  }
  const Cause place{.actor = event.actor, .sequence = event.sequence};
  senders_[place] = {.trace = running->second.trace, .span = running->second.id};
  sent_.push_back(place);
}

}  // namespace theater::server
