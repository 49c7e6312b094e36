// Fills a large piece of memory again and again, each time by one instruction.
#include <theater.h>

static char block[1 << 20];

__attribute__((target("bulk-memory"), noinline)) static void fill(volatile size_t* size, int value) {
  __builtin_memset(block, value, *size);
}

theater_status theater_on_send(theater_state* state, theater_view message) {
  (void)state, (void)message;
  volatile size_t size = sizeof block;
  for (int value = 0;; value++) fill(&size, value);
}
