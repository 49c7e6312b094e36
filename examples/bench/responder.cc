#include <theater.hpp>

/// Answers a request with its payload, and takes channels.
struct Responder : theater::Actor {
  theater::Reply on_request(theater::View message) { return message; }
  theater::Accept on_channel_open(theater::View, theater::View) { return theater::accept(); }
};

template struct theater::Component<Responder>;
