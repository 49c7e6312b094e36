/* Does what the first byte of a message says, mostly harm. The rest of the message is its argument. */
#include "guest.h"
#include <stdlib.h>
#include <string.h>

typedef guest_tuple1_option_list_u8_t next_state;

static void keep_bytes(next_state *ret, const void *bytes, size_t size) {
  ret->f0.is_some = true;
  ret->f0.val.ptr = size ? malloc(size) : (uint8_t *)1;
  ret->f0.val.len = size;
  memcpy(ret->f0.val.ptr, bytes, size);
}

static void keep_number(next_state *ret, uint64_t number) { keep_bytes(ret, &number, sizeof number); }

static bool fails(guest_string_t *err, const char *text) {
  guest_string_dup(err, text);
  return false;
}

__attribute__((noinline)) void deep_inside(volatile int *reached) {
  *reached = 1;
  __builtin_trap();
}

__attribute__((noinline)) void on_the_way(volatile int *reached) {
  deep_inside(reached);
  *reached = 2;
}

static volatile int bottom;

/* Uses the engine's stack and none in memory. */
__attribute__((noinline)) int recurse(int depth) { return bottom == depth ? 0 : recurse(depth + 1) * 3 + bottom; }

static uint32_t grow_all(void) {
  uint32_t pages = 0;
  while (__builtin_wasm_memory_grow(0, 1) != (size_t)-1) ++pages;
  return pages;
}

static bool obey(guest_list_u8_t *state, uint8_t command, guest_string_t argument, next_state *ret, guest_string_t *err) {
  guest_string_t text;
  guest_list_u8_t bytes;
  guest_list_u8_t argument_bytes = {argument.ptr, argument.len};
  guest_list_string_t names;
  volatile int zero = 0, many = 100;
  volatile uint64_t counter = 0;
  ret->f0.is_some = false;
  switch (command) {
    case '0': return true;
    case '=': keep_bytes(ret, argument.ptr, argument.len); return true;
    case '+': {
      uint8_t next = state ? state->ptr[0] + 1 : 1;
      keep_bytes(ret, &next, 1);
      return true;
    }
    case 'e': return fails(err, "the guest says no");
    case 'u': on_the_way((volatile int *)&counter); return true;
    case 'l': for (;;) ++counter;
    case 'f': for (int i = 0; i < 1000000; ++i) ++counter; return true;
    case 'r': keep_number(ret, recurse(1)); return true;
    case 'm': keep_number(ret, grow_all()); return true;
    case 'd': keep_number(ret, many / zero); return true;
    case 'i': ((void (*)(int))(uintptr_t)1000000)(1); return true;
    case 'x': keep_number(ret, *(volatile uint64_t *)(uintptr_t)0xfffffff0u); return true;
    case 'p': ret->f0.is_some = true; ret->f0.val.ptr = (uint8_t *)0xfffffff0u; ret->f0.val.len = 64; return true;
    case 'U': guest_string_dup_n(err, "bad \xff\xfe", 6); return false;
    case 'B':
      ret->f0.is_some = true;
      ret->f0.val.len = 1000000;
      ret->f0.val.ptr = malloc(1000000);
      return true;
    case 'w': guest_string_set(&text, "\xc3\x28"); theater_simple_runtime_log(&text); return true;
    case 'W': text.ptr = (uint8_t *)0x7ffffff0u; text.len = 4096; theater_simple_runtime_log(&text); return true;
    case 'X': argument_bytes.len = 0x40000000; guest_string_set(&text, "peer");
      theater_simple_message_server_host_send(&text, &argument_bytes, err); return true;
    case 'g': theater_simple_runtime_log(&argument); return true;
    case 's':
      guest_string_set(&text, "peer");
      if (!theater_simple_message_server_host_send(&text, &argument_bytes, err)) return false;
      return true;
    case 'q':
      guest_string_set(&text, "peer");
      if (!theater_simple_message_server_host_request(&text, &argument_bytes, &bytes, err)) return false;
      keep_bytes(ret, bytes.ptr, bytes.len);
      return true;
    case 'Q': /* two requests, one after the other */
      guest_string_set(&text, "first");
      if (!theater_simple_message_server_host_request(&text, &argument_bytes, &bytes, err)) return false;
      guest_string_set(&text, "second");
      if (!theater_simple_message_server_host_request(&text, &bytes, &bytes, err)) return false;
      keep_bytes(ret, bytes.ptr, bytes.len);
      return true;
    case 'c':
      guest_string_set(&text, "peer");
      if (!theater_simple_message_server_host_open_channel(&text, &argument_bytes, &text, err)) return false;
      keep_bytes(ret, text.ptr, text.len);
      return true;
    case 'C': if (!theater_simple_message_server_host_close_channel(&argument, err)) return false; return true;
    case 'o': {
      theater_simple_message_server_host_list_outstanding_requests(&names);
      uint8_t all[256];
      size_t size = 0;
      for (size_t i = 0; i < names.len; ++i) {
        memcpy(all + size, names.ptr[i].ptr, names.ptr[i].len);
        size += names.ptr[i].len;
        all[size++] = '|';
      }
      keep_bytes(ret, all, size);
      return true;
    }
    case 'n': keep_number(ret, theater_simple_timing_now()); return true;
    case 'z': if (!theater_simple_timing_sleep(argument.len, err)) return false; return true;
    case 'h': {
      theater_simple_runtime_chain_t chain;
      theater_simple_runtime_get_chain(&chain);
      keep_number(ret, chain.events.len ? chain.events.ptr[0].hash : 0);
      return true;
    }
    default: return fails(err, "unknown command");
  }
}

bool exports_theater_simple_actor_init(guest_list_u8_t *state, guest_tuple1_string_t *params, next_state *ret, guest_string_t *err) {
  keep_bytes(ret, params->f0.ptr, params->f0.len);
  return true;
}

#define HANDLER(name) exports_theater_simple_message_server_client_handle_##name
#define TYPE(name) exports_theater_simple_message_server_client_##name

bool HANDLER(send)(guest_list_u8_t *state, guest_tuple1_list_u8_t *params, next_state *ret, guest_string_t *err) {
  guest_string_t argument = {params->f0.ptr + 1, params->f0.len - 1};
  return obey(state, params->f0.ptr[0], argument, ret, err);
}

bool HANDLER(request)(guest_list_u8_t *state, guest_tuple2_string_list_u8_t *params,
                      guest_tuple2_option_list_u8_tuple1_option_list_u8_t *ret, guest_string_t *err) {
  if (state) keep_bytes((next_state *)ret, state->ptr, state->len); else ret->f0.is_some = false;
  ret->f1.f0.is_some = params->f1.len != 0;
  ret->f1.f0.val = params->f1;
  return true;
}

bool HANDLER(channel_open)(guest_list_u8_t *state, guest_tuple2_string_list_u8_t *params,
                           TYPE(tuple2_option_list_u8_tuple1_channel_accept_t) *ret, guest_string_t *err) {
  if (state) keep_bytes((next_state *)ret, state->ptr, state->len); else ret->f0.is_some = false;
  ret->f1.f0.accepted = params->f1.len != 0;
  ret->f1.f0.message.is_some = params->f1.len > 1;
  ret->f1.f0.message.val = params->f1;
  return true;
}

bool HANDLER(channel_message)(guest_list_u8_t *state, TYPE(tuple2_channel_id_list_u8_t) *params, next_state *ret, guest_string_t *err) {
  keep_bytes(ret, params->f1.ptr, params->f1.len);
  return true;
}

bool HANDLER(channel_close)(guest_list_u8_t *state, TYPE(tuple1_channel_id_t) *params, next_state *ret, guest_string_t *err) {
  keep_bytes(ret, params->f0.ptr, params->f0.len);
  return true;
}
