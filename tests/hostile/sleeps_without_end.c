// Sleeps a little again and again within one turn.
#include <theater.h>

theater_status theater_on_send(theater_state* state, theater_view message) {
  (void)state, (void)message;
  for (;;) {
    theater_status status = theater_sleep_ms(1);
    if (status.failed) return status;
  }
}
