// The component before an update, for update_test.cc.
#include "guest_support/counter.hpp"

struct First : Counter {
  theater::Status on_send(theater::View message) { return take(message); }
  theater::Reply on_request(theater::View message) { return answer("first", message); }
};

template struct theater::Component<First>;
