// Starts, unless an actor named "storm" is there; traps at what it is sent.
#include <theater.hpp>

struct FailsToStart : theater::Actor {
  theater::Status on_start(theater::View) {
    return theater::whereis("storm") ? theater::Status(theater::fail("it storms")) : theater::ok();
  }
  theater::Status on_send(theater::View) { __builtin_trap(); }
};

template struct theater::Component<FailsToStart>;
