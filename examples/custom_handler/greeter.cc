#include <greeter.h>
#include <theater.hpp>

/// Answers a request, which is a name, with the greeting that the host's own interface has for it. greeter.h is
/// generated from wit/greeter.wit.
struct Greeter : theater::Actor {
  theater::Reply on_request(theater::View name) {
    greeter_string_t wanted{reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())), name.size()};
    greeter_string_t greeting;
    greeter_string_t error;
    if (!example_greeter_greet_greet(&wanted, &greeting, &error)) {
      return theater::fail("the host has no greeting: ", theater::View(error.ptr, error.len));
    }
    return theater::View(greeting.ptr, greeting.len);
  }
};

template struct theater::Component<Greeter>;
