// Traps at every message; a request divides by zero.
#include <theater.h>

theater_status theater_on_send(theater_state* state, theater_view message) {
  (void)state, (void)message;
  __builtin_trap();
}

theater_reply theater_on_request(theater_state* state, theater_view id, theater_view message) {
  (void)state, (void)id;
  volatile uint32_t zero = 0;
  char* answer = theater_turn_alloc(1);
  *answer = (char)((uint32_t)message.size / zero);
  return theater_answer(theater_bytes(answer, 1));
}
