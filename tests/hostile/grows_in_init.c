// Takes all the memory that it gets before it has even started.
#include <theater.h>

enum { kPageBytes = 65536 };

theater_status theater_on_start(theater_state* state, theater_view self) {
  (void)state, (void)self;
  for (;;) {
    size_t before = __builtin_wasm_memory_grow(0, 1);
    if (before == SIZE_MAX) return theater_ok();
    *(volatile char*)(before * kPageBytes) = 1;
  }
}

theater_status theater_on_send(theater_state* state, theater_view message) {
  (void)state, (void)message;
  return theater_ok();
}
