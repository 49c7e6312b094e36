// Passes the host more than its memory holds.
#include <theater.h>

theater_status theater_on_send(theater_state* state, theater_view message) {
  (void)state, (void)message;
  theater_host_log("x", 0x7fffffff);
  return theater_ok();
}
