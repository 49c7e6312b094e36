// Passes the host what lies beyond its memory.
#include <theater.h>

theater_status theater_on_send(theater_state* state, theater_view message) {
  (void)state, (void)message;
  theater_host_log((const char*)0xffff0000u, 100);
  return theater_ok();
}
