/// Theater's C SDK: what an actor written in C includes; the C++ SDK (theater.hpp) stands on it.
///
/// An actor defines those of the theater_on_… functions that it handles. Memory: what a handler is given, what host
/// functions return and what theater_turn_alloc gives lives until the handler's turn ends, and costs nothing to
/// release. What must outlive the turn goes into the state, or into malloc's memory or globals (which are lost when the
/// actor is restarted).
///
/// `theater build` compiles all of this with clang alone; there is no C library beyond stdlib.h and string.h of this
/// folder.
#ifndef THEATER_H
#define THEATER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// The WIT package whose interfaces the actor uses; older hosts know "ntwk:theater".
#ifndef THEATER_NAMESPACE
#define THEATER_NAMESPACE "theater:simple"
#endif

#define THEATER_IMPORT(interface, function) \
  __attribute__((import_module(THEATER_NAMESPACE "/" interface), import_name(function)))
/// The same for what theater:simple does not have; it has one name everywhere.
#define THEATER_EXT_IMPORT(interface, function) \
  __attribute__((import_module("theater:ext/" interface), import_name(function)))
#define THEATER_EXT_EXPORT(function) __attribute__((export_name("theater:ext/" function)))
#define THEATER_EXPORT(function) __attribute__((export_name(THEATER_NAMESPACE "/" function)))

#ifdef __cplusplus
extern "C" {
#endif

/// Borrowed bytes or text.
typedef struct {
  const char* data;
  size_t size;
} theater_view;

static inline theater_view theater_bytes(const void* data, size_t size) {
  theater_view view = {(const char*)data, size};
  return view;
}
static inline theater_view theater_text(const char* text) { return theater_bytes(text, __builtin_strlen(text)); }
static inline bool theater_equal(theater_view a, theater_view b) {
  return a.size == b.size && (a.size == 0 || __builtin_memcmp(a.data, b.data, a.size) == 0);
}

// ---- Memory of a turn ----

/// Where the next bytes of the turn's memory are; see turn.c.
struct theater_turn_memory {
  char* next;
  char* end;
  char* begin;
  /// The turn took more than one piece of memory.
  bool has_older;
  /// The turn has ended, and its older pieces are still to be released.
  bool ended;
};
extern struct theater_turn_memory theater_turn;

void* theater_turn_alloc_slow(size_t size);
bool theater_turn_owns(const void* bytes);

/// Bytes that live until the turn ends, aligned to 16, not cleared. Never NULL: without memory the actor traps.
static inline void* theater_turn_alloc(size_t size) {
  char* bytes = theater_turn.next;
  if (__builtin_expect(size > (size_t)(theater_turn.end - bytes), 0)) return theater_turn_alloc_slow(size);
  theater_turn.next = bytes + ((size + 15) & ~(size_t)15);
  return bytes;
}
/// Ends the turn's memory: what was returned to the host stays readable until its next call. For exports of your own.
static inline void theater_turn_end(void) {
  theater_turn.next = theater_turn.begin;
  if (__builtin_expect(theater_turn.has_older, 0)) {
    theater_turn.ended = true;
    theater_turn.next = theater_turn.end;
  }
}
/// A loop that calls the host many times in one turn releases what each round took: mark before, release after.
static inline char* theater_turn_mark(void) { return theater_turn.next; }
/// Takes back everything since the mark, unless the memory has been extended meanwhile.
static inline void theater_turn_release(char* mark) {
  if (mark >= theater_turn.begin && mark <= theater_turn.next) theater_turn.next = mark;
}

/// The text with whatever is not UTF-8 replaced by '?': strings that cross to the host must be UTF-8, or the actor
/// traps.
theater_view theater_utf8_slow(theater_view text);
static inline theater_view theater_utf8(theater_view text) {
  uint64_t bits = 0;
  uint64_t word;
  size_t i = 0;
  if (text.size >= 8) {
    for (; i + 8 < text.size; i += 8) {
      __builtin_memcpy(&word, text.data + i, 8);
      bits |= word;
    }
    __builtin_memcpy(&word, text.data + text.size - 8, 8);
    bits |= word;
  } else {
#pragma clang loop unroll(disable)
    for (; i < text.size; i++) bits |= (unsigned char)text.data[i];
  }
  return __builtin_expect((bits & 0x8080808080808080u) != 0, 0) ? theater_utf8_slow(text) : text;
}

// ---- Results ----

/// Success, or an error in words.
typedef struct {
  bool failed;
  theater_view text;
} theater_status;

static inline theater_status theater_ok(void) {
  theater_status status = {false, {0, 0}};
  return status;
}
static inline theater_status theater_fail(const char* text) {
  theater_status status = {true, theater_text(text)};
  return status;
}

/// A value, or an error in words; `value` holds whichever it is.
typedef struct {
  bool failed;
  theater_view value;
} theater_result;

/// What is written by the host functions below before it is taken apart: fixed, since an actor runs one call at a time.
extern uint32_t theater_host_result[8];

static inline theater_status theater_take_status(void) {
  theater_status status = theater_ok();
  if (__builtin_expect(theater_host_result[0] & 0xff, 0)) {
    status.failed = true;
    status.text = theater_bytes((const void*)(uintptr_t)theater_host_result[1], theater_host_result[2]);
  }
  return status;
}
static inline theater_result theater_take_result(void) {
  theater_result result = {(theater_host_result[0] & 0xff) != 0,
                           {(const char*)(uintptr_t)theater_host_result[1], theater_host_result[2]}};
  return result;
}

// ---- Messages ----

THEATER_IMPORT("message-server-host", "send")
void theater_host_send(const char*, size_t, const char*, size_t, void*);
THEATER_IMPORT("message-server-host", "request")
void theater_host_request(const char*, size_t, const char*, size_t, void*);
THEATER_IMPORT("message-server-host", "open-channel")
void theater_host_open_channel(const char*, size_t, const char*, size_t, void*);
THEATER_IMPORT("message-server-host", "send-on-channel")
void theater_host_send_on_channel(const char*, size_t, const char*, size_t, void*);
THEATER_IMPORT("message-server-host", "close-channel") void theater_host_close_channel(const char*, size_t, void*);
THEATER_IMPORT("message-server-host", "list-outstanding-requests") void theater_host_list_outstanding(void*);
THEATER_IMPORT("message-server-host", "respond-to-request")
void theater_host_respond(const char*, size_t, const char*, size_t, void*);
THEATER_IMPORT("message-server-host", "cancel-request") void theater_host_cancel(const char*, size_t, void*);

/// Puts a message into the actor's mailbox and goes on; an error says why it will not be delivered. `to` is an id or a
/// name.
static inline theater_status theater_send(theater_view to, theater_view message) {
  theater_host_send(to.data, to.size, message.data, message.size, theater_host_result);
  return theater_take_status();
}
/// Sends and waits for the answer, at most as long as the manifest's request_timeout_ms.
static inline theater_result theater_request(theater_view to, theater_view message) {
  theater_host_request(to.data, to.size, message.data, message.size, theater_host_result);
  return theater_take_result();
}
/// Opens a channel, waiting until the other actor accepts or refuses it; the value is the channel's id.
static inline theater_result theater_open_channel(theater_view to, theater_view first_message) {
  theater_host_open_channel(to.data, to.size, first_message.data, first_message.size, theater_host_result);
  return theater_take_result();
}
static inline theater_status theater_send_on_channel(theater_view channel, theater_view message) {
  theater_host_send_on_channel(channel.data, channel.size, message.data, message.size, theater_host_result);
  return theater_take_status();
}
static inline theater_status theater_close_channel(theater_view channel) {
  theater_host_close_channel(channel.data, channel.size, theater_host_result);
  return theater_take_status();
}
/// Answers a request that theater_on_request left for later.
static inline theater_status theater_respond(theater_view request_id, theater_view answer) {
  theater_host_respond(request_id.data, request_id.size, answer.data, answer.size, theater_host_result);
  return theater_take_status();
}
/// Ends a request left for later without an answer: the asking actor gets an error.
static inline theater_status theater_cancel(theater_view request_id) {
  theater_host_cancel(request_id.data, request_id.size, theater_host_result);
  return theater_take_status();
}
/// The requests left for later; returns their number and where their ids are.
static inline size_t theater_list_outstanding(const theater_view** ids) {
  theater_host_list_outstanding(theater_host_result);
  *ids = (const theater_view*)(uintptr_t)theater_host_result[0];
  return theater_host_result[1];
}

// ---- Time ----

THEATER_IMPORT("timing", "now") uint64_t theater_host_now(void);
THEATER_IMPORT("timing", "sleep") void theater_host_sleep(uint64_t, void*);
THEATER_IMPORT("timing", "deadline") void theater_host_deadline(uint64_t, void*);

/// Milliseconds since the Unix epoch.
static inline uint64_t theater_now_ms(void) { return theater_host_now(); }
static inline theater_status theater_sleep_ms(uint64_t duration_ms) {
  theater_host_sleep(duration_ms, theater_host_result);
  return theater_take_status();
}
/// Waits until a time in milliseconds since the Unix epoch; one in the past returns at once.
static inline theater_status theater_sleep_until_ms(uint64_t time_ms) {
  theater_host_deadline(time_ms, theater_host_result);
  return theater_take_status();
}

// ---- Messages later ----

THEATER_EXT_IMPORT("timers", "send-after")
void theater_host_send_after(uint64_t, const char*, size_t, const char*, size_t, void*);
THEATER_EXT_IMPORT("timers", "send-every")
void theater_host_send_every(uint64_t, const char*, size_t, const char*, size_t, void*);
THEATER_EXT_IMPORT("timers", "cancel") uint32_t theater_host_cancel_timer(uint64_t);

/// A timer that was set, or an error in words.
typedef struct {
  bool failed;
  theater_view text;
  uint64_t id;
} theater_timer;

static inline theater_timer theater_take_timer(void) {
  theater_timer timer = {(theater_host_result[0] & 0xff) != 0, {0, 0}, 0};
  if (timer.failed) {
    timer.text = theater_bytes((const void*)(uintptr_t)theater_host_result[2], theater_host_result[3]);
  } else {
    timer.id = theater_host_result[2] | (uint64_t)theater_host_result[3] << 32;
  }
  return timer;
}
/// Sends the message after so many milliseconds, to an id or a name, one's own included, and goes on. Nothing comes of
/// it when the actor has ended by then.
static inline theater_timer theater_send_after(uint64_t delay_ms, theater_view to, theater_view message) {
  theater_host_send_after(delay_ms, to.data, to.size, message.data, message.size, theater_host_result);
  return theater_take_timer();
}
/// The same again and again, until it is cancelled or its receiver is gone.
static inline theater_timer theater_send_every(uint64_t period_ms, theater_view to, theater_view message) {
  theater_host_send_every(period_ms, to.data, to.size, message.data, message.size, theater_host_result);
  return theater_take_timer();
}
/// Whether a message was still to come.
static inline bool theater_cancel_timer(uint64_t id) { return theater_host_cancel_timer(id) & 1; }

// ---- Names and groups ----

THEATER_EXT_IMPORT("registry", "whereis") void theater_host_whereis(const char*, size_t, void*);
THEATER_EXT_IMPORT("registry", "register") void theater_host_register(const char*, size_t, void*);
THEATER_EXT_IMPORT("registry", "unregister") void theater_host_unregister(const char*, size_t, void*);
THEATER_EXT_IMPORT("registry", "join") void theater_host_join(const char*, size_t, void*);
THEATER_EXT_IMPORT("registry", "leave") void theater_host_leave(const char*, size_t, void*);
THEATER_EXT_IMPORT("registry", "members") void theater_host_members(const char*, size_t, void*);
THEATER_EXT_IMPORT("registry", "publish")
void theater_host_publish(const char*, size_t, const char*, size_t, void*);

/// The id of the actor that has this name; its data is NULL when nobody has it.
static inline theater_view theater_whereis(theater_view name) {
  theater_host_whereis(name.data, name.size, theater_host_result);
  if ((theater_host_result[0] & 0xff) == 0) return theater_bytes(0, 0);
  return theater_bytes((const void*)(uintptr_t)theater_host_result[1], theater_host_result[2]);
}
/// Gives this actor a name to be reached by, beside those that it has; it keeps it across restarts.
static inline theater_status theater_register(theater_view name) {
  theater_host_register(name.data, name.size, theater_host_result);
  return theater_take_status();
}
static inline theater_status theater_unregister(theater_view name) {
  theater_host_unregister(name.data, name.size, theater_host_result);
  return theater_take_status();
}
/// Messages published to the group come to this actor from now on, also after a restart.
static inline theater_status theater_join(theater_view group) {
  theater_host_join(group.data, group.size, theater_host_result);
  return theater_take_status();
}
static inline theater_status theater_leave(theater_view group) {
  theater_host_leave(group.data, group.size, theater_host_result);
  return theater_take_status();
}
/// The members of a group; an error, or their number and where their ids are.
static inline theater_status theater_members(theater_view group, const theater_view** ids, size_t* count) {
  theater_host_members(group.data, group.size, theater_host_result);
  const theater_status status = theater_take_status();
  *ids = status.failed ? 0 : (const theater_view*)(uintptr_t)theater_host_result[1];
  *count = status.failed ? 0 : theater_host_result[2];
  return status;
}
/// Sends the message to each member of the group; an error, or how many accepted it.
static inline theater_status theater_publish(theater_view group, theater_view message, uint32_t* accepted) {
  theater_host_publish(group.data, group.size, message.data, message.size, theater_host_result);
  const theater_status status = theater_take_status();
  *accepted = status.failed ? 0 : theater_host_result[1];
  return status;
}

// ---- The actor itself ----

THEATER_IMPORT("runtime", "log") void theater_host_log(const char*, size_t);
THEATER_IMPORT("runtime", "shutdown") void theater_host_shutdown(uint32_t, const char*, size_t, void*);
THEATER_IMPORT("runtime", "get-chain") void theater_host_get_chain(void*);

/// One event of the actor's own chain, as theater_get_chain returns them.
typedef struct {
  uint64_t hash;
  theater_view type;
  struct {
    bool present;
    uint64_t value;
  } parent;
  theater_view data;
} theater_chain_event;

static inline void theater_log(theater_view text) {
  text = theater_utf8(text);
  theater_host_log(text.data, text.size);
}
/// Asks for the actor's end after this turn.
static inline theater_status theater_shutdown(void) {
  theater_host_shutdown(0, 0, 0, theater_host_result);
  return theater_take_status();
}
/// The same, leaving `data` to whoever started the actor.
static inline theater_status theater_shutdown_with(theater_view data) {
  theater_host_shutdown(1, data.data, data.size, theater_host_result);
  return theater_take_status();
}
static inline size_t theater_get_chain(const theater_chain_event** events) {
  theater_host_get_chain(theater_host_result);
  *events = (const theater_chain_event*)(uintptr_t)theater_host_result[0];
  return theater_host_result[1];
}

// ---- Children ----

THEATER_IMPORT("supervisor", "spawn")
void theater_host_spawn(const char*, size_t, uint32_t, const char*, size_t, void*);
THEATER_IMPORT("supervisor", "resume")
void theater_host_resume(const char*, size_t, uint32_t, const char*, size_t, void*);
THEATER_IMPORT("supervisor", "list-children") void theater_host_list_children(void*);
THEATER_IMPORT("supervisor", "stop-child") void theater_host_stop_child(const char*, size_t, void*);
THEATER_IMPORT("supervisor", "restart-child") void theater_host_restart_child(const char*, size_t, void*);
THEATER_IMPORT("supervisor", "get-child-state") void theater_host_child_state(const char*, size_t, void*);
THEATER_IMPORT("supervisor", "get-child-events") void theater_host_child_events(const char*, size_t, void*);

/// One event of a child's chain, as theater_child_events returns them.
typedef struct {
  theater_view hash;
  struct {
    bool present;
    theater_view value;
  } parent_hash;
  theater_view type;
  theater_view data;
  uint64_t timestamp_ms;
  struct {
    bool present;
    theater_view value;
  } description;
} theater_child_event;

/// Makes a child and waits until its init has returned; the value is its id. `manifest` is a path, relative to the
/// folder of this actor's manifest and not out of it, or a manifest's text. `state` is passed to init when its data is
/// not NULL.
static inline theater_result theater_spawn(theater_view manifest, theater_view state) {
  theater_host_spawn(manifest.data, manifest.size, state.data != 0, state.data, state.size, theater_host_result);
  return theater_take_result();
}
/// The same with a state that an actor left.
static inline theater_result theater_resume(theater_view manifest, theater_view state) {
  theater_host_resume(manifest.data, manifest.size, state.data != 0, state.data, state.size, theater_host_result);
  return theater_take_result();
}
/// The children that live; returns their number and where their ids are.
static inline size_t theater_list_children(const theater_view** ids) {
  theater_host_list_children(theater_host_result);
  *ids = (const theater_view*)(uintptr_t)theater_host_result[0];
  return theater_host_result[1];
}
/// Ends a child and waits for its end.
static inline theater_status theater_stop_child(theater_view child) {
  theater_host_stop_child(child.data, child.size, theater_host_result);
  return theater_take_status();
}
/// Makes a child anew, whether it lives or has ended: same id, first state.
static inline theater_status theater_restart_child(theater_view child) {
  theater_host_restart_child(child.data, child.size, theater_host_result);
  return theater_take_status();
}
/// A living child's state; the value's data is NULL when it has none.
static inline theater_result theater_child_state(theater_view child) {
  theater_host_child_state(child.data, child.size, theater_host_result);
  theater_result result = {(theater_host_result[0] & 0xff) != 0, {0, 0}};
  if (result.failed) {
    result.value = theater_bytes((const void*)(uintptr_t)theater_host_result[1], theater_host_result[2]);
  } else if (theater_host_result[1] & 0xff) {
    result.value = theater_bytes((const void*)(uintptr_t)theater_host_result[2], theater_host_result[3]);
  }
  return result;
}
/// The latest events of a child's chain, also after its end; returns an error, or their number and where they are.
static inline theater_status theater_child_events(theater_view child, const theater_child_event** events,
                                                  size_t* count) {
  theater_host_child_events(child.data, child.size, theater_host_result);
  const theater_status status = theater_take_status();
  *events = status.failed ? 0 : (const theater_child_event*)(uintptr_t)theater_host_result[1];
  *count = status.failed ? 0 : theater_host_result[2];
  return status;
}

// ---- Handlers ----

/// The actor's state: what came in, and what a handler leaves there when it succeeds. A failed turn changes nothing.
typedef struct {
  bool present;
  theater_view bytes;
} theater_state;

typedef enum { THEATER_ANSWERED, THEATER_LATER, THEATER_FAILED } theater_reply_kind;

/// Answer of theater_on_request.
typedef struct {
  theater_reply_kind kind;
  theater_view bytes;
} theater_reply;

static inline theater_reply theater_answer(theater_view bytes) {
  theater_reply reply = {THEATER_ANSWERED, bytes};
  return reply;
}
/// Nothing yet: theater_respond or theater_cancel follows in another turn.
static inline theater_reply theater_answer_later(void) {
  theater_reply reply = {THEATER_LATER, {0, 0}};
  return reply;
}
static inline theater_reply theater_answer_error(const char* text) {
  theater_reply reply = {THEATER_FAILED, theater_text(text)};
  return reply;
}

/// Answer of theater_on_channel_open. `message` is there when its data is not NULL.
typedef struct {
  bool failed;
  bool accepted;
  theater_view message;
} theater_acceptance;

/// Starts or resumes the actor, whose id is `self`. Without this function the state stays as it is.
theater_status theater_on_start(theater_state* state, theater_view self);
// Without one of these, whoever uses it gets the error that it is not handled; channels are refused.
theater_status theater_on_send(theater_state* state, theater_view message);
theater_reply theater_on_request(theater_state* state, theater_view request_id, theater_view message);
theater_acceptance theater_on_channel_open(theater_state* state, theater_view channel, theater_view first_message);
theater_status theater_on_channel_message(theater_state* state, theater_view channel, theater_view message);
/// Without this function, nothing happens.
theater_status theater_on_channel_close(theater_state* state, theater_view channel);

/// Makes the export by which the actor takes over another component's state when it is updated; its project's world
/// includes theater:sdk/migration. `function` is a
/// theater_status (*)(theater_state* state, theater_view former_component), called before theater_on_start with the
/// state that the former component left; its SHA-256 in hexadecimal is the second parameter. Written once, in a C file.
#define THEATER_MIGRATE(function)                                                                     \
  THEATER_EXT_EXPORT("migrate#migrate")                                                               \
  void* theater_export_migrate(uint32_t has_state, const char* data, size_t size, const char* former, \
                               size_t former_size) {                                                  \
    theater_state state = {has_state != 0, theater_bytes(data, size)};                                \
    const theater_status status = function(&state, theater_bytes(former, former_size));               \
    return theater_finish_turn(&state, status);                                                       \
  }
/// What an export of the form func(state, tuple<…>) -> result<tuple<option<list<u8>>>, string> returns. Ends the turn's
/// memory.
void* theater_finish_turn(const theater_state* state, theater_status status);

#ifdef __cplusplus
}
#endif

// A C actor links the exports of exports.c; C++ ones are made by theater::Component, and a program that exports for
// itself defines THEATER_NO_EXPORTS.
#if !defined(__cplusplus) && !defined(THEATER_NO_EXPORTS)
extern const char theater_exports;
__attribute__((used)) static const char* const theater_link_exports = &theater_exports;
#endif

#endif
