// Grows its memory as far as it gets, writing to every page, and says how far that was; a request wants more than that
// and traps.
#include "guest_support/words.h"

enum { kPageBytes = 65536 };

theater_status theater_on_send(theater_state* state, theater_view message) {
  (void)state, (void)message;
  for (;;) {
    size_t before = __builtin_wasm_memory_grow(0, 16);
    if (before == SIZE_MAX) break;
    for (size_t page = before; page < before + 16; page++) *(volatile char*)(page * kPageBytes) = 1;
  }
  theater_view pages = two_numbers(__builtin_wasm_memory_size(0), 0);
  theater_status status = {true, pages};
  return status;
}

theater_reply theater_on_request(theater_state* state, theater_view id, theater_view message) {
  (void)state, (void)id;
  for (;;) {
    char* bytes = theater_turn_alloc(1 << 20);
    bytes[0] = message.size > 0 ? message.data[0] : 0;
  }
}
