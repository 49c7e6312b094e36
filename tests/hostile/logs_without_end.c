// Logs long lines for ever.
#include <theater.h>

theater_status theater_on_send(theater_state* state, theater_view message) {
  (void)state, (void)message;
  static char line[60000];
  __builtin_memset(line, 'x', sizeof line);
  for (;;) theater_log(theater_bytes(line, sizeof line));
}
