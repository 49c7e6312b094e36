#include <theater.hpp>

/// Answers a request with its payload.
struct Responder : theater::Actor {
  theater::Reply on_request(theater::View message) { return message; }
};

template struct theater::Component<Responder>;
