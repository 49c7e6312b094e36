// Another build of update_first.cc, with the same state, for update_test.cc.
#include "guest_support/counter.hpp"

struct Second : Counter {
  theater::Status on_resume() {
    theater::log("goes on with ", count);
    return theater::ok();
  }
  theater::Status on_send(theater::View message) { return take(message); }
  theater::Reply on_request(theater::View message) { return answer("second", message); }
};

template struct theater::Component<Second>;
