// "<actor> <bytes>": sends that many bytes, and fails with the error that this gives.
#include "guest_support/words.h"

theater_status theater_on_send(theater_state* state, theater_view message) {
  (void)state;
  theater_view to = take_word(&message);
  size_t size = (size_t)number_of(take_word(&message));
  return theater_send(to, theater_bytes(theater_turn_alloc(size), size));
}
