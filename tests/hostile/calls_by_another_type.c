// Calls a function as if it were one of another type.
#include <theater.h>

static int one(void) { return 1; }

theater_status theater_on_send(theater_state* state, theater_view message) {
  (void)state, (void)message;
  void* volatile place = (void*)one;
  double (*function)(double) = (double (*)(double))place;
  return function(1.0) > 0 ? theater_ok() : theater_fail("returned");
}
