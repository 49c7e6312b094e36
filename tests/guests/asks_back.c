// Sent an actor's name, asks it with its own id; asked with an id, asks that one. Two of them close a cycle.
#include <theater.h>

static char self_text[64];
static size_t self_size;

theater_status theater_on_start(theater_state* state, theater_view self) {
  (void)state;
  self_size = self.size < sizeof self_text ? self.size : sizeof self_text;
  for (size_t i = 0; i < self_size; i++) self_text[i] = self.data[i];
  return theater_ok();
}

theater_status theater_on_send(theater_state* state, theater_view target) {
  (void)state;
  theater_result answer = theater_request(target, theater_bytes(self_text, self_size));
  theater_log(answer.value);
  theater_status status = {answer.failed, answer.value};
  return status;
}

theater_reply theater_on_request(theater_state* state, theater_view id, theater_view asker) {
  (void)state, (void)id;
  // The error goes back as the answer, so that a test sees it at both ends.
  return theater_answer(theater_request(asker, theater_bytes(self_text, self_size)).value);
}
