// Takes the place of update_first.cc and does then what that one's state tells it to do, for update_test.cc.
#include "guest_support/counter.hpp"

namespace {

[[noreturn]] void run_forever() {
  for (volatile unsigned long long i = 0;;) i = i + 1;
}

}  // namespace

struct Fails : Counter {
  theater::Status on_migrate(theater::View state, theater::View) {
    if (state.size() < 24) return theater::fail("there is no counter to take over");
    __builtin_memcpy(&count, state.data() + 8, sizeof count);
    __builtin_memcpy(&fault, state.data() + 16, sizeof fault);
    count += 1000;
    if (fault == 1) __builtin_trap();
    if (fault == 2) run_forever();
    if (fault == 3) return theater::fail("would rather not");
    return theater::ok();
  }
  theater::Status on_resume() {
    theater::log("goes on with ", count);
    switch (fault) {
      case 4: __builtin_trap();
      case 5: run_forever();
      case 6: return theater::fail("would rather not");
      case 7:
        // What was sent was sent.
        if (auto sent = theater::send("other", "on my way"); !sent) return sent;
        __builtin_trap();
      case 8: return theater::shutdown();
      case 9: return theater::sleep_ms(3'600'000);
      default: return theater::ok();
    }
  }
  theater::Status on_send(theater::View message) { return take(message); }
  theater::Reply on_request(theater::View message) { return answer("fails", message); }
};

template struct theater::Component<Fails>;
template struct theater::Migration<Fails>;
