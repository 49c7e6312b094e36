// Uses the SDK's names, groups and timers: a request is a command, and what is sent is logged.
#include <theater.hpp>

using theater::Reply;
using theater::Status;
using theater::View;

struct Ext : theater::Actor {
  uint64_t heard = 0;

  /// The first state is a command too.
  Status on_start(View initial) {
    if (!initial.empty()) theater::log(View(on_request(initial).raw().bytes));
    return theater::ok();
  }

  Status on_send(View message) {
    if (message == "crash") __builtin_trap();
    ++heard;
    theater::log("heard ", message);
    return theater::ok();
  }

  Reply on_request(View message) {
    const View command = message.take_until(' ');
    if (command == "heard") return theater::reply(heard);
    if (command == "whereis") return theater::whereis(message).value_or("nobody");
    if (command == "register") return told(theater::register_name(message));
    if (command == "unregister") return told(theater::unregister_name(message));
    if (command == "join") return told(theater::join(message));
    if (command == "leave") return told(theater::leave(message));
    if (command == "cancel") return theater::reply(theater::cancel_timer(message.number().value_or(0)));
    if (command == "members") return members(message);
    const View target = message.take_until(' ');
    if (command == "publish") return told(theater::publish(target, message));
    const uint64_t ms = target.number().value_or(0);
    const View to = message.take_until(' ');
    if (command == "after") return told(theater::send_after(ms, to == "self" ? self() : to, message));
    if (command == "every") return told(theater::send_every(ms, to == "self" ? self() : to, message));
    return theater::fail("unknown command ", command);
  }

 private:
  template <class Told>
  static Reply told(const Told& told) {
    if (!told) return theater::reply("error: ", told.error());
    if constexpr (requires { *told; }) {
      return theater::reply(*told);
    } else {
      return "ok";
    }
  }
  static Reply members(View group) {
    const auto ids = theater::members(group);
    if (!ids) return theater::reply("error: ", ids.error());
    View all;
    for (const View id : *ids) all = theater::text(all, "[", id, "]");
    return all;
  }
};

template struct theater::Component<Ext>;
