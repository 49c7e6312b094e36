#include <theater.hpp>

using theater::Reply;
using theater::Status;
using theater::View;

/// Counts what it is sent, until it is told to crash, to leave or to hang.
struct Worker : theater::Actor {
  uint64_t done = 0;

  Status on_send(View message) {
    if (message == "crash") __builtin_trap();
    if (message == "leave") return theater::shutdown_with("goodbye");
    if (message == "sleep") return theater::sleep_ms(3'600'000);
    if (message == "loop") {
      for (volatile bool forever = true; forever;) {
      }
    }
    ++done;
    return theater::ok();
  }
  Reply on_request(View) { return theater::reply(done, " done"); }
};

template struct theater::Component<Worker>;
