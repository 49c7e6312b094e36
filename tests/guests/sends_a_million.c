// "<actor> <count>": sends that often in one turn; keeps "<sent> <refused>" as its state and answers it.
#include "guest_support/words.h"

theater_status theater_on_send(theater_state* state, theater_view message) {
  theater_view to = take_word(&message);
  uint64_t count = number_of(take_word(&message));
  uint64_t refused = 0;
  for (uint64_t i = 0; i < count; i++) {
    char* mark = theater_turn_mark();
    if (theater_send(to, theater_bytes(&i, sizeof i)).failed) refused++;
    theater_turn_release(mark);
  }
  state->present = true;
  state->bytes = two_numbers(count - refused, refused);
  return theater_ok();
}

theater_reply theater_on_request(theater_state* state, theater_view id, theater_view message) {
  (void)id, (void)message;
  return theater_answer(state->bytes);
}
