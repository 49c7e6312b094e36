// An actor whose members need save and load, for sdk_test.cc; and one with a global constructor.
#include <theater.hpp>

static uint64_t seven() {
  volatile uint64_t value = 7;
  return value;
}
static const uint64_t constructed = seven();

struct SavesItself : theater::Actor {
  theater::Bytes text;
  uint64_t count = 0;

  void save(theater::Writer& out) const {
    out.number(count);
    out.bytes(text);
  }
  void load(theater::Reader& in) {
    count = in.number();
    text = theater::Bytes(in.bytes());
  }

  theater::Status on_send(theater::View message) {
    ++count;
    text.append(message);
    return theater::ok();
  }
  theater::Reply on_request(theater::View) { return theater::reply(count, " ", text, " ", constructed); }
};

template struct theater::Component<SavesItself>;
