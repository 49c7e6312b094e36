#include <theater.hpp>

using theater::Status;
using theater::View;

/// Passes what it is sent on to everyone who subscribed by sending "subscribe <id>". "bye" is the last announcement.
struct Announcer : theater::Actor {
  theater::List<theater::Id, 64> listeners;

  Status on_send(View message) {
    if (message.starts_with("subscribe ")) return subscribe(message.skip(View("subscribe ").size()));
    size_t reached = 0;
    for (const theater::Id& listener : listeners) {
      const Status sent = theater::send(listener, message);
      if (sent)
        ++reached;
      else
        theater::log(listener, " is not reached: ", sent.error());
    }
    theater::log(message, " reached ", reached);
    return message == "bye" ? theater::shutdown() : theater::ok();
  }

 private:
  Status subscribe(View id) {
    if (!listeners.add(id)) return theater::fail("no more than 64 listeners, so not ", id);
    theater::log(listeners.size(), " listening");
    return theater::ok();
  }
};

template struct theater::Component<Announcer>;
