// Returns an error as long as a message.
#include <theater.h>

theater_status theater_on_send(theater_state* state, theater_view message) {
  (void)state, (void)message;
  static char text[200000];
  __builtin_memset(text, 'x', sizeof text);
  theater_status status = {true, {text, sizeof text}};
  return status;
}
