#include <theater.hpp>

/// Counts what it is sent, and tells how much that was.
struct Sink : theater::Actor {
  uint64_t count = 0;

  theater::Status on_send(theater::View) {
    ++count;
    return theater::ok();
  }

  theater::Reply on_request(theater::View) { return theater::reply(count); }
};

template struct theater::Component<Sink>;
