// Writes to the terminal of whoever reads its log.
#include <theater.h>

theater_status theater_on_send(theater_state* state, theater_view message) {
  (void)state, (void)message;
  theater_log(theater_text("before\x1b[2J\x07\rafter"));
  return theater_ok();
}
