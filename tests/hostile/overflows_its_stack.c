// Puts more onto its stack than a memory can hold.
#include <theater.h>

theater_status theater_on_send(theater_state* state, theater_view message) {
  (void)state, (void)message;
  volatile size_t size = (size_t)1 << 30;
  volatile char array[size];
  for (size_t i = 0; i < size; i += 4096) array[i] = 1;
  return array[0] == 1 ? theater_ok() : theater_fail("lost");
}
