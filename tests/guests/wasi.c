// Uses what the first word of a message names of WASI, and keeps what came of it, which it tells when asked.
#include "wasi.h"

#include "guest_support/words.h"

static bool is(theater_view word, const char* name) { return theater_equal(word, theater_text(name)); }

static wasi_io_streams_borrow_output_stream_t standard_output(void) {
  return wasi_io_streams_borrow_output_stream(wasi_cli_stdout_get_stdout());
}

static void print(wasi_io_streams_borrow_output_stream_t stream, theater_view text) {
  wasi_list_u8_t bytes = {(uint8_t*)text.data, text.size};
  wasi_io_streams_stream_error_t error;
  wasi_io_streams_method_output_stream_blocking_write_and_flush(stream, &bytes, &error);
}

/// One digit for each thing that is there though it should not be.
static theater_view what_is_there(void) {
  wasi_list_tuple2_string_string_t environment;
  wasi_list_string_t arguments;
  wasi_string_t text = {(uint8_t*)"example.org", 11};
  wasi_cli_terminal_stdout_own_terminal_output_t terminal;
  wasi_filesystem_preopens_list_tuple2_own_descriptor_string_t folders;
  wasi_list_u8_t bytes;
  wasi_io_streams_stream_error_t closed = {0};
  wasi_sockets_tcp_create_socket_own_tcp_socket_t socket;
  wasi_sockets_ip_name_lookup_own_resolve_address_stream_t addresses;
  wasi_sockets_network_error_code_t error = 0;
  char* out = theater_turn_alloc(16);
  size_t size = 0;
  wasi_io_streams_borrow_input_stream_t in = wasi_io_streams_borrow_input_stream(wasi_cli_stdin_get_stdin());
  wasi_cli_environment_get_environment(&environment);
  wasi_cli_environment_get_arguments(&arguments);
  wasi_filesystem_preopens_get_directories(&folders);
  out[size++] = (char)('0' + environment.len);
  out[size++] = (char)('0' + arguments.len);
  out[size++] = (char)('0' + folders.len);
  out[size++] = (char)('0' + wasi_cli_terminal_stdout_get_terminal_stdout(&terminal));
  bool has_input = wasi_io_streams_method_input_stream_blocking_read(in, 10, &bytes, &closed);
  out[size++] = (char)('0' + (has_input || closed.tag != WASI_IO_STREAMS_STREAM_ERROR_CLOSED));
  bool has_socket = wasi_sockets_tcp_create_socket_create_tcp_socket(0, &socket, &error);
  out[size++] = (char)('0' + (has_socket || error != WASI_SOCKETS_NETWORK_ERROR_CODE_ACCESS_DENIED));
  error = 0;
  bool has_addresses = wasi_sockets_ip_name_lookup_resolve_addresses(
      wasi_sockets_network_borrow_network(wasi_sockets_instance_network_instance_network()), &text, &addresses, &error);
  out[size++] = (char)('0' + (has_addresses || error != WASI_SOCKETS_NETWORK_ERROR_CODE_ACCESS_DENIED));
  out[size++] = (char)('0' + wasi_cli_environment_initial_cwd(&text));
  return theater_bytes(out, size);
}

/// Every clock and every kind of random number; those of one kind differ.
static theater_view measures(void) {
  wasi_clocks_wall_clock_datetime_t now, resolution;
  wasi_list_u8_t bytes, other_bytes;
  wasi_tuple2_u64_u64_t seed;
  wasi_clocks_wall_clock_now(&now);
  wasi_clocks_wall_clock_resolution(&resolution);
  uint64_t start = wasi_clocks_monotonic_clock_now();
  wasi_random_random_get_random_bytes(16, &bytes);
  wasi_random_insecure_get_insecure_random_bytes(16, &other_bytes);
  wasi_random_insecure_seed_insecure_seed(&seed);
  bool same = wasi_random_random_get_random_u64() == wasi_random_insecure_get_insecure_random_u64() ||
              seed.f0 == seed.f1 ||
              theater_equal(theater_bytes(bytes.ptr, bytes.len), theater_bytes(other_bytes.ptr, other_bytes.len));
  bool back = wasi_clocks_monotonic_clock_now() < start || wasi_clocks_monotonic_clock_resolution() == 0 ||
              resolution.seconds != 0 || now.nanoseconds > 999999999;
  return two_numbers(now.seconds, (same ? 1 : 0) + (back ? 2 : 0));
}

/// Places of the pollables that were ready first: standard input if it is asked for, then timers by their milliseconds.
static theater_view polled(theater_view rest) {
  enum { kMost = 8 };
  wasi_io_poll_borrow_pollable_t pollables[kMost];
  wasi_io_poll_list_borrow_pollable_t list = {pollables, 0};
  wasi_list_u32_t ready;
  uint64_t start = wasi_clocks_monotonic_clock_now();
  while (rest.size != 0 && list.len < kMost) {
    theater_view word = take_word(&rest);
    wasi_io_poll_own_pollable_t pollable;
    if (is(word, "input")) {
      wasi_io_streams_borrow_input_stream_t in = wasi_io_streams_borrow_input_stream(wasi_cli_stdin_get_stdin());
      pollable = wasi_io_streams_method_input_stream_subscribe(in);
    } else {
      pollable = wasi_clocks_monotonic_clock_subscribe_instant(start + number_of(word) * 1000000);
    }
    pollables[list.len++] = wasi_io_poll_borrow_pollable(pollable);
  }
  wasi_io_poll_poll(&list, &ready);
  char* out = theater_turn_alloc(kMost);
  for (size_t i = 0; i < ready.len; i++) out[i] = (char)('0' + ready.ptr[i]);
  return theater_bytes(out, ready.len);
}

/// How often it was asked whether the time had come, and whether it had.
static theater_view slept(uint64_t ms) {
  uint64_t start = wasi_clocks_monotonic_clock_now();
  wasi_io_poll_own_pollable_t pollable = wasi_clocks_monotonic_clock_subscribe_duration(ms * 1000000);
  wasi_io_poll_borrow_pollable_t timer = wasi_io_poll_borrow_pollable(pollable);
  bool at_once = wasi_io_poll_method_pollable_ready(timer);
  wasi_io_poll_method_pollable_block(timer);
  bool in_the_end = wasi_io_poll_method_pollable_ready(timer);
  wasi_io_poll_pollable_drop_own(pollable);
  bool waited = wasi_clocks_monotonic_clock_now() >= start + ms * 1000000;
  return two_numbers(at_once, (in_the_end ? 1 : 0) + (waited ? 2 : 0));
}

static void open_and_close(uint64_t count) {
  while (count-- > 0) {
    wasi_io_poll_own_pollable_t timer = wasi_clocks_monotonic_clock_subscribe_instant(0);
    wasi_io_streams_own_output_stream_t stream = wasi_cli_stdout_get_stdout();
    wasi_io_poll_pollable_drop_own(timer);
    wasi_io_streams_output_stream_drop_own(stream);
  }
}

static void nothing_to_poll(void) {
  wasi_io_poll_list_borrow_pollable_t none = {0, 0};
  wasi_list_u32_t ready;
  wasi_io_poll_poll(&none, &ready);
}

theater_status theater_on_send(theater_state* state, theater_view message) {
  theater_view rest = message;
  theater_view word = take_word(&rest);
  theater_view result = theater_text("done");
  wasi_cli_exit_result_void_void_t failure = {true};
  wasi_io_streams_stream_error_t error;
  if (is(word, "look")) result = what_is_there();
  if (is(word, "measure")) result = measures();
  if (is(word, "poll")) result = polled(rest);
  if (is(word, "sleep")) result = slept(number_of(rest));
  if (is(word, "say")) print(standard_output(), rest);
  if (is(word, "complain")) print(wasi_io_streams_borrow_output_stream(wasi_cli_stderr_get_stderr()), rest);
  if (is(word, "zeroes")) {
    wasi_io_streams_method_output_stream_write_zeroes(standard_output(), number_of(rest), &error);
  }
  if (is(word, "cycle")) open_and_close(number_of(rest));
  if (is(word, "hoard")) {
    for (;;) standard_output();
  }
  if (is(word, "poll-nothing")) nothing_to_poll();
  if (is(word, "random")) {
    wasi_list_u8_t bytes;
    wasi_random_random_get_random_bytes(number_of(rest), &bytes);
    result = two_numbers(bytes.len, 0);
  }
  if (is(word, "crash")) {
    print(standard_output(), rest);
    __builtin_trap();
  }
  if (is(word, "exit")) {
    print(standard_output(), rest);
    wasi_cli_exit_exit(&failure);
  }
  state->present = true;
  state->bytes = result;
  return theater_ok();
}

theater_reply theater_on_request(theater_state* state, theater_view id, theater_view message) {
  (void)id, (void)message;
  return theater_answer(state->bytes);
}
