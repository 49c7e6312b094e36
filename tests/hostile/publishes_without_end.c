// Floods a group that it is the only member of.
#include <theater.h>

theater_status theater_on_send(theater_state* state, theater_view message) {
  (void)state, (void)message;
  theater_status joined = theater_join(message);
  if (joined.failed) return joined;
  for (;;) {
    uint32_t accepted;
    theater_status published = theater_publish(message, message, &accepted);
    if (published.failed) return published;
  }
}
