// Wants names that are none, or are another's.
#include <theater.h>

theater_status theater_on_send(theater_state* state, theater_view message) {
  (void)state, (void)message;
  static char large[100000];
  __builtin_memset(large, 'x', sizeof large);
  if (!theater_register(theater_text("")).failed) return theater_fail("took the empty name");
  if (!theater_register(theater_text("two\nlines")).failed) return theater_fail("took a name of two lines");
  if (!theater_register(theater_bytes(large, sizeof large)).failed) return theater_fail("took a huge name");
  if (!theater_register(theater_text("00000000-0000-4000-8000-000000000000")).failed) return theater_fail("took an id");
  if (!theater_unregister(theater_text("good")).failed) return theater_fail("took another's name away");
  return theater_register(theater_text("good"));
}
