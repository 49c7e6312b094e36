#include <theater.hpp>

using theater::Status;
using theater::View;

/// Reads the news until there are no more.
struct Reader : theater::Actor {
  Status on_start(View) { return theater::join("news"); }

  Status on_send(View news) {
    if (news == "stop") return theater::shutdown();
    theater::log("read ", news);
    return theater::ok();
  }
};

template struct theater::Component<Reader>;
