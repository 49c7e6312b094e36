#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/payload.h"
#include "chain/event_sink.h"
#include "theater/error.h"
#include "theater/event.h"
#include "theater/value.h"

namespace theater {

/// A value to record. From limits::kLargePayloadBytes on it is recorded by digest and its content kept as a Payload of
/// the link: the body alone when that is large, otherwise all of it.
struct ValueRecord {
  ByteView head;
  ByteView body;
  /// When set, `body` is the content of this payload, whose digest and memory are used instead of a copy.
  const Payload* payload = nullptr;

  ValueRecord() = default;
  // Implicit on purpose: where a value is recorded, a value is given.
  ValueRecord(const ValueView& value) : head(value.head), body(value.body) {}  // NOLINT(google-explicit-constructor)
  ValueRecord(ByteView value) : head(value) {}                                 // NOLINT(google-explicit-constructor)
  ValueRecord(ByteView head_bytes, const Payload& body_payload)
      : head(head_bytes), body(body_payload.view()), payload(&body_payload) {}
};

/// What an event says of the actor's state. Up to kInlineStateBytes are recorded as they are, more by digest.
struct StateRecord {
  static StateRecord unchanged() { return {}; }
  static StateRecord none() { return {EventState::Form::kNone, {}, nullptr}; }
  /// Records the state; its content is not kept beyond kInlineStateBytes.
  static StateRecord changed(ByteView state) { return {EventState::Form::kInline, state, nullptr}; }
  /// Records the state and keeps its content with the link.
  static StateRecord kept(const Payload& state) { return {EventState::Form::kInline, state.view(), &state}; }

  EventState::Form form = EventState::Form::kUnchanged;
  ByteView bytes;
  const Payload* payload = nullptr;
};

/// What a started event records.
struct StartedRecord {
  StartReason reason = StartReason::kSpawned;
  std::string_view name;
  Digest component{};
  Digest manifest{};
  std::optional<ActorId> parent;
  const FunctionTable* functions = nullptr;  ///< must not be null
  StateRecord state = StateRecord::none();
};

/// Text as it is recorded: at most `max_bytes`, and UTF-8. `storage` holds it when it had to be changed.
std::string_view recordable_text(std::string_view text, std::size_t max_bytes, std::string& storage);

enum class Recording : std::uint8_t {
  kOn,
  /// Sequences advance (so that causes can still be named), nothing is written or hashed: links are empty and their
  /// hash is zero.
  kOff,
};

/// Writes the events of one actor's activation into one link. One a shard, used by that shard's thread; its memory is
/// used again for the next link, so that recording allocates nothing (but for large values that are not given as
/// payloads).
///
/// begin → events → seal → sink.append. When full() is true before an event, seal and begin again: a call's events may
/// span links. The views given need to be valid during the call only. Each event method returns the event's sequence.
class LinkBuilder {
 public:
  explicit LinkBuilder(Recording recording = Recording::kOn);

  /// Starts a link of this actor after `head`. `wall_ns`: nanoseconds since the Unix epoch, the first events' time.
  void begin(const ActorId& actor, const ChainHead& head, std::uint64_t wall_ns);
  /// The time of the events from here on. One that goes back is taken as no time having passed.
  void set_time(std::uint64_t wall_ns) {
    if (wall_ns > time_ns_) time_ns_ = wall_ns;
  }
  /// Begun and not sealed.
  bool is_open() const { return is_open_; }
  /// Open without an event yet: such a link cannot be sealed; begin() may be called again, or abandon().
  bool is_empty() const { return event_count_ == 0; }
  /// Time to seal. A few more events may still be added (up to chain::kLinkEventsMax in all), such as a handler's note
  /// that comes between the question and the event.
  bool full() const;
  /// Sequence that the next event will have.
  std::uint64_t next_sequence() const { return first_sequence_ + event_count_; }

  /// Fails, adding nothing, with kTooLarge when name and function table do not fit (kStartedBytesMax).
  Result<std::uint64_t> started(const StartedRecord& record);
  /// `cause`: the event that sent the message; none for what came from outside. `params`: of handlers, without the
  /// state.
  std::uint64_t call(std::uint32_t export_index, const std::optional<Cause>& cause, const ValueRecord& params);
  std::uint64_t host_call(std::uint32_t import_index, const ValueRecord& params, const ValueRecord& result);
  std::uint64_t host_call_begin(std::uint32_t import_index, const ValueRecord& params);
  std::uint64_t host_call_end(const ValueRecord& result);
  std::uint64_t returned(const ValueRecord& result, const StateRecord& state, std::uint64_t fuel_used);
  /// Message and backtrace are cut at kMessageBytesMax and kBacktraceBytesMax, and made UTF-8.
  std::uint64_t failed(FailureReason reason, std::string_view message, std::string_view backtrace,
                       std::uint64_t fuel_used);
  std::uint64_t stopped(StopReason reason, std::string_view message);
  /// `type`: "handler.what", at most kNoteTypeBytesMax, cut there. `data`: any bytes.
  std::uint64_t note(std::string_view type, const ValueRecord& data);

  /// Keeps the actor's state with the link, as an event would that recorded it; no event needs to.
  void keep_state(const Payload& state);

  /// Finishes the link, which must hold an event, and moves `head` (the one given to begin) past it. Valid until the
  /// next begin().
  SealedLink seal(ChainHead& head);
  /// Drops the open link with all its events, as if begin had not been called.
  void abandon();

 private:
  class Recorder;

  /// Whether events are written at all. Also the check that one may be added.
  bool records() const;
  std::uint64_t count_event();
  template <class Body>
  std::uint64_t add(const Body& body);
  void make_room(std::size_t bytes);
  void keep(const Digest& digest, const Payload& content);

  const Recording recording_;
  bool is_open_ = false;
  bool has_lifecycle_ = false;
  std::uint32_t event_count_ = 0;
  std::uint64_t first_sequence_ = 0;
  std::uint64_t base_time_ns_ = 0;
  std::uint64_t time_ns_ = 0;
  ActorId actor_;
  std::unique_ptr<std::uint8_t[]> buffer_;
  std::size_t capacity_bytes_ = 0;
  std::size_t used_bytes_ = 0;
  std::size_t count_offset_ = 0;
  std::vector<RecordedPayload> payloads_;
  Bytes scratch_;
};

}  // namespace theater
