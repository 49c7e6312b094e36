// What a call costs, by path: typed or dynamic, on the caller's stack or on one of its own, with or without a host
// call. Builds its guest with clang. Figures are in bench/README.md.
#include <benchmark/benchmark.h>

#include <fstream>
#include <string>
#include <vector>

#include "base/check.h"
#include "engine/instance.h"
#include "guest_builder.h"
#include "theater/value.h"

namespace {

using namespace theater;
using namespace theater::engine;

constexpr std::string_view kWorld = R"(
world guest {
  import message-server-host;
  export message-server-client;
}
)";

/// Keeps its state; a message that starts with 's' is sent on.
constexpr std::string_view kGuest = R"(
#include "guest.h"
#include <stdlib.h>

static void keep(guest_list_u8_t *state, guest_tuple1_option_list_u8_t *ret) {
  ret->f0.is_some = true;
  if (state) {
    ret->f0.val = *state;
  } else {
    ret->f0.val.ptr = malloc(8);
    ret->f0.val.len = 8;
  }
  ++ret->f0.val.ptr[0];
}

#define HANDLER(name) exports_theater_simple_message_server_client_handle_##name

bool HANDLER(send)(guest_list_u8_t *state, guest_tuple1_list_u8_t *params, guest_tuple1_option_list_u8_t *ret,
                   guest_string_t *err) {
  if (params->f0.ptr[0] == 's') {
    guest_string_t to, problem;
    guest_string_set(&to, "0123456789abcdef0123456789abcdef0123");
    theater_simple_message_server_host_send(&to, &params->f0, &problem);
  }
  guest_list_u8_free(&params->f0);
  keep(state, ret);
  return true;
}

bool HANDLER(request)(guest_list_u8_t *state, guest_tuple2_string_list_u8_t *params,
                      guest_tuple2_option_list_u8_tuple1_option_list_u8_t *ret, guest_string_t *err) {
  guest_string_free(&params->f0);
  keep(state, (guest_tuple1_option_list_u8_t *)ret);
  ret->f1.f0.is_some = true;
  ret->f1.f0.val = params->f1;
  return true;
}

bool HANDLER(channel_open)(guest_list_u8_t *state, guest_tuple2_string_list_u8_t *params,
                           exports_theater_simple_message_server_client_tuple2_option_list_u8_tuple1_channel_accept_t *ret, guest_string_t *err) {
  guest_string_free(&params->f0);
  guest_list_u8_free(&params->f1);
  keep(state, (guest_tuple1_option_list_u8_t *)ret);
  ret->f1.f0.accepted = true;
  ret->f1.f0.message.is_some = false;
  return true;
}

bool HANDLER(channel_message)(guest_list_u8_t *state, exports_theater_simple_message_server_client_tuple2_channel_id_list_u8_t *params,
                              guest_tuple1_option_list_u8_t *ret, guest_string_t *err) {
  guest_string_free(&params->f0);
  guest_list_u8_free(&params->f1);
  keep(state, ret);
  return true;
}

bool HANDLER(channel_close)(guest_list_u8_t *state, exports_theater_simple_message_server_client_tuple1_channel_id_t *params,
                            guest_tuple1_option_list_u8_t *ret, guest_string_t *err) {
  guest_string_free(&params->f0);
  keep(state, ret);
  return true;
}
)";

te_host_status host(void*, std::uint32_t, te_value params, te_host_reply* reply) {
  static constexpr std::uint8_t kOk[] = {0};
  benchmark::DoNotOptimize(params.body.data);
  reply->value.head = {.data = kOk, .size = 1};
  return TE_HOST_DONE;
}

template <class T>
T must(Result<T> result) {
  if (!result) std::fprintf(stderr, "%s\n", result.error().to_string().c_str());
  THEATER_CHECK(result.has_value());
  return *std::move(result);
}

const Engine& engine(bool copy_on_write = false) {
  static const auto plain = must(Engine::create({}));
  static const auto mapped = must(Engine::create({.instances = 1000, .stacks = 0, .memory_copy_on_write = true}));
  return copy_on_write ? *mapped : *plain;
}

ByteView guest() {
  static const Bytes wasm = must(test::build_c_guest(
      test::read_text(THEATER_WIT_FOLDER "/theater-simple.wit") + std::string(kWorld), "guest", kGuest));
  return wasm;
}

std::shared_ptr<const LinkedComponent> linked(std::uint32_t import_flags, std::uint32_t link_flags,
                                              bool copy_on_write = false) {
  auto component = must(Component::compile(engine(copy_on_write), guest()));
  const std::vector<std::uint32_t> flags(component->imports().size(), import_flags);
  return must(LinkedComponent::link(component, host, flags, link_flags));
}

enum Path : std::int64_t { kSync, kFiber, kDynamic };

void call(benchmark::State& state, std::string_view function, bool with_id) {
  const auto path = static_cast<Path>(state.range(0));
  const bool sends = state.range(1) != 0;
  const auto size = static_cast<std::size_t>(state.range(2));
  const auto component = linked(path == kFiber     ? TE_IMPORT_SUSPENDS
                                : path == kDynamic ? TE_IMPORT_DYNAMIC
                                                   : 0,
                                path == kDynamic ? TE_LINK_EXPORTS_DYNAMIC : 0);
  Instance instance = must(Instance::create(component, {}, nullptr));
  Bytes body(size, 'x');
  if (sends) body[0] = 's';
  Bytes head;
  ValueWriter writer(head);
  if (with_id) writer.string("0123456789abcdef0123456789abcdef0123");
  writer.unsigned_integer(body.size());
  te_call_args args{};
  args.export_index = *component->component().find_export("theater:simple/message-server-client", function);
  args.params = {.head = {.data = head.data(), .size = head.size()},
                 .body = {.data = body.data(), .size = body.size()}};
  args.fuel = 10'000'000'000;
  args.deadline_ticks = UINT64_MAX;
  Bytes kept(8);
  for (auto _ : state) {
    args.has_state = true;
    args.state = {.data = kept.data(), .size = kept.size()};
    auto outcome = instance.call(args);
    THEATER_CHECK(outcome && (*outcome)->status == TE_CALL_RETURNED);
    std::copy_n((*outcome)->state.data, kept.size(), kept.data());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * size));
}

void send(benchmark::State& state) { call(state, "handle-send", false); }
void request(benchmark::State& state) { call(state, "handle-request", true); }
void channel_open(benchmark::State& state) { call(state, "handle-channel-open", true); }

void arguments(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"path", "sends", "bytes"});
  for (const std::int64_t path : {kSync, kFiber, kDynamic}) {
    for (const std::int64_t bytes : {64, 1024, 65536}) bench->Args({path, 0, bytes});
  }
}

BENCHMARK(send)
    ->Apply(arguments)
    ->Args({kSync, 1, 64})
    ->Args({kFiber, 1, 64})
    ->Args({kDynamic, 1, 64})
    ->Args({kSync, 1, 65536});
BENCHMARK(request)->Apply(arguments);
BENCHMARK(channel_open)
    ->ArgNames({"path", "sends", "bytes"})
    ->Args({kSync, 0, 64})
    ->Args({kSync, 0, 1024})
    ->Args({kDynamic, 0, 64});

std::uint64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t all = 0;
  std::uint64_t resident = 0;
  file >> all >> resident;
  return resident * 4096;
}

std::uint64_t mappings() {
  std::ifstream file("/proc/self/maps");
  std::uint64_t lines = 0;
  for (std::string line; std::getline(file, line);) ++lines;
  return lines;
}

/// Instances that each had one message, all alive at once.
void live_instances(benchmark::State& state) {
  const auto component = linked(state.range(1) == kFiber ? TE_IMPORT_SUSPENDS : 0, 0, state.range(2) != 0);
  const auto count = static_cast<std::size_t>(state.range(0));
  const Bytes params{1, 'x'};
  te_call_args args{};
  args.export_index = *component->component().find_export("theater:simple/message-server-client", "handle-send");
  args.params.head = {.data = params.data(), .size = params.size()};
  args.fuel = UINT64_MAX;
  args.deadline_ticks = UINT64_MAX;
  for (auto _ : state) {
    state.PauseTiming();
    std::vector<Instance> instances;
    instances.reserve(count);
    const std::uint64_t before = resident_bytes();
    const std::uint64_t maps_before = mappings();
    state.ResumeTiming();
    for (std::size_t i = 0; i < count; ++i) {
      instances.push_back(must(Instance::create(component, {}, nullptr)));
      THEATER_CHECK((*instances.back().call(args))->status == TE_CALL_RETURNED);
    }
    state.PauseTiming();
    state.counters["rss_per_instance"] = static_cast<double>(resident_bytes() - before) / static_cast<double>(count);
    state.counters["maps_per_instance"] = static_cast<double>(mappings() - maps_before) / static_cast<double>(count);
    state.ResumeTiming();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * count));
}
BENCHMARK(live_instances)
    ->ArgNames({"count", "path", "cow"})
    ->Args({1000, kSync, 0})
    ->Args({1000, kSync, 1})
    ->Args({1000, kFiber, 0})
    ->Args({20'000, kSync, 0})
    ->Unit(benchmark::kMillisecond);

void compile(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(must(Component::compile(engine(), guest())));
}
BENCHMARK(compile)->Unit(benchmark::kMillisecond);

}  // namespace
BENCHMARK_MAIN();
