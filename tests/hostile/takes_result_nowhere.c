// Lets the host write a result beyond its memory.
#include <theater.h>

theater_status theater_on_send(theater_state* state, theater_view message) {
  (void)state, (void)message;
  theater_host_send(message.data, message.size, message.data, message.size, (void*)0xfffffff0u);
  return theater_ok();
}
