// Returns an error from its init.
#include <theater.h>

theater_status theater_on_start(theater_state* state, theater_view self) {
  (void)state, (void)self;
  return theater_fail("not today");
}
