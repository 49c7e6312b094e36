#include <theater.hpp>

using theater::Status;
using theater::View;

/// Publishes a headline to the readers as many times as it is told, at intervals: "3 rain tomorrow". It takes other
/// messages meanwhile.
struct Desk : theater::Actor {
  theater::Text<100> headline;
  uint64_t editions = 0;
  uint64_t left = 0;
  uint64_t timer = 0;

  Status on_start(View) { return theater::register_name("newsroom"); }

  Status on_send(View message) {
    if (message == kTick) return print();
    const auto count = message.take_until(' ').number();
    if (!count || *count == 0) return theater::fail("how many editions?");
    headline = message;
    left = *count;
    const auto set = theater::send_every(20, self(), kTick);
    if (!set) return set;
    timer = *set;
    return theater::ok();
  }

 private:
  static constexpr const char* kTick = "tick";

  Status print() {
    // One more may have been on its way when the timer was cancelled.
    if (left == 0) return theater::ok();
    const auto readers = theater::publish("news", theater::text("edition ", ++editions, ": ", headline));
    if (!readers) return readers;
    theater::log("edition ", editions, " reached ", *readers);
    if (--left > 0) return theater::ok();
    theater::cancel_timer(timer);
    if (const auto told = theater::publish("news", "stop"); !told) return told;
    return theater::shutdown();
  }
};

template struct theater::Component<Desk>;
