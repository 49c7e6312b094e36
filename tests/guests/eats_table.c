// Grows a table as far as it gets, and says how far that was.
#include "guest_support/words.h"

// C has no word for a table of functions that grows.
__asm__(
    ".tabletype big_table, funcref\n"
    ".globl big_table\n"
    "big_table:\n");

__attribute__((target("reference-types"), noinline)) static int grow(int count) {
  int before;
  __asm__ volatile(
      "ref.null_func\n"
      "local.get %1\n"
      "table.grow big_table\n"
      "local.set %0\n"
      : "=r"(before)
      : "r"(count));
  return before;
}

theater_status theater_on_send(theater_state* state, theater_view message) {
  (void)state, (void)message;
  uint64_t size = 0;
  while (grow(1000) != -1) size += 1000;
  theater_status status = {true, two_numbers(size, 0)};
  return status;
}
