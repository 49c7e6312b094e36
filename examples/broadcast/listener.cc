#include <theater.hpp>

/// Subscribes when it starts, and says what it hears.
struct Listener : theater::Actor {
  theater::Status on_start(theater::View) { return theater::send("announcer", theater::text("subscribe ", self())); }

  theater::Status on_send(theater::View message) {
    theater::log("heard ", message);
    return message == "bye" ? theater::shutdown() : theater::ok();
  }
};

template struct theater::Component<Listener>;
