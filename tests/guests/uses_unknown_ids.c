// Names actors, channels and requests that do not exist. Fails when a host function takes one of them.
#include <theater.h>

static const char* const kIds[] = {"", "nobody", "00000000-0000-0000-0000-000000000000",
                                   "6b1f0c52-9c3e-4f5e-8b60-0c7b7c1a0001", "../../etc/passwd"};

theater_status theater_on_send(theater_state* state, theater_view message) {
  (void)state;
  for (size_t i = 0; i < sizeof kIds / sizeof kIds[0]; i++) {
    theater_view id = theater_text(kIds[i]);
    if (!theater_send(id, message).failed) return theater_fail("send took an unknown id");
    if (!theater_request(id, message).failed) return theater_fail("request took an unknown id");
    if (!theater_open_channel(id, message).failed) return theater_fail("open-channel took an unknown id");
    if (!theater_send_on_channel(id, message).failed) return theater_fail("send-on-channel took an unknown id");
    if (!theater_close_channel(id).failed) return theater_fail("close-channel took an unknown id");
    if (!theater_respond(id, message).failed) return theater_fail("respond-to-request took an unknown id");
    if (!theater_cancel(id).failed) return theater_fail("cancel-request took an unknown id");
  }
  return theater_ok();
}
