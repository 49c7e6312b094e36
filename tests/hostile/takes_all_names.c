// Registers names until it gets no more.
#include "../guests/guest_support/words.h"

theater_status theater_on_send(theater_state* state, theater_view message) {
  (void)state, (void)message;
  for (uint64_t i = 0;; i++) {
    theater_status status = theater_register(two_numbers(i, i));
    if (status.failed) return status;
  }
}
