// Whatever is loaded as a component, and what it then does, harms nobody: it is refused, or runs within its limits.
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "engine/instance.h"

namespace {

using namespace theater;
using namespace theater::engine;

constexpr std::uint64_t kFuel = 20'000;
constexpr std::size_t kCalls = 16;

const Engine& small_engine() {
  static const auto kept = [] {
    auto made = Engine::create({.allocation = Allocation::kPooling,
                                .instances = 4,
                                .stacks = 4,
                                .memory_bytes = 16u << 20,
                                .parallel_compilation = false});
    if (!made) std::abort();
    return *std::move(made);
  }();
  return *kept;
}

/// An empty reply is right for functions without a result, and a trap for the others.
te_host_status host(void*, std::uint32_t, te_value, te_host_reply*) { return TE_HOST_DONE; }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto component = Component::compile(small_engine(), {data, size});
  if (!component) return 0;
  const std::vector<std::uint32_t> flags((*component)->imports().size());
  const auto linked = LinkedComponent::link(*component, host, flags);
  if (!linked) return 0;
  const InstanceLimits limits{
      .memory_bytes = 1u << 20, .table_elements = 1000, .value_bytes = 64u << 10, .start_fuel = kFuel};
  auto instance = Instance::create(*linked, limits, nullptr);
  if (!instance) return 0;
  // Zeros are a value of every type without lists of fixed content: false, 0, none, empty, the first case.
  static const std::uint8_t zeros[64] = {};
  for (std::uint32_t i = 0; i < (*component)->exports().size() && i < kCalls; ++i) {
    for (std::size_t length = 0; length < sizeof zeros; ++length) {
      te_call_args args{};
      args.export_index = i;
      args.params.head = {.data = zeros, .size = length};
      args.fuel = kFuel;
      args.deadline_ticks = UINT64_MAX;
      const auto called = instance->call(args);
      if (!called) continue;
      if ((*called)->status == TE_CALL_TRAPPED) return 0;
      break;
    }
  }
  return 0;
}
