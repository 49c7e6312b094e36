// Ping-pong for bench/compare.sh: ACTORS Lunatic processes in pairs, one message of 64 bytes in flight in each pair.
// Prints messages a second, all pairs together: `lunatic run pingpong.wasm ACTORS SECONDS`.
//
// In C against Lunatic's host functions (0.13), so that clang alone builds it and no serializer's time is measured:
// this is the least that a message costs a guest there.
#include <stddef.h>
#include <stdint.h>

#define IMPORT(module, name) __attribute__((import_module(module), import_name(name)))
#define EXPORT(name) __attribute__((export_name(name)))

IMPORT("lunatic::message", "create_data") void create_data(int64_t tag, uint64_t capacity);
IMPORT("lunatic::message", "write_data") uint32_t write_data(const void* data, size_t size);
IMPORT("lunatic::message", "read_data") uint32_t read_data(void* data, size_t size);
IMPORT("lunatic::message", "send") uint32_t send(uint64_t process);
IMPORT("lunatic::message", "receive") uint32_t receive(const int64_t* tags, size_t tag_count, uint64_t timeout_ms);
IMPORT("lunatic::process", "process_id") uint64_t process_id(void);
IMPORT("lunatic::process", "sleep_ms") void sleep_ms(uint64_t milliseconds);
IMPORT("lunatic::process", "spawn")
uint32_t spawn(int64_t link, int64_t config, int64_t module, const char* function, size_t function_size,
               const void* parameters, size_t parameters_size, uint64_t* process);
IMPORT("wasi_snapshot_preview1", "args_sizes_get") uint16_t args_sizes_get(size_t* count, size_t* bytes);
IMPORT("wasi_snapshot_preview1", "args_get") uint16_t args_get(char** arguments, char* bytes);
IMPORT("wasi_snapshot_preview1", "clock_time_get")
uint16_t clock_time_get(uint32_t clock, uint64_t precision, uint64_t* ns);
IMPORT("wasi_snapshot_preview1", "fd_write")
uint16_t fd_write(int file, const void* parts, size_t count, size_t* written);
IMPORT("wasi_snapshot_preview1", "proc_exit") _Noreturn void proc_exit(int code);

enum { kWarmUpMs = 300, kPageBytes = 65536, kForever = -1, kMonotonic = 1 };

// The kind is in the message and not in Lunatic's tag, as asking for that would be one more host call a message.
enum Kind { kBall, kPartner, kCount };
struct Message {
  uint64_t kind;
  uint64_t process;  // kPartner: the partner. kCount: who asks.
  uint8_t rest[48];
};
_Static_assert(sizeof(struct Message) == 64, "all systems send 64 bytes");

static void send_to(uint64_t process, const void* data, size_t size) {
  create_data(0, size);
  write_data(data, size);
  send(process);
}

// A process's entry. Each counts for itself and answers when asked.
EXPORT("play") void play(void) {
  uint64_t partner = 0;
  uint64_t received = 0;
  struct Message message;
  for (;;) {
    if (receive(NULL, 0, kForever) != 0) continue;
    read_data(&message, sizeof(message));
    if (message.kind == kBall) {
      ++received;
      send_to(partner, &message, sizeof(message));
    } else if (message.kind == kPartner) {
      partner = message.process;
    } else {
      send_to(message.process, &received, sizeof(received));
    }
  }
}

// Taken by the first process as it starts, so that the memory of each player stays at its smallest.
static uint64_t* players;

static uint64_t now(void) {
  uint64_t ns = 0;
  clock_time_get(kMonotonic, 0, &ns);
  return ns;
}

// The players go on while they are asked; both counts are taken in the same way, so that what this adds at the start it
// takes away at the end.
static uint64_t count(size_t actors, uint64_t* at) {
  const struct Message question = {kCount, process_id(), {0}};
  uint64_t total = 0;
  *at = now();
  for (size_t i = 0; i < actors; ++i) send_to(players[i], &question, sizeof(question));
  for (size_t i = 0; i < actors; ++i) {
    uint64_t received = 0;
    receive(NULL, 0, kForever);
    read_data(&received, sizeof(received));
    total += received;
  }
  return total;
}

static void print(uint64_t number) {
  char text[24];
  size_t first = sizeof(text);
  text[--first] = '\n';
  do {
    text[--first] = (char)('0' + number % 10);
    number /= 10;
  } while (number != 0);
  const struct {
    const char* text;
    size_t size;
  } part = {text + first, sizeof(text) - first};
  size_t written = 0;
  fd_write(1, &part, 1, &written);
}

static uint64_t number(const char* text) {
  uint64_t value = 0;
  for (; *text >= '0' && *text <= '9'; ++text) value = value * 10 + (uint64_t)(*text - '0');
  return value;
}

EXPORT("_start") void start(void) {
  static char* arguments[8];
  static char bytes[4096];
  size_t argument_count = 0;
  size_t size = 0;
  args_sizes_get(&argument_count, &size);
  if (argument_count < 3 || argument_count > 8 || size > sizeof(bytes)) proc_exit(2);
  args_get(arguments, bytes);
  const size_t actors = (size_t)number(arguments[argument_count - 2]) / 2 * 2;
  const uint64_t seconds = number(arguments[argument_count - 1]);
  const size_t page = __builtin_wasm_memory_grow(0, actors * sizeof(uint64_t) / kPageBytes + 1);
  if (page == SIZE_MAX) proc_exit(2);
  players = (uint64_t*)(page * kPageBytes);

  for (size_t i = 0; i < actors; ++i) {
    if (spawn(0, -1, -1, "play", 4, NULL, 0, &players[i]) != 0) proc_exit(1);
  }
  const struct Message ball = {kBall, 0, {0}};
  for (size_t i = 0; i < actors; ++i) {
    const struct Message partner = {kPartner, players[i ^ 1], {0}};
    send_to(players[i], &partner, sizeof(partner));
  }
  for (size_t i = 0; i < actors; i += 2) send_to(players[i], &ball, sizeof(ball));

  uint64_t first_at = 0;
  uint64_t last_at = 0;
  sleep_ms(kWarmUpMs);
  const uint64_t first = count(actors, &first_at);
  sleep_ms(seconds * 1000);
  const uint64_t last = count(actors, &last_at);
  print((uint64_t)((double)(last - first) * 1e9 / (double)(last_at - first_at)));
  proc_exit(0);
}
