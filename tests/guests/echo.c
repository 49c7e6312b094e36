// The well-behaved one: keeps the last message as its state, answers a request with the request, a channel's message
// with the message; "fail" fails, "later" is answered by the next send, "forward <actor> <text>" sends the text on,
// "stop" shuts down.
#include "guest_support/words.h"

static char waiting[64];
static size_t waiting_size;

static bool is(theater_view text, const char* word) { return theater_equal(text, theater_text(word)); }

theater_status theater_on_send(theater_state* state, theater_view message) {
  if (is(message, "fail")) return theater_fail("failed as asked");
  if (is(message, "stop")) return theater_shutdown_with(theater_text("stopped as asked"));
  state->present = true;
  state->bytes = message;
  if (waiting_size != 0) {
    theater_view id = theater_bytes(waiting, waiting_size);
    waiting_size = 0;
    return theater_respond(id, message);
  }
  theater_view rest = message;
  if (is(take_word(&rest), "forward")) {
    theater_view to = take_word(&rest);
    return theater_send(to, rest);
  }
  return theater_ok();
}

theater_reply theater_on_request(theater_state* state, theater_view id, theater_view message) {
  if (is(message, "fail")) return theater_answer_error("failed as asked");
  if (is(message, "state")) return theater_answer(state->bytes);
  if (is(message, "later") && id.size <= sizeof waiting) {
    for (size_t i = 0; i < id.size; i++) waiting[i] = id.data[i];
    waiting_size = id.size;
    return theater_answer_later();
  }
  return theater_answer(message);
}

theater_acceptance theater_on_channel_open(theater_state* state, theater_view channel, theater_view first_message) {
  (void)state, (void)channel;
  theater_acceptance answer = {false, !is(first_message, "refuse"), {0, 0}};
  if (first_message.size != 0) answer.message = first_message;
  return answer;
}

theater_status theater_on_channel_message(theater_state* state, theater_view channel, theater_view message) {
  (void)state;
  if (is(message, "close")) return theater_close_channel(channel);
  return theater_send_on_channel(channel, message);
}
