// Stops, restarts and looks into an actor that is not its child.
#include <theater.h>

theater_status theater_on_send(theater_state* state, theater_view message) {
  (void)state, (void)message;
  theater_view good = theater_whereis(theater_text("good"));
  const theater_child_event* events;
  size_t count;
  if (!theater_restart_child(good).failed) return theater_fail("restarted another's child");
  if (!theater_child_state(good).failed) return theater_fail("read a stranger's state");
  if (!theater_child_events(good, &events, &count).failed) return theater_fail("read a stranger's events");
  return theater_stop_child(good);
}
