// Sleeps as many milliseconds as it is sent, or until the time after "until "; fails with the host's error.
#include "guest_support/words.h"

theater_status theater_on_send(theater_state* state, theater_view message) {
  (void)state;
  theater_view first = take_word(&message);
  if (theater_equal(first, theater_text("until"))) return theater_sleep_until_ms(number_of(message));
  return theater_sleep_ms(number_of(first));
}
