// An actor of the package's older name; old_namespace_wit/world.wit says so.
#include <theater.hpp>

struct OldNamespace : theater::Actor {
  theater::Status on_send(theater::View message) {
    theater::log("old: ", message);
    return theater::ok();
  }
  theater::Reply on_request(theater::View message) { return message; }
};

template struct theater::Component<OldNamespace>;
