// Recording allocates nothing. A program of its own, since it counts every allocation of the process.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "chain/sample_chain.h"

namespace {
std::atomic<std::size_t> allocation_count{0};
}

// g++ 12 takes the pair of replaced operators apart when it inlines only one of them.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

void* operator new(std::size_t bytes) {
  allocation_count.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(bytes == 0 ? 1 : bytes)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace theater::chain {
namespace {

TEST(Allocation, a_recorded_turn_allocates_nothing) {
  LinkBuilder builder;
  MemoryLog log(1, 100'000);
  ChainHead head;
  const Bytes message = texts({"hello"});
  const Bytes long_head = length_of(4096);
  const Payload payload = Payload::copy(pattern(4096));
  const Bytes state = pattern(200);
  const auto turn = [&] {
    builder.begin(sample_actor(1), head, kSampleTimeNs);
    builder.call(0, Cause{sample_actor(2), 7}, ByteView(message));
    builder.host_call(0, ValueRecord(long_head, payload), ByteView(message));
    builder.host_call_begin(0, ByteView(message));
    builder.host_call_end(ByteView(message));
    builder.returned(ValueRecord(), StateRecord::changed(state), 5);
    log.append(builder.seal(head), head);
  };
  for (int i = 0; i < 10'000; ++i) turn();
  const std::size_t before = allocation_count;
  for (int i = 0; i < 10'000; ++i) turn();
  EXPECT_EQ(allocation_count, before);
}

TEST(Allocation, verifying_a_link_allocates_nothing) {
  const ChainSnapshot snapshot = sample_chain();
  ChainVerifier verifier;
  const std::size_t before = allocation_count;
  for (const auto& link : snapshot.links) verifier.link(snapshot.link_bytes(link), &link.hash);
  EXPECT_EQ(allocation_count, before);
  EXPECT_TRUE(verifier.finish().ok());
}

}  // namespace
}  // namespace theater::chain
