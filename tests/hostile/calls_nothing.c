// Calls a function that is not there.
#include <theater.h>

theater_status theater_on_send(theater_state* state, theater_view message) {
  (void)state, (void)message;
  void (*volatile nothing)(void) = 0;
  nothing();
  return theater_ok();
}
