// Lets the host keep large messages for later, until it keeps no more.
#include <theater.h>

static char self_text[64];
static size_t self_size;

theater_status theater_on_start(theater_state* state, theater_view self) {
  (void)state;
  self_size = self.size < sizeof self_text ? self.size : sizeof self_text;
  __builtin_memcpy(self_text, self.data, self_size);
  return theater_ok();
}

theater_status theater_on_send(theater_state* state, theater_view message) {
  (void)state, (void)message;
  static char large[200000];
  for (;;) {
    theater_timer timer =
        theater_send_after(3600000, theater_bytes(self_text, self_size), theater_bytes(large, sizeof large));
    theater_status status = {timer.failed, timer.text};
    if (timer.failed) return status;
  }
}
