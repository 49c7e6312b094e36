// What recording costs by itself: links a second through builder, hash and memory log, and events a second through
// verify. One thread, so the figures are a core's. `chain_bench [SECONDS] [ACTORS] [LARGE_BYTES]` prints one line of
// JSON a measurement.
#include <charconv>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

#include "base/random.h"
#include "chain/link_builder.h"
#include "chain/memory_log.h"
#include "chain/verify.h"

namespace theater {
namespace {

/// The thread's own time, so that what else runs on the machine counts as little as can be.
double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

struct Actor {
  ActorId id;
  ChainHead head;
};

/// A turn as an actor of the ping-pong benchmark has it: a message comes in, one goes out, the state changes.
class Turns {
 public:
  Turns(std::size_t actor_count, std::size_t message_bytes) : actors_(actor_count), message_(message_bytes, 0x5a) {
    SeededRandom random(1);
    for (Actor& actor : actors_) actor.id = random.make_id<ActorId>();
    ValueWriter call(call_head_);
    call.unsigned_integer(message_bytes);
    ValueWriter send(send_head_);
    send.string(to_string(actors_[0].id));
    send.unsigned_integer(message_bytes);
    if (message_bytes >= limits::kLargePayloadBytes) payload_ = Payload::copy(message_);
    for (std::size_t i = 0; i < actors_.size(); ++i) start(i);
  }

  /// Records one turn; returns the bytes of its link.
  std::size_t run(std::size_t i) {
    Actor& actor = actors_[i];
    const Actor& sender = actors_[i == 0 ? actors_.size() - 1 : i - 1];
    static constexpr std::uint8_t kOk[] = {0};
    std::memcpy(state_, &actor.head.next_sequence, sizeof(state_));
    builder_.begin(actor.id, actor.head, 1'700'000'000'000'000'000 + actor.head.next_sequence);
    builder_.call(0, Cause{sender.id, sender.head.next_sequence}, value(call_head_));
    builder_.host_call(1, value(send_head_), ByteView(kOk));
    builder_.returned(ValueRecord(), StateRecord::changed(state_), 1234);
    const SealedLink link = builder_.seal(actor.head);
    log_.append(link, actor.head);
    return link.bytes.size();
  }

  std::size_t actor_count() const { return actors_.size(); }
  std::vector<ChainSnapshot> snapshots() const {
    std::vector<ChainSnapshot> snapshots;
    for (const Actor& actor : actors_) snapshots.push_back(log_.snapshot(actor.id, actor.head));
    return snapshots;
  }

 private:
  void start(std::size_t i) {
    builder_.begin(actors_[i].id, actors_[i].head, 1'700'000'000'000'000'000);
    StartedRecord record;
    record.functions = &functions_;
    static_cast<void>(builder_.started(record));
    log_.append(builder_.seal(actors_[i].head), actors_[i].head);
  }
  ValueRecord value(const Bytes& head) const {
    return payload_.is_large() ? ValueRecord(head, payload_) : ValueRecord(ValueView{head, message_});
  }

  FunctionTable functions_{{"theater:simple/runtime.log", "theater:simple/message-server-host.send"},
                           {"theater:simple/message-server-client.handle-send"}};
  std::vector<Actor> actors_;
  Bytes message_;
  Payload payload_;
  Bytes call_head_;
  Bytes send_head_;
  std::uint8_t state_[8] = {};
  LinkBuilder builder_;
  MemoryLog log_;
};

void bench_record(Turns& turns, double seconds, std::size_t message_bytes) {
  std::size_t links = 0;
  std::size_t bytes = 0;
  const double start = cpu_seconds();
  while (cpu_seconds() - start < seconds) {
    for (int i = 0; i < 1000; ++i) bytes += turns.run(links++ % turns.actor_count());
  }
  const double took = cpu_seconds() - start;
  std::printf(
      "{\"bench\":\"chain-record\",\"actors\":%zu,\"message_bytes\":%zu,\"link_bytes\":%zu,\"links\":%zu,\"rate\":%.0f,"
      "\"ns_per_link\":%.1f}\n",
      turns.actor_count(), message_bytes, bytes / links, links, static_cast<double>(links) / took,
      took * 1e9 / static_cast<double>(links));
}

int bench_verify(const Turns& turns, double seconds) {
  const std::vector<ChainSnapshot> snapshots = turns.snapshots();
  std::size_t events = 0;
  std::size_t rounds = 0;
  const double start = cpu_seconds();
  while (cpu_seconds() - start < seconds) {
    const VerifyReport report = verify(snapshots[rounds++ % snapshots.size()]);
    if (!report.ok()) {
      std::fprintf(stderr, "event %llu: %s\n", static_cast<unsigned long long>(report.fault->sequence),
                   report.fault->what.c_str());
      return 1;
    }
    events += report.events;
  }
  std::printf("{\"bench\":\"chain-verify\",\"events\":%zu,\"rate\":%.0f}\n", events,
              static_cast<double>(events) / (cpu_seconds() - start));
  return 0;
}

double argument(int count, char** arguments, int index, double otherwise) {
  if (index >= count) return otherwise;
  double value = otherwise;
  std::from_chars(arguments[index], arguments[index] + std::strlen(arguments[index]), value);
  return value;
}

}  // namespace
}  // namespace theater

int main(int count, char** arguments) {
  const double seconds = theater::argument(count, arguments, 1, 1);
  const auto actors = static_cast<std::size_t>(theater::argument(count, arguments, 2, 100));
  const auto large_bytes = static_cast<std::size_t>(theater::argument(count, arguments, 3, 65536));
  int result = 0;
  for (const std::size_t message_bytes : {std::size_t{64}, large_bytes}) {
    theater::Turns turns(actors == 0 ? 1 : actors, message_bytes);
    theater::bench_record(turns, seconds, message_bytes);
    result |= theater::bench_verify(turns, seconds);
  }
  return result;
}
