#include <theater.hpp>

/// Floods: a message begins with the id (36 characters) of an actor; each turn sends the message there and then to the
/// blaster itself, which makes the next turn. That the other's mailbox is full now and then is part of the game.
struct Blaster : theater::Actor {
  static constexpr size_t kIdBytes = 36;

  theater::Status on_send(theater::View message) {
    if (message.size() < kIdBytes) return theater::fail("a message begins with an id");
    (void)theater_send(theater::View(message.data(), kIdBytes), message);
    return theater_send(theater::View(self_text, kIdBytes), message);
  }
};

template struct theater::Component<Blaster>;
