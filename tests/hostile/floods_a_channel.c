// Sends on a channel for ever.
#include <theater.h>

theater_status theater_on_send(theater_state* state, theater_view message) {
  (void)state, (void)message;
  theater_result channel = theater_open_channel(theater_text("good"), theater_bytes(0, 0));
  theater_status status = {channel.failed, channel.value};
  if (status.failed) return status;
  for (;;) {
    char* mark = theater_turn_mark();
    (void)theater_send_on_channel(channel.value, message);
    theater_turn_release(mark);
  }
}
