#include <theater.hpp>

/// Serves a ball to the actor named "pong" and plays until the ball has run out; against itself when there is no pong.
/// A ball says who plays it back and how often it may still fly: "<id> <count>".
struct Ping : theater::Actor {
  theater::Status on_start(theater::View) {
    const theater::View ball = theater::text(self(), " 10");
    if (theater::send("pong", ball)) return theater::ok();
    theater::log("no pong here, playing against myself");
    return theater::send(self(), ball);
  }

  theater::Status on_send(theater::View ball) {
    const theater::View peer = ball.take_until(' ');
    const auto count = ball.number();
    if (!count) return theater::fail("not a ball: ", ball);
    theater::log("ball ", *count);
    if (*count > 0) {
      if (theater::Status sent = theater::send(peer, theater::text(self(), " ", *count - 1)); !sent) return sent;
    }
    const bool is_over = *count == 0 || (*count == 1 && !(peer == self()));
    return is_over ? theater::shutdown() : theater::ok();
  }
};

template struct theater::Component<Ping>;
