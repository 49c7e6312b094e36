// Makes an integer of what is no number.
#include <theater.h>

theater_status theater_on_send(theater_state* state, theater_view message) {
  (void)state, (void)message;
  volatile float nothing = __builtin_nanf("");
  return __builtin_wasm_trunc_s_i32_f32(nothing) == 1 ? theater_fail("one") : theater_ok();
}
