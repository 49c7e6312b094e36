#include <theater.hpp>

/// Adds up the numbers it is sent, and tells the sum to who asks. The sum is its state: it survives a restart.
struct Counter : theater::Actor {
  uint64_t sum = 0;

  theater::Status on_send(theater::View message) {
    const auto number = message.number();
    if (!number) return theater::fail("not a number: ", message);
    sum += *number;
    theater::log("the sum is ", sum);
    return theater::ok();
  }

  theater::Reply on_request(theater::View) { return theater::reply(sum); }
};

template struct theater::Component<Counter>;
