#include <patterns.h>
#include <theater.hpp>

using theater::Reply;
using theater::View;

namespace {

patterns_string_t string(View text) {
  return {reinterpret_cast<uint8_t*>(const_cast<char*>(text.data())), text.size()};
}
template <class Text>
View view(const Text& text) {
  return {text.ptr, text.len};
}

}  // namespace

/// Does with the handlers what requests tell it, and answers what they told it meanwhile.
struct Patterns : theater::Actor {
  uint64_t lines = 0;
  uint64_t lost = 0;
  theater::Text<100> phase;

  Reply on_request(View message) {
    const View command = message.take_until(' ');
    const uint64_t number = View(message).take_until(' ').number().value_or(0);
    patterns_string_t text = string(message);
    patterns_string_t error{};
    uint64_t value = 0;
    if (command == "lines") return theater::reply(lines, " ", lost);
    if (command == "phase") return theater::reply(phase, "");
    if (command == "trap") __builtin_trap();
    if (command == "end") return theater::shutdown() ? Reply("ending") : Reply("not ending");
    if (command == "subscribe") return done(example_patterns_line_feed_subscribe(&error), error);
    if (command == "connect") return valued(example_patterns_dial_connect(&text, &value, &error), value, error);
    if (command == "close") return done(example_patterns_dial_close(number, &error), error);
    if (command == "write") {
      patterns_list_u8_t data{text.ptr, text.len};
      return done(example_patterns_dial_write(number, &data, &error), error);
    }
    if (command == "phase-of") {
      example_patterns_dial_phase_t now{};
      return valued(example_patterns_dial_phase_of(number, &now, &error), now, error);
    }
    if (command == "start") {
      return valued(example_patterns_jobs_start(static_cast<uint32_t>(number), &value, &error), value, error);
    }
    if (command == "poll") {
      example_patterns_jobs_progress_t progress{};
      if (!example_patterns_jobs_poll(number, &progress, &error)) return theater::fail(view(error));
      return theater::reply(progress.done, " of ", progress.of);
    }
    if (command == "collect") return valued(example_patterns_jobs_collect(number, &value, &error), value, error);
    return theater::fail("no such command: ", command);
  }

 private:
  static Reply done(bool worked, const patterns_string_t& error) {
    if (!worked) return theater::fail(view(error));
    return "ok";
  }
  static Reply valued(bool worked, uint64_t value, const patterns_string_t& error) {
    if (!worked) return theater::fail(view(error));
    return theater::reply(value);
  }
};

template struct theater::Component<Patterns>;

bool exports_example_patterns_line_feed_client_handle_lines(patterns_list_u8_t* state,
                                                            patterns_tuple2_list_string_u64_t* params,
                                                            patterns_tuple1_option_list_u8_t* result,
                                                            patterns_string_t* error) {
  return theater::with_state_of<Patterns>(state, result, error, [&](Patterns& actor) {
    actor.lines += params->f0.len;
    actor.lost += params->f1;
    return theater::ok();
  });
}

bool exports_example_patterns_dial_client_handle_phase(
    patterns_list_u8_t* state, exports_example_patterns_dial_client_tuple3_u64_phase_string_t* params,
    patterns_tuple1_option_list_u8_t* result, patterns_string_t* error) {
  return theater::with_state_of<Patterns>(state, result, error, [&](Patterns& actor) {
    actor.phase.assign(theater::text(params->f0, " ", params->f1, " ", view(params->f2)));
    return theater::ok();
  });
}
