/// Theater's C++ SDK: one header, C++20, freestanding; `theater build` compiles it with clang alone.
///
///   struct Counter : theater::Actor {
///     uint64_t total = 0;                              // data members are the actor's state
///     theater::Status on_send(theater::View message) {
///       total += message.size();
///       return theater::ok();
///     }
///   };
///   template struct theater::Component<Counter>;       // makes the component's exports
///
/// State. An actor's data members are its state: loaded before each turn, kept after a turn that succeeds, and
/// forgotten after one that fails. They must be trivially copyable (Text, List and plain numbers are), or the actor
/// writes them itself in save(Writer&) and load(Reader&). An actor without members has no state. Static members belong
/// to the instance and are lost when it is restarted.
///
/// Memory. A View borrows. What a handler is given, what the host functions return and what text() makes lives until
/// the turn ends and is then released at no cost; a loop with very many rounds in one turn uses a Scratch. Bytes owns
/// memory of its own.
///
/// Errors are values: `return fail("no such item ", number)`. There are no exceptions and no run-time types.
#pragma once

#include "theater.h"

static_assert(__cplusplus >= 202002L, "theater.hpp needs C++20");

inline void* operator new(size_t, void* place) noexcept { return place; }

namespace theater {

namespace detail {
template <class T>
struct remove_reference {
  using type = T;
};
template <class T>
struct remove_reference<T&> {
  using type = T;
};
template <class T>
struct remove_reference<T&&> {
  using type = T;
};
template <class T>
constexpr typename remove_reference<T>::type&& move(T&& value) {
  return static_cast<typename remove_reference<T>::type&&>(value);
}
template <class A, class B>
inline constexpr bool is_same = false;
template <class A>
inline constexpr bool is_same<A, A> = true;

template <class T>
concept Integer = requires(T value, T* pointer) {
  value % 2;
  pointer[value];
} && !is_same<T, bool> && !is_same<T, char>;
}  // namespace detail

// ---- Small types ----

/// A value or nothing.
template <class T>
class Optional {
 public:
  constexpr Optional() = default;
  constexpr Optional(T value) : value_(detail::move(value)), present_(true) {}
  constexpr explicit operator bool() const { return present_; }
  constexpr T& operator*() { return value_; }
  constexpr const T& operator*() const { return value_; }
  constexpr T* operator->() { return &value_; }
  constexpr const T* operator->() const { return &value_; }
  constexpr T value_or(T other) const { return present_ ? value_ : other; }

 private:
  T value_{};
  bool present_ = false;
};

/// Borrowed bytes or text.
class View {
 public:
  constexpr View() = default;
  constexpr View(const char* text) : data_(text), size_(__builtin_strlen(text)) {}
  constexpr View(const char* data, size_t size) : data_(data), size_(size) {}
  View(const void* data, size_t size) : data_(static_cast<const char*>(data)), size_(size) {}
  constexpr View(theater_view view) : data_(view.data), size_(view.size) {}
  constexpr operator theater_view() const { return {data_, size_}; }

  constexpr const char* data() const { return data_; }
  constexpr size_t size() const { return size_; }
  constexpr bool empty() const { return size_ == 0; }
  constexpr const char* begin() const { return data_; }
  constexpr const char* end() const { return data_ + size_; }
  constexpr unsigned char operator[](size_t i) const { return static_cast<unsigned char>(data_[i]); }

  friend bool operator==(View a, View b) { return theater_equal(a, b); }

  bool starts_with(View start) const { return size_ >= start.size_ && first(start.size_) == start; }
  /// At most `count` bytes from the start.
  constexpr View first(size_t count) const { return {data_, count < size_ ? count : size_}; }
  /// All but the first `count` bytes.
  constexpr View skip(size_t count) const { return count < size_ ? View(data_ + count, size_ - count) : View(); }
  /// Where the byte is first, if anywhere.
  constexpr Optional<size_t> find(char byte) const {
    for (size_t i = 0; i < size_; i++) {
      if (data_[i] == byte) return i;
    }
    return {};
  }
  /// Takes what stands before the next `separator` off the front (everything when there is none).
  constexpr View take_until(char separator) {
    const Optional<size_t> place = find(separator);
    const View taken = first(place ? *place : size_);
    *this = skip(place ? *place + 1 : size_);
    return taken;
  }
  /// The number that the whole text spells in decimal.
  constexpr Optional<uint64_t> number() const {
    if (size_ == 0 || size_ > 20) return {};
    uint64_t value = 0;
    for (const char c : *this) {
      const unsigned digit = static_cast<unsigned char>(c) - unsigned{'0'};
      if (digit > 9 || value > UINT64_MAX / 10 || value * 10 > UINT64_MAX - digit) return {};
      value = value * 10 + digit;
    }
    return value;
  }

 private:
  const char* data_ = nullptr;
  size_t size_ = 0;
};

/// Some values in a row, borrowed.
template <class T>
class Span {
 public:
  constexpr Span() = default;
  constexpr Span(const T* data, size_t size) : data_(data), size_(size) {}
  constexpr size_t size() const { return size_; }
  constexpr bool empty() const { return size_ == 0; }
  constexpr const T* begin() const { return data_; }
  constexpr const T* end() const { return data_ + size_; }
  constexpr const T& operator[](size_t i) const { return data_[i]; }

 private:
  const T* data_ = nullptr;
  size_t size_ = 0;
};

/// Text or bytes of at most `kCapacity` bytes, held in place: may be a member of an actor.
template <size_t kCapacity>
class Text {
 public:
  Text() = default;
  Text(View text) { assign(text); }
  Text(const char* text) : Text(View(text)) {}
  /// False when it was too long and has been cut.
  bool assign(View text) {
    size_ = static_cast<uint32_t>(text.first(kCapacity).size());
    __builtin_memcpy(bytes_, text.data(), size_);
    return text.size() <= kCapacity;
  }
  operator View() const { return view(); }
  View view() const { return {bytes_, size_}; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  friend bool operator==(const Text& a, View b) { return a.view() == b; }

 private:
  uint32_t size_ = 0;
  char bytes_[kCapacity] = {};
};

/// An id of an actor, channel or request, or an actor's name, to be kept in a member.
using Id = Text<60>;

/// At most `kCapacity` items, held in place: may be a member of an actor.
template <class T, size_t kCapacity>
class List {
 public:
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  bool full() const { return size_ == kCapacity; }
  T* begin() { return items_; }
  T* end() { return items_ + size_; }
  const T* begin() const { return items_; }
  const T* end() const { return items_ + size_; }
  T& operator[](size_t i) { return items_[i]; }
  const T& operator[](size_t i) const { return items_[i]; }
  /// False when it is full.
  bool add(const T& item) {
    if (full()) return false;
    items_[size_++] = item;
    return true;
  }
  /// Takes one out; the others keep their order.
  void remove(size_t place) {
    for (size_t i = place + 1; i < size_; i++) items_[i - 1] = items_[i];
    if (place < size_) size_--;
  }
  void clear() { size_ = 0; }

 private:
  uint32_t size_ = 0;
  T items_[kCapacity] = {};
};

extern "C" {
void* malloc(size_t);
void* realloc(void*, size_t);
void free(void*);
}

/// Bytes that grow and that outlive the turn. Without memory the actor traps.
class Bytes {
 public:
  Bytes() = default;
  Bytes(View bytes) { append(bytes); }
  Bytes(Bytes&& other) noexcept : data_(other.data_), size_(other.size_), capacity_(other.capacity_) { other.forget(); }
  Bytes& operator=(Bytes&& other) noexcept {
    if (this == &other) return *this;
    free(data_);
    data_ = other.data_;
    size_ = other.size_;
    capacity_ = other.capacity_;
    other.forget();
    return *this;
  }
  Bytes(const Bytes& other) { append(other); }
  Bytes& operator=(const Bytes& other) {
    if (this != &other) {
      clear();
      append(other);
    }
    return *this;
  }
  ~Bytes() { free(data_); }

  char* data() { return data_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  View view() const { return {data_, size_}; }
  operator View() const { return view(); }
  void clear() { size_ = 0; }
  void append(View bytes) {
    if (bytes.empty()) return;
    reserve(size_ + bytes.size());
    __builtin_memcpy(data_ + size_, bytes.data(), bytes.size());
    size_ += bytes.size();
  }
  void reserve(size_t bytes) {
    if (bytes <= capacity_) return;
    const size_t capacity = bytes > capacity_ * 2 ? bytes : capacity_ * 2;
    data_ = static_cast<char*>(realloc(data_, capacity));
    if (data_ == nullptr) __builtin_trap();
    capacity_ = capacity;
  }

 private:
  void forget() {
    data_ = nullptr;
    size_ = capacity_ = 0;
  }

  char* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

// ---- Text ----

namespace detail {
/// One part of text(…): a view, or digits of its own.
class Part {
 public:
  Part(View text) : text_(text) {}
  Part(const char* text) : text_(text) {}
  Part(const Bytes& bytes) : text_(bytes) {}
  template <size_t kCapacity>
  Part(const Text<kCapacity>& bytes) : text_(bytes) {}
  Part(bool value) : text_(value ? "true" : "false") {}
  Part(char c) {
    digits_[0] = c;
    text_ = View(digits_, 1);
  }
  template <Integer T>
  Part(T value) {
    const bool negative = value < T{};
    uint64_t rest = static_cast<uint64_t>(value);
    if (negative) rest = uint64_t{} - rest;
    char* start = digits_ + sizeof digits_;
    do {
      *--start = static_cast<char>('0' + rest % 10);
      rest /= 10;
    } while (rest != 0);
    if (negative) *--start = '-';
    text_ = View(start, static_cast<size_t>(digits_ + sizeof digits_ - start));
  }
  Part(const Part&) = delete;

  View view() const { return text_; }

 private:
  View text_;
  char digits_[20];
};
}  // namespace detail

/// All parts one after the other (views, literals, integers, bools), in the turn's memory.
template <class... Parts>
View text(const Parts&... parts) {
  const detail::Part all[] = {detail::Part(parts)...};
  size_t size = 0;
  for (const detail::Part& part : all) size += part.view().size();
  char* const start = static_cast<char*>(theater_turn_alloc(size));
  char* out = start;
  for (const detail::Part& part : all) {
    __builtin_memcpy(out, part.view().data(), part.view().size());
    out += part.view().size();
  }
  return {start, size};
}
/// One view needs no copy.
inline View text(View whole) { return whole; }
inline View text(const char* whole) { return whole; }

/// Releases at its end what its block took from the turn's memory: for loops of very many rounds within one turn.
class Scratch {
 public:
  Scratch() : mark_(theater_turn_mark()) {}
  ~Scratch() { theater_turn_release(mark_); }
  Scratch(const Scratch&) = delete;

 private:
  char* mark_;
};

/// Ends the turn's memory when an export of your own returns. The handlers of an Actor have theirs.
class Turn {
 public:
  Turn() = default;
  ~Turn() { theater_turn_end(); }
  Turn(const Turn&) = delete;
};

// ---- Results ----

/// An error in words; becomes any of the result types below.
struct Failure {
  View text;
};
template <class... Parts>
[[clang::noinline]] Failure fail(const Parts&... parts) {
  return {text(parts...)};
}

/// Success, or an error in words.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Failure failure) : status_{true, failure.text} {}
  Status(theater_status status) : status_(status) {}
  explicit operator bool() const { return !status_.failed; }
  View error() const { return status_.text; }

 private:
  theater_status status_{};
};
inline Status ok() { return {}; }

/// A value, or an error in words.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(value) {}
  Result(Failure failure) : error_(failure.text), failed_(true) {}
  explicit operator bool() const { return !failed_; }
  T& operator*() { return value_; }
  const T& operator*() const { return value_; }
  const T* operator->() const { return &value_; }
  View error() const { return error_; }
  /// To hand an error on.
  operator Status() const { return failed_ ? Status(Failure{error_}) : Status(); }

 private:
  T value_{};
  View error_;
  bool failed_ = false;
};

/// What on_request answers: bytes, an error, or nothing yet.
class Reply {
 public:
  Reply(View answer) : reply_{THEATER_ANSWERED, answer} {}
  Reply(const char* answer) : Reply(View(answer)) {}
  Reply(Failure failure) : reply_{THEATER_FAILED, failure.text} {}
  Reply(theater_reply reply) : reply_(reply) {}
  const theater_reply& raw() const { return reply_; }

 private:
  theater_reply reply_;
};
template <class... Parts>
Reply reply(const Parts&... parts) {
  return text(parts...);
}
/// The answer follows by respond(), or cancel(), in another turn.
inline Reply later() { return theater_answer_later(); }

/// What on_channel_open answers.
class Accept {
 public:
  Accept(Failure failure) : answer_{true, false, failure.text} {}
  Accept(bool accepted, View message) : answer_{false, accepted, message} {}
  const theater_acceptance& raw() const { return answer_; }

 private:
  theater_acceptance answer_;
};
/// Takes the channel; a message, when there is one, is the first that the other side gets.
inline Accept accept(View first_message = {}) { return {true, first_message}; }
inline Accept refuse(View why = {}) { return {false, why}; }

// ---- Host functions ----

namespace detail {
inline Result<View> result(theater_result result) {
  if (result.failed) return Failure{result.value};
  return View(result.value);
}
inline Result<uint64_t> result(theater_timer timer) {
  if (timer.failed) return Failure{timer.text};
  return timer.id;
}
}  // namespace detail

/// Puts a message into the actor's mailbox and goes on; an error says why it will not be delivered. `to` is an id or a
/// name.
inline Status send(View to, View message) { return theater_send(theater_utf8(to), message); }
/// Sends and waits for the answer, at most as long as the manifest's request_timeout_ms.
inline Result<View> request(View to, View message) {
  return detail::result(theater_request(theater_utf8(to), message));
}
/// Opens a channel, waiting until the other actor accepts or refuses; the result is the channel's id.
inline Result<View> open_channel(View to, View first_message = {}) {
  return detail::result(theater_open_channel(theater_utf8(to), first_message));
}
inline Status send_on_channel(View channel, View message) {
  return theater_send_on_channel(theater_utf8(channel), message);
}
inline Status close_channel(View channel) { return theater_close_channel(theater_utf8(channel)); }
/// Answers a request that on_request left for later.
inline Status respond(View request_id, View answer) { return theater_respond(theater_utf8(request_id), answer); }
/// Ends a request left for later: who asked gets an error.
inline Status cancel(View request_id) { return theater_cancel(theater_utf8(request_id)); }
/// Ids of the requests left for later.
inline Span<View> list_outstanding() {
  const theater_view* ids = nullptr;
  const size_t count = theater_list_outstanding(&ids);
  static_assert(sizeof(View) == sizeof(theater_view));
  return {reinterpret_cast<const View*>(ids), count};
}

/// Milliseconds since the Unix epoch.
inline uint64_t now_ms() { return theater_now_ms(); }
inline Status sleep_ms(uint64_t duration_ms) { return theater_sleep_ms(duration_ms); }
/// Waits until a time in milliseconds since the Unix epoch; one in the past returns at once.
inline Status sleep_until_ms(uint64_t time_ms) { return theater_sleep_until_ms(time_ms); }

/// Sends the message after so many milliseconds, to an id or a name, one's own included, and goes on; the result names
/// the timer. Nothing comes of it when the actor has ended by then.
inline Result<uint64_t> send_after(uint64_t delay_ms, View to, View message) {
  return detail::result(theater_send_after(delay_ms, theater_utf8(to), message));
}
/// The same again and again, until it is cancelled or its receiver is gone.
inline Result<uint64_t> send_every(uint64_t period_ms, View to, View message) {
  return detail::result(theater_send_every(period_ms, theater_utf8(to), message));
}
/// Whether a message was still to come.
inline bool cancel_timer(uint64_t timer) { return theater_cancel_timer(timer); }

/// The id of the actor that has this name, if anybody has.
inline Optional<View> whereis(View name) {
  const View id = theater_whereis(theater_utf8(name));
  return id.data() == nullptr ? Optional<View>() : id;
}
/// Gives this actor a name to be reached by, beside those that it has; it keeps it across restarts.
inline Status register_name(View name) { return theater_register(theater_utf8(name)); }
inline Status unregister_name(View name) { return theater_unregister(theater_utf8(name)); }
/// Messages published to the group come to this actor from now on, also after a restart.
inline Status join(View group) { return theater_join(theater_utf8(group)); }
inline Status leave(View group) { return theater_leave(theater_utf8(group)); }
/// Ids of the group's members.
inline Result<Span<View>> members(View group) {
  const theater_view* ids = nullptr;
  size_t count = 0;
  if (const theater_status read = theater_members(theater_utf8(group), &ids, &count); read.failed)
    return Failure{read.text};
  return Span<View>{reinterpret_cast<const View*>(ids), count};
}
/// Sends the message to each member of the group; how many accepted it.
inline Result<uint32_t> publish(View group, View message) {
  uint32_t accepted = 0;
  if (const theater_status sent = theater_publish(theater_utf8(group), message, &accepted); sent.failed)
    return Failure{sent.text};
  return accepted;
}

template <class... Parts>
void log(const Parts&... parts) {
  theater_log(text(parts...));
}
/// Asks for the actor's end after this turn.
inline Status shutdown() { return theater_shutdown(); }
/// The same, leaving data to whoever started the actor.
inline Status shutdown_with(View data) { return theater_shutdown_with(data); }

using ChainEvent = theater_chain_event;
/// The actor's own chain so far.
inline Span<ChainEvent> get_chain() {
  const ChainEvent* events = nullptr;
  const size_t count = theater_get_chain(&events);
  return {events, count};
}

/// Makes a child and waits until its init has returned; the result is its id. `manifest` is a path, relative to the
/// folder of this actor's manifest and not out of it, or a manifest's text.
inline Result<View> spawn(View manifest, View state = {}) {
  return detail::result(theater_spawn(theater_utf8(manifest), state));
}
/// The same with a state that an actor left.
inline Result<View> resume_child(View manifest, View state) {
  return detail::result(theater_resume(theater_utf8(manifest), state));
}
/// Ids of the children that live.
inline Span<View> list_children() {
  const theater_view* ids = nullptr;
  const size_t count = theater_list_children(&ids);
  return {reinterpret_cast<const View*>(ids), count};
}
/// Ends a child and waits for its end.
inline Status stop_child(View child) { return theater_stop_child(theater_utf8(child)); }
/// Makes a child anew, whether it lives or has ended: same id, first state.
inline Status restart_child(View child) { return theater_restart_child(theater_utf8(child)); }
/// A living child's state; its data is null when it has none.
inline Result<View> child_state(View child) { return detail::result(theater_child_state(theater_utf8(child))); }
using ChildEvent = theater_child_event;
/// The latest events of a child's chain, also after its end.
inline Result<Span<ChildEvent>> child_events(View child) {
  const ChildEvent* events = nullptr;
  size_t count = 0;
  if (const theater_status read = theater_child_events(theater_utf8(child), &events, &count); read.failed)
    return Failure{read.text};
  return Span<ChildEvent>{events, count};
}

// ---- Saved state ----

/// Writes an actor's members one by one, into the turn's memory. For save(Writer&).
class Writer {
 public:
  void number(uint64_t value) { raw(&value, sizeof value); }
  void bytes(View value) {
    number(value.size());
    raw(value.data(), value.size());
  }
  View written() const { return {data_, size_}; }

 private:
  void raw(const void* data, size_t size) {
    if (size > capacity_ - size_) {
      capacity_ = (size_ + size) * 2;
      char* const grown = static_cast<char*>(theater_turn_alloc(capacity_));
      __builtin_memcpy(grown, data_, size_);
      data_ = grown;
    }
    __builtin_memcpy(data_ + size_, data, size);
    size_ += size;
  }

  char* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

/// Reads what a Writer wrote, in the same order. For load(Reader&). Past the end everything is zero and ok() is false.
class Reader {
 public:
  explicit Reader(View bytes) : rest_(bytes) {}
  uint64_t number() {
    uint64_t value = 0;
    if (rest_.size() < sizeof value) {
      ok_ = false;
      return 0;
    }
    __builtin_memcpy(&value, rest_.data(), sizeof value);
    rest_ = rest_.skip(sizeof value);
    return value;
  }
  View bytes() {
    const uint64_t size = number();
    if (size > rest_.size()) {
      ok_ = false;
      return {};
    }
    const View value = rest_.first(static_cast<size_t>(size));
    rest_ = rest_.skip(static_cast<size_t>(size));
    return value;
  }
  bool ok() const { return ok_; }

 private:
  View rest_;
  bool ok_ = true;
};

// ---- The actor ----

/// Base of every actor. A derived class adds those of these functions that it handles:
///
///   Status on_start(View initial);             // the first start; `initial` is the manifest's initial state, if any
///   Status on_resume();                        // started again with the state it had
///   Status on_upgrade(unsigned version, View); // the same, when that state is of another state_version or size
///   Status on_send(View message);
///   Reply on_request(View request_id, View message);   or   Reply on_request(View message);
///   Accept on_channel_open(View channel, View first_message);
///   Status on_channel_message(View channel, View message);
///   Status on_channel_close(View channel);
///
/// and, if its members are not trivially copyable, `void save(Writer&) const` and `void load(Reader&)`. A change of the
/// members' meaning goes with another `static constexpr unsigned state_version` (0 to 65535, 1 unless given).
struct Actor {
  static constexpr unsigned state_version = 1;

  /// The actor's own id.
  static View self() { return {self_text, self_size}; }

  // Written when the actor starts; every instance has its own.
  static inline char self_text[60];
  static inline size_t self_size;
};

namespace detail {

/// Read by the host right after an export has returned.
inline uint32_t exported_result[8];

inline uint32_t address(const void* bytes) { return static_cast<uint32_t>(reinterpret_cast<uintptr_t>(bytes)); }

[[clang::noinline]] inline void* failed(View error) {
  const View text = theater_utf8(error);
  exported_result[0] = 1;
  exported_result[1] = address(text.data());
  exported_result[2] = static_cast<uint32_t>(text.size());
  theater_turn_end();
  return exported_result;
}

[[clang::always_inline]] inline void* succeeded(View state) {
  exported_result[0] = 0;
  exported_result[1] = state.data() != nullptr;
  exported_result[2] = address(state.data());
  exported_result[3] = static_cast<uint32_t>(state.size());
  theater_turn_end();
  return exported_result;
}

/// Stands before the members in the state's bytes: "TS", the version (2 bytes) and the members' size (4 bytes, 0 for an
/// actor that saves itself), as one number.
constexpr uint64_t state_header(unsigned version, size_t bytes) {
  return 0x5354 | static_cast<uint64_t>(version) << 16 | static_cast<uint64_t>(bytes) << 32;
}
inline constexpr size_t kStateHeaderBytes = 8;

/// The header that a state begins with, 0 when it was not written by this SDK.
inline uint64_t header_of(View state) {
  if (state.size() < kStateHeaderBytes || state[0] != 'T' || state[1] != 'S') return 0;
  uint64_t header;
  __builtin_memcpy(&header, state.data(), sizeof header);
  return header;
}
constexpr unsigned version_of(uint64_t header) { return header >> 16 & 0xffff; }

template <class T>
inline constexpr bool saves_itself = requires(T actor, const T& saved, Writer& writer, Reader& reader) {
  saved.save(writer);
  actor.load(reader);
};

/// One turn's object and the bytes it came from and goes to.
template <class T>
class Turn {
 public:
  static_assert(T::state_version <= 0xffff, "state_version must be at most 65535");
  static_assert(
      __is_empty(T) || saves_itself<T> || __is_trivially_copyable(T),
      "an actor's members are its state: make them trivially copyable (Text, List, numbers), or write them in "
      "save(Writer&) and read them in load(Reader&)");
  static_assert(alignof(T) <= 8, "an actor's members must not need an alignment above 8");

  Turn(uint32_t has_state, const char* data, size_t size) : bytes_(data, has_state ? size : 0) {}
  ~Turn() {
    if constexpr (saves_itself<T>) {
      if (made_) reinterpret_cast<T*>(object_)->~T();
    }
  }
  Turn(const Turn&) = delete;

  /// The object with its state, which lies in the very bytes that came in. Null when these are of another version.
  T* load() {
    if constexpr (__is_empty(T)) {
      return make();
    } else if constexpr (saves_itself<T>) {
      if (header_of(bytes_) != kHeader) return nullptr;
      T* const actor = make();
      Reader reader(bytes_.skip(kStateHeaderBytes));
      actor->load(reader);
      return reader.ok() ? actor : nullptr;
    } else {
      if (bytes_.size() != kStateHeaderBytes + sizeof(T)) return nullptr;
      uint64_t header;
      __builtin_memcpy(&header, bytes_.data(), sizeof header);
      if (header != kHeader) return nullptr;
      return reinterpret_cast<T*>(const_cast<char*>(bytes_.data()) + kStateHeaderBytes);
    }
  }

  /// A new object.
  T* make() {
    if constexpr (kInBytes) {
      char* const memory = static_cast<char*>(theater_turn_alloc(kStateHeaderBytes + sizeof(T)));
      // The padding between members is part of the state: it must be the same in every run.
      __builtin_memset(memory, 0, kStateHeaderBytes + sizeof(T));
      __builtin_memcpy(memory, &kHeader, sizeof kHeader);
      bytes_ = View(memory, kStateHeaderBytes + sizeof(T));
      return new (memory + kStateHeaderBytes) T();
    } else {
      made_ = true;
      return new (object_) T();
    }
  }

  /// The state to return.
  View save(const T& actor) {
    if constexpr (__is_empty(T)) {
      return {};
    } else if constexpr (saves_itself<T>) {
      Writer writer;
      writer.number(kHeader);
      actor.save(writer);
      return writer.written();
    } else {
      return bytes_;
    }
  }

  View bytes() const { return bytes_; }

 private:
  /// The object lives in the state's bytes.
  static constexpr bool kInBytes = !__is_empty(T) && !saves_itself<T>;
  static constexpr uint64_t kHeader = state_header(T::state_version, kInBytes ? sizeof(T) : 0);

  View bytes_;
  alignas(8) char object_[kInBytes ? 1 : sizeof(T)];
  bool made_ = false;
};

/// The error of a state that cannot be loaded.
[[clang::noinline]] inline View foreign_state(View state, unsigned version) {
  const uint64_t header = header_of(state);
  if (header == 0) return "the actor's state was not written by this component";
  if (version_of(header) == version) return "the actor's state has other members: give them another state_version";
  return text("the actor's state is of version ", version_of(header), ", this component keeps version ", version);
}

/// Runs one handler with the state and lays the result out; `handler` gets the object and returns a Status.
template <class T, class Handler>
[[clang::always_inline]] inline void* run(uint32_t has_state, const char* state, size_t state_size, Handler handler) {
  Turn<T> turn(has_state, state, state_size);
  T* const actor = turn.load();
  if (actor == nullptr) return failed(foreign_state(turn.bytes(), T::state_version));
  const Status status = handler(*actor);
  return status ? succeeded(turn.save(*actor)) : failed(status.error());
}

/// Decides between a first start, a resumed one and one with an older state.
template <class T>
inline void* init(uint32_t has_state, const char* state, size_t state_size) {
  Turn<T> turn(has_state, state, state_size);
  const View bytes = turn.bytes();
  const uint64_t header = header_of(bytes);
  T* actor = nullptr;
  Status status;
  if (__is_empty(T) || header == 0) {
    actor = turn.make();
    if constexpr (requires { actor->on_start(bytes); }) status = actor->on_start(bytes);
  } else if (actor = turn.load(); actor != nullptr) {
    if constexpr (requires { actor->on_resume(); }) status = actor->on_resume();
  } else if constexpr (requires { actor->on_upgrade(0u, bytes); }) {
    actor = turn.make();
    status = actor->on_upgrade(version_of(header), bytes.skip(kStateHeaderBytes));
  } else {
    return failed(foreign_state(bytes, T::state_version));
  }
  return status ? succeeded(turn.save(*actor)) : failed(status.error());
}

}  // namespace detail

/// For exports of an interface of one's own that have the form of Theater's handlers,
/// func(state: option<list<u8>>, params: tuple<…>) -> result<tuple<option<list<u8>>, …>, string>: runs `handler` with
/// the actor's members as they are, and keeps them as they then are if it returns ok. The first three arguments are
/// those of the generated function; what its result has beyond the state is the handler's to set. Also ends the turn's
/// memory.
///
///   bool exports_my_words_heard_handle_word(words_list_u8_t* state, words_tuple1_string_t* params,
///                                           words_tuple1_option_list_u8_t* result, words_string_t* error) {
///     return theater::with_state_of<Words>(state, result, error, [&](Words& actor) -> theater::Status { … });
///   }
template <class T, class State, class Result, class Error, class Handler>
bool with_state_of(const State* state, Result* result, Error* error, Handler handler) {
  const auto give = [](auto& list, View bytes) {
    list.ptr = reinterpret_cast<decltype(list.ptr)>(const_cast<char*>(bytes.data()));
    list.len = bytes.size();
  };
  const Turn memory;
  detail::Turn<T> turn(state != nullptr, state == nullptr ? nullptr : reinterpret_cast<const char*>(state->ptr),
                       state == nullptr ? 0 : state->len);
  T* const actor = turn.load();
  if (actor == nullptr) {
    give(*error, detail::foreign_state(turn.bytes(), T::state_version));
    return false;
  }
  const Status status = handler(*actor);
  if (!status) {
    give(*error, theater_utf8(status.error()));
    return false;
  }
  const View kept = turn.save(*actor);
  result->f0.is_some = kept.data() != nullptr;
  give(result->f0.val, kept);
  return true;
}

/// The exports of a component whose actor is T. Written once: `template struct theater::Component<T>;`.
template <class T>
struct Component {
  THEATER_EXPORT("actor#init")
  static void* init(uint32_t has_state, const char* state, size_t state_size, const char* id, size_t id_size) {
    T::self_size = id_size < sizeof T::self_text ? id_size : sizeof T::self_text;
    __builtin_memcpy(T::self_text, id, T::self_size);
    return detail::init<T>(has_state, state, state_size);
  }

  THEATER_EXPORT("message-server-client#handle-send")
  static void* handle_send(uint32_t has_state, const char* state, size_t state_size, const char* data, size_t size) {
    return detail::run<T>(has_state, state, state_size, [&](T& actor) -> Status {
      if constexpr (requires { actor.on_send(View()); }) {
        return actor.on_send(View(data, size));
      } else {
        return fail("send is not handled by this actor: it has no on_send");
      }
    });
  }

  THEATER_EXPORT("message-server-client#handle-request")
  static void* handle_request(uint32_t has_state, const char* state, size_t state_size, const char* id, size_t id_size,
                              const char* data, size_t size) {
    return detail::run<T>(has_state, state, state_size, [&](T& actor) -> Status {
      const Reply reply = request(actor, View(id, id_size), View(data, size));
      const theater_reply& raw = reply.raw();
      if (raw.kind == THEATER_FAILED) return Failure{raw.bytes};
      detail::exported_result[4] = raw.kind == THEATER_ANSWERED;
      detail::exported_result[5] = detail::address(raw.bytes.data);
      detail::exported_result[6] = static_cast<uint32_t>(raw.bytes.size);
      return ok();
    });
  }

  THEATER_EXPORT("message-server-client#handle-channel-open")
  static void* handle_channel_open(uint32_t has_state, const char* state, size_t state_size, const char* channel,
                                   size_t channel_size, const char* data, size_t size) {
    return detail::run<T>(has_state, state, state_size, [&](T& actor) -> Status {
      const Accept accept = channel_open(actor, View(channel, channel_size), View(data, size));
      const theater_acceptance& raw = accept.raw();
      if (raw.failed) return Failure{raw.message};
      detail::exported_result[4] = raw.accepted;
      detail::exported_result[5] = raw.message.data != nullptr;
      detail::exported_result[6] = detail::address(raw.message.data);
      detail::exported_result[7] = static_cast<uint32_t>(raw.message.size);
      return ok();
    });
  }

  THEATER_EXPORT("message-server-client#handle-channel-message")
  static void* handle_channel_message(uint32_t has_state, const char* state, size_t state_size, const char* channel,
                                      size_t channel_size, const char* data, size_t size) {
    return detail::run<T>(has_state, state, state_size, [&](T& actor) -> Status {
      if constexpr (requires { actor.on_channel_message(View(), View()); }) {
        return actor.on_channel_message(View(channel, channel_size), View(data, size));
      } else {
        return fail("channel messages are not handled by this actor: it has no on_channel_message");
      }
    });
  }

  THEATER_EXPORT("message-server-client#handle-channel-close")
  static void* handle_channel_close(uint32_t has_state, const char* state, size_t state_size, const char* channel,
                                    size_t channel_size) {
    return detail::run<T>(has_state, state, state_size, [&](T& actor) -> Status {
      if constexpr (requires { actor.on_channel_close(View()); }) {
        return actor.on_channel_close(View(channel, channel_size));
      } else {
        return ok();
      }
    });
  }

 private:
  static Reply request(T& actor, View id, View message) {
    if constexpr (requires { actor.on_request(id, message); }) {
      return actor.on_request(id, message);
    } else if constexpr (requires { actor.on_request(message); }) {
      return actor.on_request(message);
    } else {
      return fail("request is not handled by this actor: it has no on_request");
    }
  }

  static Accept channel_open(T& actor, View channel, View first_message) {
    if constexpr (requires { actor.on_channel_open(channel, first_message); }) {
      return actor.on_channel_open(channel, first_message);
    } else {
      return refuse();
    }
  }
};

/// The export by which an actor takes over another component's state when it is updated, beside Component<T>; its
/// project's world includes theater:sdk/migration. T has on_migrate(View state, View component), which is called on a
/// new object with the state that the former component left, in whatever form, and that component's SHA-256 in
/// hexadecimal; after it comes on_resume. A state of one's own with an older state_version needs no migration:
/// on_upgrade is called.
template <class T>
struct Migration {
  THEATER_EXT_EXPORT("migrate#migrate")
  static void* migrate(uint32_t has_state, const char* state, size_t state_size, const char* component,
                       size_t component_size) {
    detail::Turn<T> turn(has_state, state, state_size);
    const View former = turn.bytes();
    T* const actor = turn.make();
    const Status status = actor->on_migrate(former, View(component, component_size));
    return status ? detail::succeeded(turn.save(*actor)) : detail::failed(status.error());
  }
};

/// How a child failed: the cases of wit-error-type, in their order.
enum class ChildError : uint8_t {
  kOperationTimeout,
  kChannelClosed,
  kShuttingDown,
  kFunctionNotFound,
  kTypeMismatch,
  kInternal,
  kSerializationError,
  kUpdateComponentError,
  kPaused,
};

/// The exports by which an actor hears of its children's ends, beside Component<T>; its project's world includes
/// theater:sdk/supervisor. T may have on_child_error(View child, ChildError kind, View text), on_child_exit(View child,
/// View result) and on_child_stopped(View child): without one, that news is ignored.
template <class T>
struct Supervisor {
  THEATER_EXPORT("supervisor-handlers#handle-child-error")
  static void* handle_child_error(uint32_t has_state, const char* state, size_t state_size, const char* child,
                                  size_t child_size, uint32_t kind, uint32_t has_text, const char* text,
                                  size_t text_size) {
    return detail::run<T>(has_state, state, state_size, [&](T& actor) -> Status {
      if constexpr (requires { actor.on_child_error(View(), ChildError(), View()); }) {
        return actor.on_child_error(View(child, child_size), static_cast<ChildError>(kind),
                                    has_text ? View(text, text_size) : View());
      } else {
        return ok();
      }
    });
  }

  THEATER_EXPORT("supervisor-handlers#handle-child-exit")
  static void* handle_child_exit(uint32_t has_state, const char* state, size_t state_size, const char* child,
                                 size_t child_size, uint32_t has_result, const char* result, size_t result_size) {
    return detail::run<T>(has_state, state, state_size, [&](T& actor) -> Status {
      if constexpr (requires { actor.on_child_exit(View(), View()); }) {
        return actor.on_child_exit(View(child, child_size), has_result ? View(result, result_size) : View());
      } else {
        return ok();
      }
    });
  }

  THEATER_EXPORT("supervisor-handlers#handle-child-external-stop")
  static void* handle_child_external_stop(uint32_t has_state, const char* state, size_t state_size, const char* child,
                                          size_t child_size) {
    return detail::run<T>(has_state, state, state_size, [&](T& actor) -> Status {
      if constexpr (requires { actor.on_child_stopped(View()); }) {
        return actor.on_child_stopped(View(child, child_size));
      } else {
        return ok();
      }
    });
  }
};

}  // namespace theater
