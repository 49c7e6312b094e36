// Writes zeros over all of its own memory, its stack included.
#include <theater.h>

theater_status theater_on_send(theater_state* state, theater_view message) {
  (void)state, (void)message;
  volatile char* byte = (volatile char*)16;
  for (uintptr_t end = __builtin_wasm_memory_size(0) * 65536; (uintptr_t)byte < end; byte++) *byte = 0;
  return theater_ok();
}
