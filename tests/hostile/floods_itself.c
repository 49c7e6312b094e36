// Answers each message with two to itself.
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
  theater_view self = theater_bytes(self_text, self_size);
  (void)theater_send(self, theater_text("one"));
  (void)theater_send(self, theater_text("two"));
  return theater_ok();
}
