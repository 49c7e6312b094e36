// Makes as many of itself as it can, and each of those does: its first state is their manifest.
#include <theater.h>

theater_status theater_on_start(theater_state* state, theater_view self) {
  (void)self;
  theater_status status = theater_ok();
  for (int i = 0; i < 5; i++) {
    theater_result child = theater_spawn(state->bytes, state->bytes);
    if (child.failed) status.text = child.value;
  }
  theater_log(status.text);
  return status;
}

theater_status theater_on_send(theater_state* state, theater_view message) {
  (void)state, (void)message;
  return theater_ok();
}
