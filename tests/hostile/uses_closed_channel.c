// Goes on with a channel that it has closed.
#include <theater.h>

theater_status theater_on_send(theater_state* state, theater_view message) {
  (void)state, (void)message;
  theater_result channel = theater_open_channel(theater_text("good"), message);
  theater_status status = {channel.failed, channel.value};
  if (status.failed) return status;
  status = theater_close_channel(channel.value);
  if (status.failed) return status;
  if (!theater_send_on_channel(channel.value, message).failed) return theater_fail("sent on a closed channel");
  return theater_close_channel(channel.value);
}
