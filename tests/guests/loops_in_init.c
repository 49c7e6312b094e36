// Never ends its start.
#include <theater.h>

theater_status theater_on_start(theater_state* state, theater_view self) {
  (void)state, (void)self;
  for (volatile uint32_t i = 0;; i++) {
  }
}
