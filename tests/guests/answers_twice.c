// Answers a request by respond-to-request and by its result; "both ways" responds twice.
#include <theater.h>

theater_reply theater_on_request(theater_state* state, theater_view id, theater_view message) {
  (void)state;
  theater_status first = theater_respond(id, theater_text("first"));
  if (first.failed) theater_log(first.text);
  if (theater_equal(message, theater_text("both ways"))) {
    theater_status second = theater_respond(id, theater_text("second"));
    theater_log(second.failed ? second.text : theater_text("a second answer was taken"));
    return theater_answer_later();
  }
  return theater_answer(theater_text("returned"));
}
