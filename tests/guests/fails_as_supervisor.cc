// Traps while it hears that a child has failed; makes no children itself.
#include <theater.hpp>

struct FailsAsSupervisor : theater::Actor {
  theater::Status on_send(theater::View) { return theater::ok(); }
  theater::Status on_child_error(theater::View, theater::ChildError, theater::View) {
    theater::log("a child failed, and so do I");
    __builtin_trap();
  }
};

template struct theater::Component<FailsAsSupervisor>;
template struct theater::Supervisor<FailsAsSupervisor>;
