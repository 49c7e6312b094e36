// Asks for its end, and floods its neighbour before it comes.
#include <theater.h>

theater_status theater_on_send(theater_state* state, theater_view message) {
  (void)state, (void)message;
  (void)theater_shutdown();
  for (int i = 0; i < 1000; i++) {
    char* mark = theater_turn_mark();
    (void)theater_send(theater_text("good"), message);
    theater_turn_release(mark);
  }
  return theater_ok();
}
