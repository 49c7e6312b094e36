#include "theater/event.h"

#include <algorithm>
#include <array>

#include "base/sha256.h"
#include "chain/link_codec.h"

namespace theater {
namespace {

ActorId actor_of(ByteView bytes) {
  std::array<std::uint8_t, 16> id{};
  if (bytes.size() == id.size()) std::ranges::copy(bytes, id.begin());
  return ActorId(id);
}

std::optional<Bytes> find(const ChainReader::Payloads* payloads, const Digest& digest) {
  return payloads == nullptr ? std::nullopt : payloads->find(digest);
}

EventValue value_of(const chain::ValueRef& ref, const ChainReader::Payloads* payloads) {
  EventValue value;
  value.head = to_bytes(ref.head);
  if (!ref.by_digest()) return value;
  value.body_digest = chain::digest_of(ref.body_digest);
  value.body_size = ref.body_size;
  value.body = find(payloads, *value.body_digest);
  return value;
}

EventState state_of(const chain::StateRef& ref, const ChainReader::Payloads* payloads) {
  EventState state;
  state.form = ref.form;
  state.size = ref.size;
  if (ref.form == EventState::Form::kInline) state.bytes = to_bytes(ref.bytes);
  if (ref.form == EventState::Form::kDigest) {
    state.digest = chain::digest_of(ref.digest);
    state.bytes = find(payloads, *state.digest);
  }
  return state;
}

}  // namespace

std::string_view to_string(EventKind kind) {
  switch (kind) {
    case EventKind::kStarted: return "started";
    case EventKind::kCall: return "call";
    case EventKind::kHostCall: return "host-call";
    case EventKind::kHostCallBegin: return "host-call-begin";
    case EventKind::kHostCallEnd: return "host-call-end";
    case EventKind::kReturned: return "returned";
    case EventKind::kFailed: return "failed";
    case EventKind::kStopped: return "stopped";
    case EventKind::kNote: return "note";
  }
  return "unknown";
}

std::string_view to_string(StartReason reason) {
  switch (reason) {
    case StartReason::kSpawned: return "spawned";
    case StartReason::kRestarted: return "restarted";
    case StartReason::kUpdated: return "updated";
    case StartReason::kResumed: return "resumed";
    case StartReason::kForked: return "forked";
  }
  return "unknown";
}

std::string_view to_string(FailureReason reason) {
  switch (reason) {
    case FailureReason::kGuestError: return "guest-error";
    case FailureReason::kTrapped: return "trapped";
    case FailureReason::kOutOfFuel: return "out-of-fuel";
    case FailureReason::kTimedOut: return "timed-out";
    case FailureReason::kStopped: return "stopped";
    case FailureReason::kHostError: return "host-error";
  }
  return "unknown";
}

std::string_view to_string(StopReason reason) {
  switch (reason) {
    case StopReason::kRequested: return "requested";
    case StopReason::kShutdown: return "shutdown";
    case StopReason::kFailed: return "failed";
    case StopReason::kParent: return "parent-ended";
    case StopReason::kRuntimeEnded: return "runtime-ended";
    case StopReason::kTerminated: return "terminated";
  }
  return "unknown";
}

Digest event_hash(const Digest& link_hash, std::uint32_t events_after_it) {
  std::array<std::uint8_t, 1 + sizeof(Digest) + 4> bytes;
  bytes[0] = 0x02;
  std::memcpy(bytes.data() + 1, link_hash.data(), sizeof(Digest));
  for (std::size_t i = 0; i < 4; ++i) {
    bytes[1 + sizeof(Digest) + i] = static_cast<std::uint8_t>(events_after_it >> (24 - 8 * i));
  }
  return sha256(bytes);
}

/// Turns what the link holds of an event into its fields, kind by kind.
struct ChainReader::Filler {
  ChainReader& reader;
  Event& event;

  void operator()(const chain::StartedView& view) const {
    event.start = view.reason;
    event.name = view.name;
    event.component = chain::digest_of(view.component);
    event.manifest = chain::digest_of(view.manifest);
    if (!view.parent.empty()) event.parent = actor_of(view.parent);
    event.functions = {chain::names_of(view.imports), chain::names_of(view.exports)};
    event.state = state_of(view.state, reader.payloads_);
    reader.functions_ = event.functions;
    reader.has_functions_ = true;
    reader.running_export_.clear();
    reader.pending_import_.clear();
  }

  void operator()(const chain::CallView& view) const {
    name_function(false, view.export_index);
    reader.running_export_ = event.function;
    if (!view.cause_actor.empty()) event.cause = Cause{actor_of(view.cause_actor), view.cause_sequence};
    event.params = value(view.params);
  }

  void operator()(const chain::HostCallView& view) const {
    name_function(true, view.import_index);
    event.params = value(view.params);
    event.result = value(view.result);
  }

  void operator()(const chain::HostCallBeginView& view) const {
    name_function(true, view.import_index);
    reader.pending_import_ = event.function;
    event.params = value(view.params);
  }

  void operator()(const chain::HostCallEndView& view) const {
    event.function = std::exchange(reader.pending_import_, {});
    event.result = value(view.result);
  }

  void operator()(const chain::ReturnedView& view) const {
    event.function = std::exchange(reader.running_export_, {});
    event.result = value(view.result);
    event.state = state_of(view.state, reader.payloads_);
    event.fuel = view.fuel;
  }

  void operator()(const chain::FailedView& view) const {
    event.function = std::exchange(reader.running_export_, {});
    reader.pending_import_.clear();
    event.failure = view.reason;
    event.message = view.message;
    event.backtrace = view.backtrace;
    event.fuel = view.fuel;
  }

  void operator()(const chain::StoppedView& view) const {
    event.stop = view.reason;
    event.message = view.message;
  }

  void operator()(const chain::NoteView& view) const {
    event.note_type = view.type;
    event.note = value(view.data);
  }

 private:
  EventValue value(const chain::ValueRef& ref) const { return value_of(ref, reader.payloads_); }
  void name_function(bool is_import, std::uint32_t index) const {
    event.function_index = index;
    event.function = reader.function_name(is_import, index);
  }
};

std::string ChainReader::function_name(bool is_import, std::uint32_t index) const {
  const std::vector<std::string>& names = is_import ? functions_.imports : functions_.exports;
  if (has_functions_ && index < names.size()) return names[index];
  return (is_import ? "import " : "export ") + std::to_string(index);
}

Result<std::vector<Event>> ChainReader::read(ByteView link) {
  chain::LinkDecoder decoder(link);
  std::vector<Event> events;
  if (decoder.ok()) {
    const chain::LinkHeader& header = decoder.header();
    const Digest link_hash = sha256(link);
    std::optional<Digest> parent_hash;
    if (header.first_sequence > 0) parent_hash = event_hash(header.previous, 0);
    events.reserve(header.event_count);
    chain::EventView view;
    while (decoder.next(view)) {
      Event& event = events.emplace_back();
      event.actor = header.actor;
      event.sequence = view.sequence;
      event.kind = view.kind();
      event.time_ns = view.time_ns;
      event.hash = event_hash(link_hash, header.event_count - static_cast<std::uint32_t>(events.size()));
      event.parent_hash = std::exchange(parent_hash, event.hash);
      std::visit(Filler{*this, event}, view.body);
    }
  }
  if (decoder.fault()) return fail(ErrorCode::kCorrupt, "not a link of a chain: " + decoder.fault()->to_string());
  return events;
}

}  // namespace theater
