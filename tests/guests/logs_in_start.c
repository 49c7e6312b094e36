// Calls a host function while its instance is made, before any export is called.
#include <theater.h>

__attribute__((constructor)) static void log_early(void) { theater_log(theater_text("too early")); }

theater_status theater_on_send(theater_state* state, theater_view message) {
  (void)state, (void)message;
  return theater_ok();
}
