#include <theater.hpp>

/// Plays every ball back to whoever it names.
struct Pong : theater::Actor {
  theater::Status on_send(theater::View ball) {
    const theater::View peer = ball.take_until(' ');
    const auto count = ball.number();
    if (!count) return theater::fail("not a ball: ", ball);
    theater::log("ball ", *count);
    if (*count > 0) {
      if (theater::Status sent = theater::send(peer, theater::text(self(), " ", *count - 1)); !sent) return sent;
    }
    return *count <= 1 ? theater::shutdown() : theater::ok();
  }
};

template struct theater::Component<Pong>;
