// Uses all of the C++ SDK once, for sdk_test.cc: the message is a command.
#include <theater.hpp>

using theater::Status;
using theater::View;

struct Everything : theater::Actor {
  static constexpr unsigned state_version = 3;

  theater::Id last;
  theater::List<uint32_t, 4> numbers;
  uint64_t starts = 0;
  bool upgraded = false;

  Status on_start(View initial) {
    ++starts;
    last.assign(initial);
    theater::log("started as ", self(), " with ", initial);
    return initial == "refuse" ? Status(theater::fail("will not start")) : theater::ok();
  }
  Status on_resume() {
    ++starts;
    return numbers.size() == 4 ? Status(theater::fail("will not go on")) : theater::ok();
  }
  Status on_upgrade(unsigned version, View old) {
    upgraded = true;
    numbers.add(version);
    numbers.add(static_cast<uint32_t>(old.size()));
    return theater::ok();
  }

  Status on_send(View message) {
    const View command = message.take_until(' ');
    if (command == "send") return theater::send(message.take_until(' '), message);
    if (command == "add") return add(message);
    if (command == "sleep") return theater::sleep_ms(message.number().value_or(0));
    if (command == "until") return theater::sleep_until_ms(theater::now_ms() + 5);
    if (command == "say") return theater::send_on_channel(last, message);
    if (command == "close") return theater::close_channel(last);
    if (command == "cancel") return theater::cancel(last);
    if (command == "respond") return theater::respond(last, message);
    if (command == "shutdown") return theater::shutdown_with(message);
    if (command == "ask") return ask(message);
    if (command == "open") return open(message);
    if (command == "integers") return integers();
    if (command == "echo-log") theater::log(message);
    if (command == "fill") return fill();
    if (command == "bytes") return bytes();
    if (command == "fail-after-change") {
      starts = 1000;
      return theater::fail("changed in vain: ", message);
    }
    return theater::ok();
  }

  theater::Reply on_request(View id, View message) {
    if (message == "later") {
      last.assign(id);
      return theater::later();
    }
    if (message == "fail") return theater::fail("no");
    if (message == "self") return self();
    if (message == "outstanding") {
      View all;
      for (const View outstanding : theater::list_outstanding()) all = theater::text(all, "[", outstanding, "]");
      return all;
    }
    if (message == "chain") {
      View all;
      for (const theater::ChainEvent& event : theater::get_chain()) {
        all = theater::text(all, View(event.type), "=", event.hash, event.parent.present ? "<" : "", View(event.data));
      }
      return all;
    }
    return theater::reply("starts ", starts, " numbers ", numbers.size(), " upgraded ", upgraded);
  }

  theater::Accept on_channel_open(View channel, View first_message) {
    last.assign(channel);
    if (first_message == "refuse") return theater::refuse("not today");
    if (first_message == "fail") return theater::fail("broken");
    return first_message.empty() ? theater::accept() : theater::accept(first_message);
  }
  Status on_channel_message(View channel, View message) { return theater::send_on_channel(channel, message); }
  Status on_channel_close(View channel) {
    theater::log("closed ", channel);
    return theater::ok();
  }

 private:
  Status add(View text) {
    const auto number = text.number();
    if (!number) return theater::fail("not a number: ", text);
    if (!numbers.add(static_cast<uint32_t>(*number))) return theater::fail("full at ", numbers.size());
    return theater::ok();
  }
  Status ask(View message) {
    const auto answer = theater::request("peer", message);
    if (!answer) return answer;
    theater::log("answer ", *answer);
    return theater::ok();
  }
  Status open(View message) {
    const auto channel = theater::open_channel("peer", message);
    if (!channel) return channel;
    last.assign(*channel);
    return theater::ok();
  }
  Status integers() {
    theater::log(0, " ", -1, " ", INT64_MIN, " ", UINT64_MAX, " ", uint8_t{200}, " ", 'c', " ", true, " ", size_t{7});
    return theater::ok();
  }
  /// More turn memory than one piece has, several times.
  Status fill() {
    View all = "x";
    for (int i = 0; i < 20; i++) all = theater::text(all, all);
    const View first = theater::text("kept");
    for (int i = 0; i < 100; i++) {
      const theater::Scratch scratch;
      (void)theater::text(all, i);
    }
    return first == "kept" && all.size() == 1u << 20 ? theater::ok() : Status(theater::fail("memory was mixed up"));
  }
  Status bytes() {
    theater::Bytes collected;
    for (int i = 0; i < 1000; i++) collected.append(theater::text(i, ","));
    theater::Bytes copy = collected;
    theater::Bytes moved = theater::detail::move(collected);
    theater::log(copy.view() == moved.view(), " ", copy.size());
    return theater::ok();
  }
};

template struct theater::Component<Everything>;
