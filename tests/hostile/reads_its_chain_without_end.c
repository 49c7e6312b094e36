// Keeps every copy of its own chain.
#include <theater.h>

theater_status theater_on_send(theater_state* state, theater_view message) {
  (void)state, (void)message;
  for (;;) {
    const theater_chain_event* events;
    (void)theater_get_chain(&events);
  }
}
