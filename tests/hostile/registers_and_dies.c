// Takes a name and traps.
#include <theater.h>

theater_status theater_on_send(theater_state* state, theater_view message) {
  (void)state, (void)message;
  (void)theater_register(theater_text("mine"));
  (void)theater_join(theater_text("ours"));
  __builtin_trap();
}
