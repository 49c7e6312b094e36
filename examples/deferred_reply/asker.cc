#include <theater.hpp>

/// Asks the oracle what it is sent, and waits for the answer as long as its manifest allows.
struct Asker : theater::Actor {
  theater::Status on_send(theater::View question) {
    const auto answer = theater::request("oracle", question);
    theater::log(answer ? "the answer is: " : "no answer: ", answer ? *answer : answer.error());
    return theater::ok();
  }
};

template struct theater::Component<Asker>;
