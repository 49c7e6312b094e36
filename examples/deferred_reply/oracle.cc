#include <theater.hpp>

using theater::Status;
using theater::View;

/// Keeps every question waiting until it is sent an answer, which then goes to all who wait; "cancel" sends them away.
struct Oracle : theater::Actor {
  theater::List<theater::Id, 16> waiting;
  /// An answer that came before its question.
  theater::Text<200> early_answer;

  theater::Reply on_request(View id, View question) {
    theater::log("asked: ", question);
    if (!early_answer.empty()) {
      const View answer = theater::text(early_answer, "");
      early_answer = {};
      return answer;
    }
    if (!waiting.add(id)) return theater::fail("too many wait already");
    return theater::later();
  }

  Status on_send(View message) {
    if (message == "cancel") return cancel_all();
    if (waiting.empty()) early_answer.assign(message);
    for (const theater::Id& id : waiting) {
      const Status answered = theater::respond(id, message);
      // Who asked may have given up meanwhile.
      if (!answered) theater::log(answered.error());
    }
    waiting.clear();
    return theater::ok();
  }

 private:
  Status cancel_all() {
    for (const View id : theater::list_outstanding()) {
      if (Status cancelled = theater::cancel(id); !cancelled) return cancelled;
    }
    theater::log(waiting.size(), " sent away");
    waiting.clear();
    return theater::ok();
  }
};

template struct theater::Component<Oracle>;
