#include <theater.hpp>

/// Last stage: numbers the words. A request is answered with how many there were.
struct Collect : theater::Actor {
  uint64_t count = 0;

  theater::Status on_send(theater::View word) {
    ++count;
    theater::log(count, " ", word);
    return theater::ok();
  }

  theater::Reply on_request(theater::View) { return theater::reply(count); }
};

template struct theater::Component<Collect>;
