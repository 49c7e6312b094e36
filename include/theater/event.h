#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "theater/bytes.h"
#include "theater/error.h"
#include "theater/id.h"

namespace theater {

/// A SHA-256 (FIPS 180-4) digest.
using Digest = std::array<std::uint8_t, 32>;

/// What happened. The numbers are part of the chain's format (docs/event-format.md) and never change their meaning.
enum class EventKind : std::uint8_t {
  kStarted = 1,        ///< a component began to run under this id: spawned, restarted, updated…
  kCall = 2,           ///< an exported function was called
  kHostCall = 3,       ///< the guest called an imported function, and got its result at once
  kHostCallBegin = 4,  ///< the guest called an imported function that suspends the call
  kHostCallEnd = 5,    ///< the result of the call that kHostCallBegin began
  kReturned = 6,       ///< the exported function returned; the state is now what this event says
  kFailed = 7,         ///< the exported function failed; the state is what it was before
  kStopped = 8,        ///< the actor's end; only kStarted may follow
  kNote = 9,           ///< an event of a handler or of the runtime, named by its type
};
inline constexpr EventKind kLastEventKind = EventKind::kNote;

/// "call", "host-call-begin"…
std::string_view to_string(EventKind kind);

/// Why a component began to run. Numbers as in the format.
enum class StartReason : std::uint8_t {
  kSpawned = 1,
  kRestarted = 2,  ///< by supervision or on demand; same id, new instance
  kUpdated = 3,    ///< hot update: another component, same state
  kResumed = 4,    ///< after the runtime itself had ended, perhaps in the middle of a call
  kForked = 5,     ///< goes on from an event of another actor's chain
};
std::string_view to_string(StartReason reason);

/// Why a call failed. Numbers as in the format.
enum class FailureReason : std::uint8_t {
  kGuestError = 1,  ///< the handler returned its error string
  kTrapped = 2,
  kOutOfFuel = 3,
  kTimedOut = 4,
  kStopped = 5,    ///< the actor was stopped while the call was suspended or running
  kHostError = 6,  ///< the runtime could not run the call
};
std::string_view to_string(FailureReason reason);

/// Why an actor ended. Numbers as in the format.
enum class StopReason : std::uint8_t {
  kRequested = 1,     ///< by the API, a client or the command line
  kShutdown = 2,      ///< the guest asked for it
  kFailed = 3,        ///< a failure, and no supervision took it up
  kParent = 4,        ///< the parent's end ends its children
  kRuntimeEnded = 5,  ///< the whole runtime ends
  kTerminated = 6,    ///< without letting its running call end
};
std::string_view to_string(StopReason reason);

/// An event in another actor's chain that brought about this one.
struct Cause {
  ActorId actor;
  std::uint64_t sequence = 0;
  bool operator==(const Cause&) const = default;
};

/// The functions that a component imports and exports, each "interface.function", in the order of the component's
/// description. Events name a function by its place here.
struct FunctionTable {
  std::vector<std::string> imports;
  std::vector<std::string> exports;
  bool operator==(const FunctionTable&) const = default;
};

/// A recorded value: canonical bytes, the last part of which may be recorded by digest only.
struct EventValue {
  /// The bytes recorded in the event: all of the value, or all but its body.
  Bytes head;
  /// Set when the value's last `body_size` bytes are recorded by this digest.
  std::optional<Digest> body_digest;
  std::uint64_t body_size = 0;
  /// The body, where it was still kept.
  std::optional<Bytes> body;

  /// Bytes of the whole value.
  std::uint64_t size() const { return head.size() + body_size; }
  bool operator==(const EventValue&) const = default;
};

/// What an event says about the actor's state.
struct EventState {
  enum class Form : std::uint8_t {
    kUnchanged = 0,
    kNone = 1,    ///< no state is kept
    kInline = 2,  ///< `bytes` is the state
    kDigest = 3,  ///< the state has `size` bytes and `digest`
  };
  Form form = Form::kUnchanged;
  /// The state: inline, or where its content was still kept.
  std::optional<Bytes> bytes;
  std::optional<Digest> digest;
  std::uint64_t size = 0;
  bool operator==(const EventState&) const = default;
};

/// One decoded event of an actor's chain. Fields that do not belong to its kind are empty or zero.
struct Event {
  ActorId actor;
  /// Place in the actor's chain: 0, 1, 2… without a gap.
  std::uint64_t sequence = 0;
  EventKind kind = EventKind::kNote;
  /// Nanoseconds since the Unix epoch by the machine's clock; may go back when that clock was set.
  std::uint64_t time_ns = 0;
  Digest hash{};
  /// Hash of the event before it; none for the first.
  std::optional<Digest> parent_hash;

  /// "interface.function": kCall, kHostCall, kHostCallBegin; also kHostCallEnd, kReturned, kFailed when the event that
  /// they end was read before. "import 3" or "export 3" when the function table is not known.
  std::string function;
  std::uint32_t function_index = 0;  ///< kCall, kHostCall, kHostCallBegin
  std::optional<Cause> cause;        ///< kCall: the event that sent the message
  EventValue params;                 ///< kCall, kHostCall, kHostCallBegin
  EventValue result;                 ///< kHostCall, kHostCallEnd, kReturned
  EventState state;                  ///< kStarted, kReturned
  std::uint64_t fuel = 0;            ///< kReturned, kFailed: used by the call

  FailureReason failure{};  ///< kFailed
  std::string message;      ///< kFailed, kStopped
  std::string backtrace;    ///< kFailed: WebAssembly frames, innermost first

  StopReason stop{};  ///< kStopped

  StartReason start{};            ///< kStarted
  std::string name;               ///< kStarted: the actor's
  Digest component{};             ///< kStarted: SHA-256 of the component
  Digest manifest{};              ///< kStarted: SHA-256 of the manifest
  std::optional<ActorId> parent;  ///< kStarted
  FunctionTable functions;        ///< kStarted

  std::string note_type;  ///< kNote, e.g. "runtime.paused"
  EventValue note;        ///< kNote: any bytes

  bool operator==(const Event&) const = default;
};

/// Turns the links of one actor's chain into events, in order. One thread at a time.
class ChainReader {
 public:
  /// Finds the content of a large value by its digest; none when it is no longer kept.
  class Payloads {
   public:
    virtual ~Payloads() = default;
    virtual std::optional<Bytes> find(const Digest& digest) const = 0;
  };

  ChainReader() = default;
  /// `functions`: the table in force where reading begins, for a chain whose start is not there.
  explicit ChainReader(FunctionTable functions) : functions_(std::move(functions)), has_functions_(true) {}

  /// Fill in bodies from here on; borrowed, null for none.
  void use_payloads(const Payloads* payloads) { payloads_ = payloads; }

  /// The events of the next link. Malformed bytes are kCorrupt with the offset and sequence. Does not verify that the
  /// link follows the one before: that is verify's task.
  Result<std::vector<Event>> read(ByteView link);

  const FunctionTable& functions() const { return functions_; }

 private:
  struct Filler;

  std::string function_name(bool is_import, std::uint32_t index) const;

  FunctionTable functions_;
  bool has_functions_ = false;
  const Payloads* payloads_ = nullptr;
  // The functions of the call that runs and of the host call that is pending, as far as read.
  std::string running_export_;
  std::string pending_import_;
};

/// The hash by which one event is known: SHA-256 of 0x02, its link's hash and the number of events after it in that
/// link (u32, big-endian). A link thus proves each of its events, and the hash of the event before a link follows from
/// the link alone.
Digest event_hash(const Digest& link_hash, std::uint32_t events_after_it);

/// What the management protocol calls the event's type: the function's name, with ".begin", ".end", ".returned" or
/// ".failed" where the kind says so; "actor.started", "actor.stopped"; a note's own type.
std::string event_type(const Event& event);
/// What happened in a few words for a person: no line breaks, safe for a terminal.
std::string describe(const Event& event);
/// The bytes that the management protocol shows as the event's data: the parameters, result, message… as recorded.
Bytes event_data(const Event& event);

/// One line: time (UTC), sequence, kind and what happened; safe for a terminal, at most about `max_bytes` long.
std::string to_line(const Event& event, std::size_t max_bytes = 160);
/// One JSON object on one line; the fields are listed in docs/event-format.md.
std::string to_json(const Event& event);
/// A value as short text: byte lists and strings in quotes when they look like text, hexadecimal otherwise. Without
/// types this is a guess; for people only.
std::string preview(const EventValue& value, std::size_t max_bytes);
/// What a note says, as short text: notes are mostly plain text, which a preview could take for a length and a text.
std::string preview_note(const EventValue& note, std::size_t max_bytes);

}  // namespace theater
