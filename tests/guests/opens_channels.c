// "<actor> <count> keep|close": opens that many channels, one after the other; keeps "<opened> <refused>" as its state
// and answers it.
#include "guest_support/words.h"

theater_status theater_on_send(theater_state* state, theater_view message) {
  theater_view to = take_word(&message);
  uint64_t count = number_of(take_word(&message));
  bool close = theater_equal(message, theater_text("close"));
  uint64_t refused = 0;
  for (uint64_t i = 0; i < count; i++) {
    char* mark = theater_turn_mark();
    theater_result channel = theater_open_channel(to, theater_text("hello"));
    if (channel.failed) {
      refused++;
    } else if (close) {
      theater_status closed = theater_close_channel(channel.value);
      if (closed.failed) return closed;
    }
    theater_turn_release(mark);
  }
  state->present = true;
  state->bytes = two_numbers(count - refused, refused);
  return theater_ok();
}

theater_reply theater_on_request(theater_state* state, theater_view id, theater_view message) {
  (void)id, (void)message;
  return theater_answer(state->bytes);
}

theater_status theater_on_channel_message(theater_state* state, theater_view channel, theater_view message) {
  (void)state, (void)channel, (void)message;
  return theater_ok();
}
