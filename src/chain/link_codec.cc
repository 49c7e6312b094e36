#include "chain/link_codec.h"

#include <algorithm>

#include "chain/link_encoding.h"

namespace theater::chain {
namespace {

/// Reads canonical bytes. The first malformed item makes it fail for good and remembers where and why; what it returns
/// from then on is zero or empty.
class Input {
 public:
  Input(ByteView bytes, std::size_t base_offset)
      : begin_(bytes.data()), at_(begin_), end_(begin_ + bytes.size()), base_offset_(base_offset) {}

  bool ok() const { return what_ == nullptr; }
  bool at_end() const { return at_ == end_; }
  std::size_t offset() const { return base_offset_ + static_cast<std::size_t>(at_ - begin_); }
  const char* what() const { return what_; }
  std::size_t fault_offset() const { return fault_offset_; }

  void fail(const char* what) {
    if (what_ != nullptr) return;
    what_ = what;
    fault_offset_ = offset();
    end_ = at_;  // nothing more can be read, so that no loop runs on
  }

  std::uint8_t u8() {
    if (at_ == end_) {
      fail("ends too early");
      return 0;
    }
    return *at_++;
  }

  std::uint64_t leb() {
    // Nearly all numbers are below 128.
    if (at_ != end_ && *at_ < 0x80) return *at_++;
    return long_leb();
  }

  std::uint32_t leb_u32() {
    const std::uint64_t value = leb();
    if (value > UINT32_MAX) fail("a number is too large for its field");
    return static_cast<std::uint32_t>(value);
  }

  ByteView raw(std::uint64_t size) {
    if (size > static_cast<std::uint64_t>(end_ - at_)) {
      fail("a length reaches beyond the end");
      return {};
    }
    const ByteView view(at_, static_cast<std::size_t>(size));
    at_ += size;
    return view;
  }

  bool flag() {
    const std::uint8_t value = u8();
    if (value > 1) fail("a tag is neither 0 nor 1");
    return value == 1;
  }

  std::string_view text() {
    const ByteView view = raw(leb());
    if (!is_utf8(view)) fail("a text is not UTF-8");
    return as_text(view);
  }

 private:
  std::uint64_t long_leb() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
      const std::uint8_t byte = u8();
      if (!ok()) return 0;
      const std::uint64_t bits = byte & 0x7f;
      if ((shift == 63 && bits > 1) || (byte == 0 && shift > 0)) break;
      value |= bits << shift;
      if ((byte & 0x80) == 0) return value;
    }
    fail("a number is longer than needed, or than 64 bits");
    return 0;
  }

  const std::uint8_t* begin_;
  const std::uint8_t* at_;
  const std::uint8_t* end_;
  std::size_t base_offset_;
  const char* what_ = nullptr;
  std::size_t fault_offset_ = 0;
};

template <class Reason>
Reason read_reason(Input& in, Reason last) {
  const std::uint8_t value = in.u8();
  if (in.ok() && (value == 0 || value > static_cast<std::uint8_t>(last))) in.fail("an unknown reason");
  return static_cast<Reason>(value);
}

void read(Input& in, ValueRef& value) {
  const bool by_digest = in.flag();
  value.head = in.raw(in.leb());
  value.tail = {};
  value.body_digest = {};
  value.body_size = 0;
  if (!by_digest) return;
  value.body_size = in.leb();
  if (value.body_size == 0) in.fail("a value by digest without bytes");
  value.body_digest = in.raw(sizeof(Digest));
}

void read(Input& in, StateRef& state) {
  const std::uint8_t form = in.u8();
  if (form > static_cast<std::uint8_t>(EventState::Form::kDigest)) in.fail("an unknown form of state");
  state.form = static_cast<EventState::Form>(form);
  state.bytes = {};
  state.digest = {};
  state.size = 0;
  if (state.form == EventState::Form::kInline) {
    state.bytes = in.raw(in.leb());
    state.size = state.bytes.size();
    if (state.size > kInlineStateBytes) in.fail("a state too long to be inline");
  } else if (state.form == EventState::Form::kDigest) {
    state.digest = in.raw(sizeof(Digest));
    state.size = in.leb();
    if (in.ok() && state.size <= kInlineStateBytes) in.fail("a state too short to be by digest");
  }
}

void read(Input& in, NameList& list) {
  list.count = in.leb();
  const Input before = in;
  for (std::uint64_t i = 0; i < list.count && in.ok(); ++i) in.text();
  Input items = before;
  list.items = in.ok() ? items.raw(in.offset() - before.offset()) : ByteView();
}

void read(Input& in, StartedView& event) {
  event.reason = read_reason(in, StartReason::kForked);
  event.name = in.text();
  event.component = in.raw(sizeof(Digest));
  event.manifest = in.raw(sizeof(Digest));
  event.parent = in.flag() ? in.raw(16) : ByteView();
  read(in, event.imports);
  read(in, event.exports);
  read(in, event.state);
}

void read(Input& in, CallView& event) {
  event.export_index = in.leb_u32();
  if (in.flag()) {
    event.cause_actor = in.raw(16);
    event.cause_sequence = in.leb();
  }
  read(in, event.params);
}

void read(Input& in, HostCallView& event) {
  event.import_index = in.leb_u32();
  read(in, event.params);
  read(in, event.result);
}

void read(Input& in, HostCallBeginView& event) {
  event.import_index = in.leb_u32();
  read(in, event.params);
}

void read(Input& in, HostCallEndView& event) { read(in, event.result); }

void read(Input& in, ReturnedView& event) {
  read(in, event.result);
  read(in, event.state);
  event.fuel = in.leb();
}

void read(Input& in, FailedView& event) {
  event.reason = read_reason(in, FailureReason::kHostError);
  event.message = in.text();
  event.backtrace = in.text();
  event.fuel = in.leb();
}

void read(Input& in, StoppedView& event) {
  event.reason = read_reason(in, StopReason::kTerminated);
  event.message = in.text();
}

void read(Input& in, NoteView& event) {
  event.type = in.text();
  if (in.ok() && event.type.empty()) in.fail("a note without a type");
  read(in, event.data);
}

template <class View>
void read_as(Input& in, EventBody& body) {
  read(in, body.emplace<View>());
}

void read_body(Input& in, std::uint8_t kind, EventBody& body) {
  switch (static_cast<EventKind>(kind)) {
    case EventKind::kStarted: return read_as<StartedView>(in, body);
    case EventKind::kCall: return read_as<CallView>(in, body);
    case EventKind::kHostCall: return read_as<HostCallView>(in, body);
    case EventKind::kHostCallBegin: return read_as<HostCallBeginView>(in, body);
    case EventKind::kHostCallEnd: return read_as<HostCallEndView>(in, body);
    case EventKind::kReturned: return read_as<ReturnedView>(in, body);
    case EventKind::kFailed: return read_as<FailedView>(in, body);
    case EventKind::kStopped: return read_as<StoppedView>(in, body);
    case EventKind::kNote: return read_as<NoteView>(in, body);
  }
  in.fail("an unknown kind of event (made by a newer version?)");
}

}  // namespace

std::string DecodeFault::to_string() const {
  std::string text = what;
  text += " (byte " + std::to_string(offset) + " of the link";
  if (sequence) text += ", event " + std::to_string(*sequence);
  return text + ")";
}

LinkDecoder::LinkDecoder(ByteView link) : link_(link) {
  if (link.size() > kLinkBytesMax) {
    fail(0, "longer than a link may be");
    return;
  }
  Input in(link, 0);
  const std::uint8_t version = in.u8();
  if (in.ok() && version != kLinkVersion) in.fail("an unknown version of the link format");
  if (const ByteView actor = in.raw(16); in.ok()) {
    std::array<std::uint8_t, 16> bytes;
    std::memcpy(bytes.data(), actor.data(), bytes.size());
    header_.actor = ActorId(bytes);
  }
  if (const ByteView previous = in.raw(sizeof(Digest)); in.ok()) {
    std::memcpy(header_.previous.data(), previous.data(), previous.size());
  }
  header_.first_sequence = in.leb();
  header_.base_time_ns = in.leb();
  const std::uint64_t count = in.leb();
  if (in.ok() && count == 0) in.fail("a link without events");
  if (in.ok() && count > kLinkEventsMax) in.fail("more events than a link may hold");
  if (in.ok() && header_.first_sequence > UINT64_MAX - count) in.fail("sequences beyond 64 bits");
  if (!in.ok()) {
    fail(in.fault_offset(), in.what());
    return;
  }
  header_.event_count = static_cast<std::uint32_t>(count);
  offset_ = in.offset();
  time_ns_ = header_.base_time_ns;
}

bool LinkDecoder::fail(std::size_t offset, const char* what) {
  fault_ = DecodeFault{offset, std::nullopt, what};
  if (offset_ > 0) fault_->sequence = header_.first_sequence + read_;
  return false;
}

bool LinkDecoder::next(EventView& event) {
  if (fault_) return false;
  if (read_ == header_.event_count) {
    if (offset_ == link_.size()) return false;
    --read_;  // what is left over is said to belong to the last event
    return fail(offset_, "bytes after the last event");
  }
  Input in(link_.subspan(offset_), offset_);
  const std::uint8_t kind = in.u8();
  const std::uint64_t delta_ns = in.leb();
  const std::uint64_t size = in.leb();
  const std::size_t body_offset = in.offset();
  const ByteView payload = in.raw(size);
  if (!in.ok()) return fail(in.fault_offset(), in.what());
  if (delta_ns > UINT64_MAX - header_.base_time_ns) return fail(offset_, "a time beyond 64 bits");
  if (header_.base_time_ns + delta_ns < time_ns_) return fail(offset_, "a time before that of the event before");

  Input body(payload, body_offset);
  read_body(body, kind, event.body);
  if (body.ok() && !body.at_end()) body.fail("bytes after the end of the event's payload");
  if (!body.ok()) return fail(body.fault_offset(), body.what());

  time_ns_ = header_.base_time_ns + delta_ns;
  event.time_ns = time_ns_;
  event.sequence = header_.first_sequence + read_;
  offset_ = in.offset();
  ++read_;
  return true;
}

bool next_name(NameList& list, std::string_view& name) {
  if (list.count == 0) return false;
  Input in(list.items, 0);
  name = in.text();
  list.items = list.items.subspan(in.offset());
  --list.count;
  return in.ok();
}

std::vector<std::string> names_of(NameList list) {
  std::vector<std::string> names;
  std::string_view name;
  while (next_name(list, name)) names.emplace_back(name);
  return names;
}

Digest digest_of(ByteView bytes) {
  Digest digest{};
  if (bytes.size() == digest.size()) std::ranges::copy(bytes, digest.begin());
  return digest;
}

Bytes encode_link(const LinkHeader& header, std::span<const EventView> events) {
  std::size_t bound_bytes = kLinkHeaderBytesMax;
  for (const EventView& event : events) {
    bound_bytes += kEventFrameBytesMax + std::visit([](const auto& body) { return encoded_bytes(body); }, event.body);
  }
  Bytes link(bound_bytes);
  Cursor out{link.data()};
  put_header(out, header.actor, header.previous, header.first_sequence, header.base_time_ns);
  out.leb(events.size());
  for (const EventView& event : events) {
    std::visit(
        [&](const auto& body) { put_event(out, event.time_ns - header.base_time_ns, encoded_bytes(body), body); },
        event.body);
  }
  link.resize(static_cast<std::size_t>(out.at - link.data()));
  return link;
}

}  // namespace theater::chain
