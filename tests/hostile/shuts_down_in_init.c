// Asks for its end before it has started, and goes on.
#include <theater.h>

theater_status theater_on_start(theater_state* state, theater_view self) {
  (void)state, (void)self;
  for (int i = 0; i < 100; i++) (void)theater_shutdown();
  return theater_ok();
}
