#pragma once

#include <theater.hpp>

/// What the components of update_test.cc keep: a number of sends, and what the next component is to do wrong
/// (guests/update_fails.cc). Each answers with its own name, the number, and how many sends this instance has seen.
struct Counter : theater::Actor {
  unsigned long long count = 0;
  unsigned long long fault = 0;

  static inline unsigned seen = 0;

  theater::Status take(theater::View message) {
    ++seen;
    if (message.starts_with("fault ")) {
      fault = static_cast<unsigned long long>(message[6] - '0');
      return theater::ok();
    }
    ++count;
    return theater::ok();
  }

  theater::Reply answer(theater::View name, theater::View message) const {
    if (message == "wait") {
      if (auto slept = theater::sleep_ms(20); !slept) return theater::fail(slept.error());
    }
    return theater::reply(theater::text(name, " ", count, " ", seen));
  }
};
