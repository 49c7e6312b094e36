// Passes the host a name that is no text.
#include <theater.h>

theater_status theater_on_send(theater_state* state, theater_view message) {
  (void)state, (void)message;
  return theater_send(theater_bytes("\xff\xfe", 2), message);
}
