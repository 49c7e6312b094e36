// Calls itself until the stack ends: a short message fills the guest's own stack in memory, a long one the engine's.
#include <theater.h>

#pragma clang diagnostic ignored "-Winfinite-recursion"

__attribute__((noinline)) static uint32_t deeper(volatile uint32_t* count) {
  *count += 1;
  return deeper(count) + *count;
}

__attribute__((noinline)) static uint32_t deeper_in_memory(volatile uint32_t* count) {
  volatile uint32_t here[64];
  here[*count % 64] = *count;
  *count += 1;
  return deeper_in_memory(count) + here[*count % 64];
}

theater_status theater_on_send(theater_state* state, theater_view message) {
  (void)state;
  static volatile uint32_t count;
  uint32_t sum = message.size > 8 ? deeper(&count) : deeper_in_memory(&count);
  return sum == 1 ? theater_fail("it ended") : theater_ok();
}
