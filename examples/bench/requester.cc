#include <theater.hpp>

/// Sent "<id> <count> <payload>", asks the actor of that id that often with the payload.
struct Requester : theater::Actor {
  theater::Status on_send(theater::View message) {
    const theater::View peer = message.take_until(' ');
    const auto count = message.take_until(' ').number();
    if (!count) return theater::fail("not \"<id> <count> <payload>\"");
    for (uint64_t i = 0; i < *count; i++) {
      const theater::Scratch scratch;
      const auto answer = theater::request(peer, message);
      if (!answer) return theater::fail(answer.error());
    }
    return theater::ok();
  }
};

template struct theater::Component<Requester>;
