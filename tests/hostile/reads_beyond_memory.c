// Reads where its memory has ended.
#include <theater.h>

theater_status theater_on_send(theater_state* state, theater_view message) {
  (void)state, (void)message;
  volatile uintptr_t address = 0xfffffff0u;
  char byte = *(volatile char*)address;
  return byte == 1 ? theater_fail("read it") : theater_ok();
}
