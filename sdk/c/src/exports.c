/// What the host calls in a C actor: takes each call's flat parameters apart, calls the actor's function, and lays the
/// result out as the component model wants it.
#include "theater.h"

const char theater_exports = 0;

/// Read by the host right after the return.
static uint32_t result[8];

static uint32_t address(const void* bytes) { return (uint32_t)(uintptr_t)bytes; }

static void* failed(theater_view text) {
  text = theater_utf8(text);
  result[0] = 1;
  result[1] = address(text.data);
  result[2] = (uint32_t)text.size;
  theater_turn_end();
  return result;
}

static void* succeeded(const theater_state* state) {
  result[0] = 0;
  result[1] = state->present;
  result[2] = address(state->bytes.data);
  result[3] = (uint32_t)state->bytes.size;
  theater_turn_end();
  return result;
}

void* theater_finish_turn(const theater_state* state, theater_status status) {
  return status.failed ? failed(status.text) : succeeded(state);
}

static theater_state state_of(uint32_t present, const char* data, size_t size) {
  theater_state state = {present != 0, theater_bytes(data, size)};
  return state;
}

__attribute__((weak)) theater_status theater_on_start(theater_state* state, theater_view self) {
  (void)state, (void)self;
  return theater_ok();
}
__attribute__((weak)) theater_status theater_on_send(theater_state* state, theater_view message) {
  (void)state, (void)message;
  return theater_fail("send is not handled by this actor: it has no theater_on_send");
}
__attribute__((weak)) theater_reply theater_on_request(theater_state* state, theater_view request_id,
                                                       theater_view message) {
  (void)state, (void)request_id, (void)message;
  return theater_answer_error("request is not handled by this actor: it has no theater_on_request");
}
__attribute__((weak)) theater_acceptance theater_on_channel_open(theater_state* state, theater_view channel,
                                                                 theater_view first_message) {
  (void)state, (void)channel, (void)first_message;
  theater_acceptance refused = {false, false, {0, 0}};
  return refused;
}
__attribute__((weak)) theater_status theater_on_channel_message(theater_state* state, theater_view channel,
                                                                theater_view message) {
  (void)state, (void)channel, (void)message;
  return theater_fail("channel messages are not handled by this actor: it has no theater_on_channel_message");
}
__attribute__((weak)) theater_status theater_on_channel_close(theater_state* state, theater_view channel) {
  (void)state, (void)channel;
  return theater_ok();
}

THEATER_EXPORT("actor#init")
void* theater_export_init(uint32_t has_state, const char* state_data, size_t state_size, const char* id,
                          size_t id_size) {
  theater_state state = state_of(has_state, state_data, state_size);
  return theater_finish_turn(&state, theater_on_start(&state, theater_bytes(id, id_size)));
}

THEATER_EXPORT("message-server-client#handle-send")
void* theater_export_send(uint32_t has_state, const char* state_data, size_t state_size, const char* data,
                          size_t size) {
  theater_state state = state_of(has_state, state_data, state_size);
  return theater_finish_turn(&state, theater_on_send(&state, theater_bytes(data, size)));
}

THEATER_EXPORT("message-server-client#handle-request")
void* theater_export_request(uint32_t has_state, const char* state_data, size_t state_size, const char* id,
                             size_t id_size, const char* data, size_t size) {
  theater_state state = state_of(has_state, state_data, state_size);
  theater_reply reply = theater_on_request(&state, theater_bytes(id, id_size), theater_bytes(data, size));
  if (reply.kind == THEATER_FAILED) return failed(reply.bytes);
  result[4] = reply.kind == THEATER_ANSWERED;
  result[5] = address(reply.bytes.data);
  result[6] = (uint32_t)reply.bytes.size;
  return succeeded(&state);
}

THEATER_EXPORT("message-server-client#handle-channel-open")
void* theater_export_channel_open(uint32_t has_state, const char* state_data, size_t state_size, const char* channel,
                                  size_t channel_size, const char* data, size_t size) {
  theater_state state = state_of(has_state, state_data, state_size);
  theater_acceptance answer =
      theater_on_channel_open(&state, theater_bytes(channel, channel_size), theater_bytes(data, size));
  if (answer.failed) return failed(answer.message);
  result[4] = answer.accepted;
  result[5] = answer.message.data != NULL;
  result[6] = address(answer.message.data);
  result[7] = (uint32_t)answer.message.size;
  return succeeded(&state);
}

THEATER_EXPORT("message-server-client#handle-channel-message")
void* theater_export_channel_message(uint32_t has_state, const char* state_data, size_t state_size, const char* channel,
                                     size_t channel_size, const char* data, size_t size) {
  theater_state state = state_of(has_state, state_data, state_size);
  return theater_finish_turn(
      &state, theater_on_channel_message(&state, theater_bytes(channel, channel_size), theater_bytes(data, size)));
}

THEATER_EXPORT("message-server-client#handle-channel-close")
void* theater_export_channel_close(uint32_t has_state, const char* state_data, size_t state_size, const char* channel,
                                   size_t channel_size) {
  theater_state state = state_of(has_state, state_data, state_size);
  return theater_finish_turn(&state, theater_on_channel_close(&state, theater_bytes(channel, channel_size)));
}
