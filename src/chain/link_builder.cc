#include "chain/link_builder.h"

#include <algorithm>

#include "base/check.h"
#include "chain/link_encoding.h"

namespace theater {
namespace {

/// A link that has just less than kLinkBytes takes an event of ordinary size without growing.
constexpr std::size_t kFirstCapacityBytes = limits::kLinkBytes + (32u << 10);
/// Two values an event and a state.
constexpr std::size_t kPayloadsReserved = chain::kLinkEventsMax * 2 + 1;

/// The longest prefix of at most `max_bytes` that does not end within a character.
std::string_view cut(std::string_view text, std::size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  std::size_t end = max_bytes;
  while (end > 0 && (static_cast<std::uint8_t>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

void append_names(Bytes& out, const std::vector<std::string>& names) {
  ValueWriter writer(out);
  for (const std::string& name : names) writer.string(name);
}

bool all_utf8(const std::vector<std::string>& names) {
  return std::all_of(names.begin(), names.end(), [](const std::string& name) { return is_utf8(as_bytes(name)); });
}

}  // namespace

std::string_view recordable_text(std::string_view text, std::size_t max_bytes, std::string& storage) {
  text = cut(text, max_bytes);
  if (is_utf8(as_bytes(text))) return text;
  storage = printable(as_bytes(text), max_bytes);
  return cut(storage, max_bytes);
}

/// What a value or state that is being recorded becomes in the link. Holds the digest that the reference borrows.
class LinkBuilder::Recorder {
 public:
  explicit Recorder(LinkBuilder& builder) : builder_(builder) {}
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  chain::ValueRef value(const ValueRecord& record) {
    if (record.head.size() + record.body.size() < limits::kLargePayloadBytes) [[likely]] {
      return {record.head, record.body, {}, 0};
    }
    return large_value(record);
  }

  chain::StateRef state(const StateRecord& record) {
    if (record.form != EventState::Form::kInline) return {record.form, {}, {}, 0};
    if (record.bytes.size() <= chain::kInlineStateBytes)
      return {EventState::Form::kInline, record.bytes, {}, record.bytes.size()};
    const bool digest_known = record.payload != nullptr && record.payload->is_large();
    digest_ = digest_known ? record.payload->digest() : sha256(record.bytes);
    if (record.payload != nullptr) builder_.keep(digest_, *record.payload);
    return {EventState::Form::kDigest, {}, digest_, record.bytes.size()};
  }

 private:
  chain::ValueRef large_value(const ValueRecord& record) {
    // The head of a value is a few ids and lengths; should it be large, then all of the value goes by digest as one.
    const bool body_alone =
        record.body.size() >= limits::kLargePayloadBytes && record.head.size() < limits::kLargePayloadBytes;
    if (!body_alone) {
      builder_.scratch_.assign(record.head.begin(), record.head.end());
      append(builder_.scratch_, record.body);
      return by_digest({}, Payload::copy(builder_.scratch_));
    }
    return by_digest(record.head, record.payload != nullptr ? *record.payload : Payload::copy(record.body));
  }

  chain::ValueRef by_digest(ByteView head, const Payload& body) {
    digest_ = body.digest();
    builder_.keep(digest_, body);
    return {head, {}, digest_, body.size()};
  }

  LinkBuilder& builder_;
  Digest digest_;
};

LinkBuilder::LinkBuilder(Recording recording) : recording_(recording) {
  if (recording_ == Recording::kOff) return;
  capacity_bytes_ = kFirstCapacityBytes;
  buffer_ = std::make_unique_for_overwrite<std::uint8_t[]>(capacity_bytes_);
  payloads_.reserve(kPayloadsReserved);
}

void LinkBuilder::begin(const ActorId& actor, const ChainHead& head, std::uint64_t wall_ns) {
  THEATER_CHECK(!is_open_ || is_empty());
  is_open_ = true;
  has_lifecycle_ = false;
  event_count_ = 0;
  first_sequence_ = head.next_sequence;
  base_time_ns_ = wall_ns;
  time_ns_ = wall_ns;
  actor_ = actor;
  if (recording_ == Recording::kOff) return;
  payloads_.clear();
  chain::Cursor out{buffer_.get()};
  chain::put_header(out, actor, head.hash, first_sequence_, base_time_ns_);
  count_offset_ = static_cast<std::size_t>(out.at - buffer_.get());
  used_bytes_ = count_offset_ + 1;
}

bool LinkBuilder::full() const { return event_count_ >= limits::kLinkEvents || used_bytes_ >= limits::kLinkBytes; }

void LinkBuilder::make_room(std::size_t bytes) {
  if (capacity_bytes_ - used_bytes_ >= bytes) [[likely]]
    return;
  const std::size_t capacity_bytes = std::max(capacity_bytes_ * 2, used_bytes_ + bytes);
  auto buffer = std::make_unique_for_overwrite<std::uint8_t[]>(capacity_bytes);
  std::memcpy(buffer.get(), buffer_.get(), used_bytes_);
  buffer_ = std::move(buffer);
  capacity_bytes_ = capacity_bytes;
}

void LinkBuilder::keep_state(const Payload& state) {
  if (recording_ == Recording::kOff || state.size() <= chain::kInlineStateBytes) return;
  keep(state.is_large() ? state.digest() : sha256(state.view()), state);
}

void LinkBuilder::keep(const Digest& digest, const Payload& content) { payloads_.push_back({digest, content}); }

template <class Body>
std::uint64_t LinkBuilder::add(const Body& body) {
  const std::size_t body_bytes = chain::encoded_bytes(body);
  make_room(chain::kEventFrameBytesMax + body_bytes);
  chain::Cursor out{buffer_.get() + used_bytes_};
  chain::put_event(out, time_ns_ - base_time_ns_, body_bytes, body);
  used_bytes_ = static_cast<std::size_t>(out.at - buffer_.get());
  return count_event();
}

inline std::uint64_t LinkBuilder::count_event() { return first_sequence_ + event_count_++; }

inline bool LinkBuilder::records() const {
  THEATER_CHECK(is_open_ && event_count_ < chain::kLinkEventsMax);
  return recording_ == Recording::kOn;
}

Result<std::uint64_t> LinkBuilder::started(const StartedRecord& record) {
  if (!records()) return count_event();
  const FunctionTable& functions = *record.functions;
  if (!is_utf8(as_bytes(record.name)) || !all_utf8(functions.imports) || !all_utf8(functions.exports)) {
    return fail(ErrorCode::kInvalidArgument, "the actor's name or a function's name is not UTF-8");
  }
  Bytes imports;
  Bytes exports;
  append_names(imports, functions.imports);
  append_names(exports, functions.exports);
  if (record.name.size() + imports.size() + exports.size() > chain::kStartedBytesMax) {
    return fail(ErrorCode::kTooLarge, "the component's function names take " +
                                          std::to_string(imports.size() + exports.size()) + " bytes, at most " +
                                          std::to_string(chain::kStartedBytesMax) + " can be recorded");
  }
  Recorder state(*this);
  has_lifecycle_ = true;
  return add(chain::StartedView{
      .reason = record.reason,
      .name = record.name,
      .component = record.component,
      .manifest = record.manifest,
      .parent = record.parent ? ByteView(record.parent->bytes()) : ByteView(),
      .imports = {functions.imports.size(), imports},
      .exports = {functions.exports.size(), exports},
      .state = state.state(record.state),
  });
}

std::uint64_t LinkBuilder::call(std::uint32_t export_index, const std::optional<Cause>& cause,
                                const ValueRecord& params) {
  if (!records()) return count_event();
  Recorder value(*this);
  return add(chain::CallView{
      .export_index = export_index,
      .cause_actor = cause ? ByteView(cause->actor.bytes()) : ByteView(),
      .cause_sequence = cause ? cause->sequence : 0,
      .params = value.value(params),
  });
}

std::uint64_t LinkBuilder::host_call(std::uint32_t import_index, const ValueRecord& params, const ValueRecord& result) {
  if (!records()) return count_event();
  Recorder params_value(*this);
  Recorder result_value(*this);
  return add(chain::HostCallView{import_index, params_value.value(params), result_value.value(result)});
}

std::uint64_t LinkBuilder::host_call_begin(std::uint32_t import_index, const ValueRecord& params) {
  if (!records()) return count_event();
  Recorder value(*this);
  return add(chain::HostCallBeginView{import_index, value.value(params)});
}

std::uint64_t LinkBuilder::host_call_end(const ValueRecord& result) {
  if (!records()) return count_event();
  Recorder value(*this);
  return add(chain::HostCallEndView{value.value(result)});
}

std::uint64_t LinkBuilder::returned(const ValueRecord& result, const StateRecord& state, std::uint64_t fuel_used) {
  if (!records()) return count_event();
  Recorder value(*this);
  Recorder new_state(*this);
  return add(chain::ReturnedView{value.value(result), new_state.state(state), fuel_used});
}

std::uint64_t LinkBuilder::failed(FailureReason reason, std::string_view message, std::string_view backtrace,
                                  std::uint64_t fuel_used) {
  if (!records()) return count_event();
  std::string message_storage;
  std::string backtrace_storage;
  return add(chain::FailedView{
      .reason = reason,
      .message = recordable_text(message, chain::kMessageBytesMax, message_storage),
      .backtrace = recordable_text(backtrace, chain::kBacktraceBytesMax, backtrace_storage),
      .fuel = fuel_used,
  });
}

std::uint64_t LinkBuilder::stopped(StopReason reason, std::string_view message) {
  if (!records()) return count_event();
  std::string storage;
  has_lifecycle_ = true;
  return add(chain::StoppedView{reason, recordable_text(message, chain::kMessageBytesMax, storage)});
}

std::uint64_t LinkBuilder::note(std::string_view type, const ValueRecord& data) {
  THEATER_CHECK(!type.empty());
  if (!records()) return count_event();
  std::string storage;
  Recorder value(*this);
  return add(chain::NoteView{recordable_text(type, chain::kNoteTypeBytesMax, storage), value.value(data)});
}

SealedLink LinkBuilder::seal(ChainHead& head) {
  THEATER_CHECK(is_open_ && !is_empty() && head.next_sequence == first_sequence_);
  is_open_ = false;
  head.next_sequence = next_sequence();
  SealedLink link{actor_, first_sequence_, event_count_, {}, {}, {}, has_lifecycle_};
  if (recording_ == Recording::kOn) {
    buffer_[count_offset_] = static_cast<std::uint8_t>(event_count_);
    link.bytes = {buffer_.get(), used_bytes_};
    link.hash = sha256(link.bytes);
    link.payloads = payloads_;
    head.hash = link.hash;
  }
  return link;
}

void LinkBuilder::abandon() {
  is_open_ = false;
  event_count_ = 0;
  payloads_.clear();
}

}  // namespace theater
