#include <theater.hpp>

using theater::Status;
using theater::View;

/// Accepts one channel at a time; answers each number on it with the sum so far.
struct Summer : theater::Actor {
  theater::Id channel;
  uint64_t sum = 0;

  theater::Accept on_channel_open(View id, View first_message) {
    if (!channel.empty()) return theater::refuse("one at a time");
    theater::log("opened with: ", first_message);
    channel.assign(id);
    sum = 0;
    return theater::accept("ready");
  }

  Status on_channel_message(View id, View message) {
    const auto number = message.number();
    if (!number) return theater::fail("not a number: ", message);
    sum += *number;
    return theater::send_on_channel(id, theater::text(sum));
  }

  Status on_channel_close(View) {
    theater::log("closed at ", sum);
    channel = {};
    return theater::shutdown();
  }
};

template struct theater::Component<Summer>;
