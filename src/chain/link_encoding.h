#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "chain/link_codec.h"

/// Writing of canonical bytes into memory that is known to be large enough: sizes first, then bytes. Inline since it is
/// in the path of every message.
namespace theater::chain {

inline std::size_t leb_bytes(std::uint64_t value) {
  return (static_cast<std::size_t>(std::bit_width(value | 1)) + 6) / 7;
}

/// A place to write to; the caller has made sure of the room.
struct Cursor {
  std::uint8_t* at;

  void u8(std::uint8_t value) { *at++ = value; }
  void leb(std::uint64_t value) {
    while (value >= 0x80) {
      *at++ = static_cast<std::uint8_t>(value | 0x80);
      value >>= 7;
    }
    *at++ = static_cast<std::uint8_t>(value);
  }
  void raw(ByteView bytes) {
    if (bytes.empty()) return;  // memcpy must not see the null pointer of an empty view
    std::memcpy(at, bytes.data(), bytes.size());
    at += bytes.size();
  }
  void text(std::string_view text) {
    leb(text.size());
    raw(as_bytes(text));
  }
};

inline std::size_t encoded_bytes(const ValueRef& value) {
  const std::size_t inline_bytes = value.head.size() + value.tail.size();
  const std::size_t size = 1 + leb_bytes(inline_bytes) + inline_bytes;
  return value.by_digest() ? size + leb_bytes(value.body_size) + sizeof(Digest) : size;
}

inline void put(Cursor& out, const ValueRef& value) {
  out.u8(value.by_digest() ? 1 : 0);
  out.leb(value.head.size() + value.tail.size());
  out.raw(value.head);
  out.raw(value.tail);
  if (!value.by_digest()) return;
  out.leb(value.body_size);
  out.raw(value.body_digest);
}

inline std::size_t encoded_bytes(const StateRef& state) {
  if (state.form == EventState::Form::kInline) return 1 + leb_bytes(state.bytes.size()) + state.bytes.size();
  if (state.form == EventState::Form::kDigest) return 1 + sizeof(Digest) + leb_bytes(state.size);
  return 1;
}

inline void put(Cursor& out, const StateRef& state) {
  out.u8(static_cast<std::uint8_t>(state.form));
  if (state.form == EventState::Form::kInline) {
    out.leb(state.bytes.size());
    out.raw(state.bytes);
  } else if (state.form == EventState::Form::kDigest) {
    out.raw(state.digest);
    out.leb(state.size);
  }
}

inline std::size_t encoded_bytes(std::string_view text) { return leb_bytes(text.size()) + text.size(); }
inline std::size_t encoded_bytes(const NameList& list) { return leb_bytes(list.count) + list.items.size(); }
inline void put(Cursor& out, const NameList& list) {
  out.leb(list.count);
  out.raw(list.items);
}

inline std::size_t encoded_bytes(const StartedView& event) {
  return 1 + encoded_bytes(event.name) + 2 * sizeof(Digest) + 1 + event.parent.size() + encoded_bytes(event.imports) +
         encoded_bytes(event.exports) + encoded_bytes(event.state);
}
inline void put(Cursor& out, const StartedView& event) {
  out.u8(static_cast<std::uint8_t>(event.reason));
  out.text(event.name);
  out.raw(event.component);
  out.raw(event.manifest);
  out.u8(event.parent.empty() ? 0 : 1);
  out.raw(event.parent);
  put(out, event.imports);
  put(out, event.exports);
  put(out, event.state);
}

inline std::size_t encoded_bytes(const CallView& event) {
  const std::size_t cause = event.cause_actor.empty() ? 0 : event.cause_actor.size() + leb_bytes(event.cause_sequence);
  return leb_bytes(event.export_index) + 1 + cause + encoded_bytes(event.params);
}
inline void put(Cursor& out, const CallView& event) {
  out.leb(event.export_index);
  out.u8(event.cause_actor.empty() ? 0 : 1);
  if (!event.cause_actor.empty()) {
    out.raw(event.cause_actor);
    out.leb(event.cause_sequence);
  }
  put(out, event.params);
}

inline std::size_t encoded_bytes(const HostCallView& event) {
  return leb_bytes(event.import_index) + encoded_bytes(event.params) + encoded_bytes(event.result);
}
inline void put(Cursor& out, const HostCallView& event) {
  out.leb(event.import_index);
  put(out, event.params);
  put(out, event.result);
}

inline std::size_t encoded_bytes(const HostCallBeginView& event) {
  return leb_bytes(event.import_index) + encoded_bytes(event.params);
}
inline void put(Cursor& out, const HostCallBeginView& event) {
  out.leb(event.import_index);
  put(out, event.params);
}

inline std::size_t encoded_bytes(const HostCallEndView& event) { return encoded_bytes(event.result); }
inline void put(Cursor& out, const HostCallEndView& event) { put(out, event.result); }

inline std::size_t encoded_bytes(const ReturnedView& event) {
  return encoded_bytes(event.result) + encoded_bytes(event.state) + leb_bytes(event.fuel);
}
inline void put(Cursor& out, const ReturnedView& event) {
  put(out, event.result);
  put(out, event.state);
  out.leb(event.fuel);
}

inline std::size_t encoded_bytes(const FailedView& event) {
  return 1 + encoded_bytes(event.message) + encoded_bytes(event.backtrace) + leb_bytes(event.fuel);
}
inline void put(Cursor& out, const FailedView& event) {
  out.u8(static_cast<std::uint8_t>(event.reason));
  out.text(event.message);
  out.text(event.backtrace);
  out.leb(event.fuel);
}

inline std::size_t encoded_bytes(const StoppedView& event) { return 1 + encoded_bytes(event.message); }
inline void put(Cursor& out, const StoppedView& event) {
  out.u8(static_cast<std::uint8_t>(event.reason));
  out.text(event.message);
}

inline std::size_t encoded_bytes(const NoteView& event) {
  return encoded_bytes(event.type) + encoded_bytes(event.data);
}
inline void put(Cursor& out, const NoteView& event) {
  out.text(event.type);
  put(out, event.data);
}

template <class Body>
struct KindOf;
template <>
struct KindOf<StartedView> : std::integral_constant<EventKind, EventKind::kStarted> {};
template <>
struct KindOf<CallView> : std::integral_constant<EventKind, EventKind::kCall> {};
template <>
struct KindOf<HostCallView> : std::integral_constant<EventKind, EventKind::kHostCall> {};
template <>
struct KindOf<HostCallBeginView> : std::integral_constant<EventKind, EventKind::kHostCallBegin> {};
template <>
struct KindOf<HostCallEndView> : std::integral_constant<EventKind, EventKind::kHostCallEnd> {};
template <>
struct KindOf<ReturnedView> : std::integral_constant<EventKind, EventKind::kReturned> {};
template <>
struct KindOf<FailedView> : std::integral_constant<EventKind, EventKind::kFailed> {};
template <>
struct KindOf<StoppedView> : std::integral_constant<EventKind, EventKind::kStopped> {};
template <>
struct KindOf<NoteView> : std::integral_constant<EventKind, EventKind::kNote> {};

/// One event with its frame. `body_bytes` is encoded_bytes(body), which the caller has needed already.
template <class Body>
void put_event(Cursor& out, std::uint64_t time_delta_ns, std::size_t body_bytes, const Body& body) {
  out.u8(static_cast<std::uint8_t>(KindOf<Body>::value));
  out.leb(time_delta_ns);
  out.leb(body_bytes);
  put(out, body);
}

/// Kind, time delta and payload length at their longest.
inline constexpr std::size_t kEventFrameBytesMax = 1 + 10 + 10;
/// Everything before the first event at its longest.
inline constexpr std::size_t kLinkHeaderBytesMax = 1 + 16 + sizeof(Digest) + 10 + 10 + 10;

/// All of the header but the event count.
inline void put_header(Cursor& out, const ActorId& actor, const Digest& previous, std::uint64_t first_sequence,
                       std::uint64_t base_time_ns) {
  out.u8(kLinkVersion);
  out.raw(actor.bytes());
  out.raw(previous);
  out.leb(first_sequence);
  out.leb(base_time_ns);
}

}  // namespace theater::chain
