#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <utility>
#include <vector>

#include "chain/chain_snapshot.h"
#include "chain/link_builder.h"
#include "chain/link_codec.h"
#include "chain/memory_log.h"
#include "chain/verify.h"

/// Chains for tests: always the same bytes.
namespace theater::chain {

inline constexpr std::uint64_t kSampleTimeNs = 1'767'225'600'000'000'000;  // 2026-01-01T00:00:00Z

inline ActorId sample_actor(std::uint8_t number) {
  return ActorId::from_random({0xac, 0x70, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, number});
}

inline FunctionTable sample_functions() {
  return {{"theater:simple/runtime.log", "theater:simple/message-server-host.request"},
          {"theater:simple/actor.init", "theater:simple/message-server-client.handle-send"}};
}

/// `count` bytes that are no text and differ from place to place.
inline Bytes pattern(std::size_t count, std::uint8_t start = 0x80) {
  Bytes bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::uint8_t>(start + i * 7);
  return bytes;
}

/// Canonical bytes of some texts.
inline Bytes texts(std::initializer_list<std::string_view> items) {
  Bytes bytes;
  ValueWriter writer(bytes);
  for (const std::string_view item : items) writer.string(item);
  return bytes;
}

/// The canonical bytes that come before a byte list's content.
inline Bytes length_of(std::size_t count) {
  Bytes bytes;
  ValueWriter(bytes).unsigned_integer(count);
  return bytes;
}

/// Records the chain of one actor in a log, link by link.
class ChainRecorder {
 public:
  explicit ChainRecorder(ActorId actor, std::size_t log_bytes = 1) : actor_(actor), log_(log_bytes) {}

  /// `record(builder)` adds the events of one link.
  template <class Record>
  void link(Record&& record) {
    builder_.begin(actor_, head_, kSampleTimeNs + head_.next_sequence * 1000);
    record(builder_);
    log_.append(builder_.seal(head_), head_);
  }
  void started(StartReason reason = StartReason::kSpawned) {
    const FunctionTable functions = sample_functions();
    link([&](LinkBuilder& builder) {
      StartedRecord record;
      record.reason = reason;
      record.name = "counter";
      record.component.fill(0xc0);
      record.manifest.fill(0x3a);
      record.parent = sample_actor(9);
      record.functions = &functions;
      static_cast<void>(builder.started(record));
    });
  }
  /// A message of this text arrives and is answered by nothing but a new state.
  void turn(std::string_view text) {
    link([&](LinkBuilder& builder) {
      builder.call(1, Cause{sample_actor(2), head_.next_sequence + 100}, ByteView(texts({text})));
      builder.host_call(0, ByteView(texts({"got it"})), ValueRecord());
      builder.returned(ValueRecord(), StateRecord::changed(as_bytes(text)), 1234);
    });
  }

  ChainSnapshot snapshot(std::uint64_t from_sequence = 0, std::uint64_t events_max = UINT64_MAX) const {
    return log_.snapshot(actor_, head_, from_sequence, events_max);
  }
  const ChainHead& head() const { return head_; }

 private:
  const ActorId actor_;
  ChainHead head_;
  LinkBuilder builder_;
  MemoryLog log_;
};

/// A chain that holds every kind of event, every form of value and every form of state.
inline ChainSnapshot sample_chain(ActorId actor = sample_actor(1)) {
  ChainRecorder recorder(actor);
  recorder.started();
  recorder.link([](LinkBuilder& builder) {
    builder.call(0, std::nullopt, ByteView(texts({"ac700000-0000-4000-8000-000000000001"})));
    builder.returned(ValueRecord(), StateRecord::changed(as_bytes("0")), 300);
  });
  recorder.link([](LinkBuilder& builder) {
    builder.call(1, Cause{sample_actor(2), 300}, ByteView(texts({"count \xe2\x82\xac"})));
    builder.set_time(kSampleTimeNs + 5'000'000);
    builder.host_call(0, ByteView(texts({"counting"})), ValueRecord());
    builder.returned(ValueRecord(), StateRecord::kept(Payload::copy(pattern(100))), 70'000);
  });
  recorder.link([](LinkBuilder& builder) {
    const Payload message = Payload::copy(pattern(2048));
    builder.call(1, Cause{sample_actor(2), 301}, ValueRecord(length_of(2048), message));
    builder.host_call_begin(1, ByteView(texts({"ac700000-0000-4000-8000-000000000003", "how many?"})));
  });
  recorder.link([](LinkBuilder& builder) {
    const Bytes answer = pattern(1500);
    Bytes head{0};
    append(head, length_of(answer.size()));
    builder.host_call_end(ValueView{head, answer});
    builder.note("message-server.dead-letter", ByteView(as_bytes("mailbox full")));
    builder.failed(FailureReason::kTrapped, "unreachable executed", "0: counter!handle_send\n1: counter!main", 99);
  });
  recorder.link([](LinkBuilder& builder) {
    builder.call(1, std::nullopt, ValueRecord());
    builder.returned(ByteView(texts({"bye"})), StateRecord::none(), 0);
    builder.call(1, std::nullopt, ByteView(pattern(3)));
    builder.failed(FailureReason::kGuestError, "no such \xc3\xa9tat", "", 5);
    builder.call(1, std::nullopt, ByteView(texts({""})));
    builder.returned(ValueRecord(), StateRecord::unchanged(), 1);
  });
  recorder.link([](LinkBuilder& builder) { builder.note("runtime.paused", ValueRecord()); });
  recorder.link([](LinkBuilder& builder) { builder.stopped(StopReason::kRequested, "asked to"); });
  return recorder.snapshot();
}

/// A link as someone may have stored it.
struct StoredLink {
  Bytes bytes;
  Digest hash{};
  std::uint64_t first_sequence = 0;
};

inline std::vector<StoredLink> stored_links(const ChainSnapshot& snapshot) {
  std::vector<StoredLink> links;
  for (const auto& link : snapshot.links) {
    links.push_back({to_bytes(snapshot.link_bytes(link)), link.hash, link.first_sequence});
  }
  return links;
}

inline VerifyReport verify_links(const std::vector<StoredLink>& links, VerifyExpectation expectation = {}) {
  ChainVerifier verifier(std::move(expectation));
  for (const StoredLink& link : links) verifier.link(link.bytes, &link.hash);
  return verifier.finish();
}

inline constexpr std::size_t kPreviousOffset = 1 + 16;

/// What a forger does who can compute hashes: makes each link from `first` on name the one before it, and its hash its
/// own.
inline void reseal(std::vector<StoredLink>& links, std::size_t first) {
  for (std::size_t i = first; i < links.size(); ++i) {
    if (i > 0) std::copy(links[i - 1].hash.begin(), links[i - 1].hash.end(), links[i].bytes.begin() + kPreviousOffset);
    links[i].hash = sha256(links[i].bytes);
  }
}

}  // namespace theater::chain
