#include <theater.hpp>

using theater::Reply;
using theater::Status;
using theater::View;

/// Has two workers, and hears what becomes of them. What it is sent as "0 text" goes to its first worker, "1 text" to
/// its second; "look" asks both.
struct Boss : theater::Actor {
  theater::Text<36> workers[2];

  Status on_start(View) {
    for (size_t i = 0; i < 2; ++i) {
      const auto id =
          theater::spawn("worker/manifest.toml", i == 0 ? View(R"({"name":"ann"})") : View(R"({"name":"bob"})"));
      if (!id) return theater::fail("no worker: ", id.error());
      workers[i] = *id;
    }
    theater::log("two workers are there");
    return theater::ok();
  }

  Status on_send(View message) {
    if (message == "look") {
      for (const auto& worker : workers) {
        const auto answer = theater::request(worker, "done?");
        theater::log(answer ? *answer : answer.error());
      }
      return theater::ok();
    }
    const auto number = message.take_until(' ').number();
    if (!number || *number > 1) return theater::fail("there is no such worker");
    return theater::send(workers[*number], message);
  }

  Reply on_request(View command) {
    const View verb = command.take_until(' ');
    if (verb == "workers") return theater::reply(workers[0], " ", workers[1]);
    if (verb == "spawn") return told(theater::spawn(command));
    if (verb == "children") return theater::reply(theater::list_children().size());
    if (verb == "stop") return told(theater::stop_child(command));
    if (verb == "restart") return told(theater::restart_child(command));
    if (verb == "state") return told(theater::child_state(command));
    if (verb == "events") {
      const auto events = theater::child_events(command);
      if (!events) return theater::reply("error: ", events.error());
      const auto& last = (*events)[events->size() - 1];
      return theater::reply(events->size(), " ", last.type, ": ", last.description.value);
    }
    return theater::fail("unknown command ", verb);
  }

  Status on_child_error(View child, theater::ChildError kind, View text) {
    const bool took_too_long = kind == theater::ChildError::kOperationTimeout;
    theater::log(name_of(child), took_too_long ? " took too long: " : " failed: ", text.take_until('\n'));
    return theater::ok();
  }
  Status on_child_exit(View child, View result) {
    theater::log(name_of(child), " is done: ", result);
    return theater::ok();
  }
  Status on_child_stopped(View child) {
    theater::log(name_of(child), " was stopped");
    return theater::ok();
  }

 private:
  View name_of(View child) const {
    if (child == workers[0]) return "the first worker";
    return child == workers[1] ? View("the second worker") : View("another child");
  }
  template <class Told>
  static Reply told(const Told& told) {
    if (!told) return theater::reply("error: ", told.error());
    if constexpr (requires { *told; }) {
      return theater::reply(*told);
    } else {
      return "ok";
    }
  }
};

template struct theater::Component<Boss>;
template struct theater::Supervisor<Boss>;
