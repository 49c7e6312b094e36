#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/limits.h"
#include "base/sha256.h"
#include "theater/bytes.h"
#include "theater/event.h"

/// The canonical bytes of links and events, exactly as docs/event-format.md says. All views are borrowed.
namespace theater::chain {

inline constexpr std::uint8_t kLinkVersion = 1;
/// Fixed by the format.
inline constexpr std::size_t kInlineStateBytes = 64;
/// A reader refuses longer links; a writer stops far below.
inline constexpr std::size_t kLinkBytesMax = 1u << 20;
/// So that the count always takes one byte.
inline constexpr std::size_t kLinkEventsMax = 127;
static_assert(limits::kLinkEvents <= kLinkEventsMax);
/// Name, function table and the rest of one started event.
inline constexpr std::size_t kStartedBytesMax = 512u << 10;
inline constexpr std::size_t kMessageBytesMax = limits::kErrorTextBytes;
inline constexpr std::size_t kBacktraceBytesMax = 16u << 10;
inline constexpr std::size_t kNoteTypeBytesMax = 256;

struct LinkHeader {
  ActorId actor;
  Digest previous{};
  std::uint64_t first_sequence = 0;
  std::uint64_t base_time_ns = 0;
  std::uint32_t event_count = 0;
};

/// Bytes in one or two pieces; with `body_digest` set, followed by `body_size` bytes that are recorded by digest only.
struct ValueRef {
  ByteView head;
  ByteView tail;
  ByteView body_digest;  ///< 32 bytes or empty
  std::uint64_t body_size = 0;

  bool by_digest() const { return !body_digest.empty(); }
};

struct StateRef {
  EventState::Form form = EventState::Form::kUnchanged;
  ByteView bytes;   ///< kInline
  ByteView digest;  ///< kDigest: 32 bytes
  std::uint64_t size = 0;
};

/// A list of strings as recorded: count and items.
struct NameList {
  std::uint64_t count = 0;
  /// The items alone, each LEB128 length and text; checked by the decoder.
  ByteView items;
};

struct StartedView {
  StartReason reason{};
  std::string_view name;
  ByteView component;  ///< 32 bytes
  ByteView manifest;   ///< 32 bytes
  ByteView parent;     ///< 16 bytes or empty
  NameList imports;
  NameList exports;
  StateRef state;
};
struct CallView {
  std::uint32_t export_index = 0;
  ByteView cause_actor;  ///< 16 bytes or empty
  std::uint64_t cause_sequence = 0;
  ValueRef params;
};
struct HostCallView {
  std::uint32_t import_index = 0;
  ValueRef params;
  ValueRef result;
};
struct HostCallBeginView {
  std::uint32_t import_index = 0;
  ValueRef params;
};
struct HostCallEndView {
  ValueRef result;
};
struct ReturnedView {
  ValueRef result;
  StateRef state;
  std::uint64_t fuel = 0;
};
struct FailedView {
  FailureReason reason{};
  std::string_view message;
  std::string_view backtrace;
  std::uint64_t fuel = 0;
};
struct StoppedView {
  StopReason reason{};
  std::string_view message;
};
struct NoteView {
  std::string_view type;
  ValueRef data;
};

/// In the order of EventKind, from kStarted = 1.
using EventBody = std::variant<StartedView, CallView, HostCallView, HostCallBeginView, HostCallEndView, ReturnedView,
                               FailedView, StoppedView, NoteView>;

struct EventView {
  std::uint64_t sequence = 0;
  std::uint64_t time_ns = 0;
  EventBody body;

  EventKind kind() const { return static_cast<EventKind>(body.index() + 1); }
};

/// Calls `visit(ByteView digest, std::uint64_t size)` for each large value and state that the event names by digest.
template <class Visit>
void visit_digests(const EventView& event, Visit&& visit) {
  const auto value = [&](const ValueRef& ref) {
    if (ref.by_digest()) visit(ref.body_digest, ref.body_size);
  };
  const auto state = [&](const StateRef& ref) {
    if (ref.form == EventState::Form::kDigest) visit(ref.digest, ref.size);
  };
  std::visit(
      [&](const auto& body) {
        if constexpr (requires { body.params; }) value(body.params);
        if constexpr (requires { body.result; }) value(body.result);
        if constexpr (requires { body.data; }) value(body.data);
        if constexpr (requires { body.state; }) state(body.state);
      },
      event.body);
}

/// Why bytes are not a link.
struct DecodeFault {
  std::size_t offset = 0;
  /// Of the event that is malformed; none when it is the link's header.
  std::optional<std::uint64_t> sequence;
  const char* what = "";

  std::string to_string() const;
};

/// Reads one link. Allocates nothing. Accepts exactly one byte sequence for each link.
class LinkDecoder {
 public:
  explicit LinkDecoder(ByteView link);

  /// False: the header is malformed, see fault().
  bool ok() const { return !fault_; }
  const LinkHeader& header() const { return header_; }
  /// Reads the next event. False: the end was reached, or fault() is set.
  bool next(EventView& event);
  const std::optional<DecodeFault>& fault() const { return fault_; }

 private:
  bool fail(std::size_t offset, const char* what);

  ByteView link_;
  std::size_t offset_ = 0;
  std::uint32_t read_ = 0;
  std::uint64_t time_ns_ = 0;
  LinkHeader header_;
  std::optional<DecodeFault> fault_;
};

/// Reads the next name off a list; false at its end. The list must come from a decoder.
bool next_name(NameList& list, std::string_view& name);
/// All names of a list that comes from a decoder.
std::vector<std::string> names_of(NameList list);

/// A digest of its 32 bytes, which is what a decoder gives; zeros for any other number of them.
Digest digest_of(ByteView bytes);

/// The bytes of a link; for tests and tools, the builder writes its own. The events' sequences are ignored, times and
/// values must be valid.
Bytes encode_link(const LinkHeader& header, std::span<const EventView> events);

}  // namespace theater::chain
