#include <theater.hpp>

/// First stage: cuts a text into words.
struct Words : theater::Actor {
  theater::Status on_send(theater::View text) {
    while (!text.empty()) {
      const theater::View word = text.take_until(' ');
      if (word.empty()) continue;
      if (theater::Status sent = theater::send("upper", word); !sent) return sent;
    }
    return theater::ok();
  }
};

template struct theater::Component<Words>;
