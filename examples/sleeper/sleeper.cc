#include <theater.hpp>

using theater::Status;
using theater::View;

/// Sleeps as many milliseconds as it is sent, first half of it by duration, the rest by deadline.
struct Sleeper : theater::Actor {
  uint64_t naps = 0;

  Status on_send(View message) {
    if (message == "stop") return theater::shutdown();
    const auto duration_ms = message.number();
    if (!duration_ms) return theater::fail("not a number of milliseconds: ", message);
    const uint64_t start_ms = theater::now_ms();
    if (Status slept = theater::sleep_ms(*duration_ms / 2); !slept) return slept;
    if (Status slept = theater::sleep_until_ms(start_ms + *duration_ms); !slept) return slept;
    ++naps;
    theater::log("nap ", naps, " of ", theater::now_ms() - start_ms, " ms");
    return theater::ok();
  }
};

template struct theater::Component<Sleeper>;
