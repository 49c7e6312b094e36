#include <theater.hpp>

using theater::Status;
using theater::View;

/// Sent a number n, it opens a channel to "summer", streams 1 to n, and closes the channel when the last sum has come
/// back.
struct Client : theater::Actor {
  theater::Id channel;
  uint64_t left = 0;

  Status on_send(View message) {
    const auto count = message.number();
    if (!count || *count == 0) return theater::fail("not a count: ", message);
    const auto opened = theater::open_channel("summer", "numbers, please");
    if (!opened) return opened;
    channel.assign(*opened);
    left = *count;
    theater::log("channel open");
    for (uint64_t i = 1; i <= *count; i++) {
      if (Status sent = theater::send_on_channel(channel, theater::text(i)); !sent) return sent;
    }
    return theater::ok();
  }

  Status on_channel_message(View, View message) {
    theater::log("got ", message);
    if (!message.number() || --left > 0) return theater::ok();
    return theater::close_channel(channel);
  }

  /// Both sides are told, the one that closed it as well.
  Status on_channel_close(View) { return theater::shutdown(); }
};

template struct theater::Component<Client>;
