/// For guests that break the canonical ABI itself: every export but handle-send, which the guest writes.
#ifndef THEATER_TESTS_GUESTS_RAW_H
#define THEATER_TESTS_GUESTS_RAW_H

/// A guest that gives the host its memory by itself defines RAW_WITHOUT_TURN.
#define THEATER_NO_EXPORTS
#include <theater.h>

static uint32_t raw_result[8];

/// ok(none), accepted false…: all zero.
static void* raw_nothing(void) {
  for (int i = 0; i < 8; i++) raw_result[i] = 0;
#ifndef RAW_WITHOUT_TURN
  theater_turn_end();
#endif
  return raw_result;
}

static inline uint32_t raw_address(const void* bytes) { return (uint32_t)(uintptr_t)bytes; }

THEATER_EXPORT("actor#init")
void* raw_init(uint32_t has_state, const char* state, size_t state_size, const char* id, size_t id_size) {
  (void)has_state, (void)state, (void)state_size, (void)id, (void)id_size;
  return raw_nothing();
}
THEATER_EXPORT("message-server-client#handle-request")
void* raw_request(uint32_t has_state, const char* state, size_t state_size, const char* id, size_t id_size,
                  const char* data, size_t size) {
  (void)has_state, (void)state, (void)state_size, (void)id, (void)id_size, (void)data, (void)size;
  return raw_nothing();
}
THEATER_EXPORT("message-server-client#handle-channel-open")
void* raw_channel_open(uint32_t has_state, const char* state, size_t state_size, const char* channel,
                       size_t channel_size, const char* data, size_t size) {
  (void)has_state, (void)state, (void)state_size, (void)channel, (void)channel_size, (void)data, (void)size;
  return raw_nothing();
}
THEATER_EXPORT("message-server-client#handle-channel-message")
void* raw_channel_message(uint32_t has_state, const char* state, size_t state_size, const char* channel,
                          size_t channel_size, const char* data, size_t size) {
  (void)has_state, (void)state, (void)state_size, (void)channel, (void)channel_size, (void)data, (void)size;
  return raw_nothing();
}
THEATER_EXPORT("message-server-client#handle-channel-close")
void* raw_channel_close(uint32_t has_state, const char* state, size_t state_size, const char* channel,
                        size_t channel_size) {
  (void)has_state, (void)state, (void)state_size, (void)channel, (void)channel_size;
  return raw_nothing();
}

/// What the guest does at handle-send; returns where the host finds the result.
void* raw_answer(const char* data, size_t size);

THEATER_EXPORT("message-server-client#handle-send")
void* raw_send(uint32_t has_state, const char* state, size_t state_size, const char* data, size_t size) {
  (void)has_state, (void)state, (void)state_size;
  return raw_answer(data, size);
}

#endif
