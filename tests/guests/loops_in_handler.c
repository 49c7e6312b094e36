// Never ends its first turn; a request is answered.
#include <theater.h>

theater_status theater_on_send(theater_state* state, theater_view message) {
  (void)state, (void)message;
  for (volatile uint32_t i = 0;; i++) {
  }
}

theater_reply theater_on_request(theater_state* state, theater_view id, theater_view message) {
  (void)state, (void)id;
  return theater_answer(message);
}
