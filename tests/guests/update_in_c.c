// Takes over a state in C, for update_test.cc: what was there with an exclamation mark.
#include <theater.h>

static theater_status take_over(theater_state* state, theater_view component) {
  (void)component;
  char* const bytes = theater_turn_alloc(state->bytes.size + 1);
  for (size_t i = 0; i < state->bytes.size; i++) bytes[i] = state->bytes.data[i];
  bytes[state->bytes.size] = '!';
  state->bytes = theater_bytes(bytes, state->bytes.size + 1);
  state->present = true;
  return theater_ok();
}

THEATER_MIGRATE(take_over)

theater_reply theater_on_request(theater_state* state, theater_view id, theater_view message) {
  (void)id, (void)message;
  return theater_answer(state->bytes);
}
