// Keeps what update_first.cc keeps in another form, and takes it over, for update_test.cc.
#include <theater.hpp>

struct Migrates : theater::Actor {
  static constexpr unsigned state_version = 2;
  unsigned long long tens = 0;

  theater::Status on_migrate(theater::View state, theater::View component) {
    // A header of eight bytes, then the count.
    if (state.size() < 16) return theater::fail("there is no count to take over");
    unsigned long long count = 0;
    __builtin_memcpy(&count, state.data() + 8, sizeof count);
    tens = count * 10;
    theater::log("takes over from ", component.first(8));
    return theater::ok();
  }
  theater::Status on_send(theater::View) {
    tens += 10;
    return theater::ok();
  }
  theater::Reply on_request(theater::View) { return theater::reply(theater::text("migrated ", tens)); }
};

template struct theater::Component<Migrates>;
template struct theater::Migration<Migrates>;
