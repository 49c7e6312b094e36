#pragma once

#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "chain/sample_chain.h"
#include "store/data_directory.h"
#include "store/memory_disk.h"

/// A data directory on a disk in memory, and actors that record into it; for tests.
namespace theater::store {

inline const std::filesystem::path kSampleDirectory = "/data";

inline DataDirectory::Options on_disk(MemoryDisk& disk, RandomSource& random) {
  DataDirectory::Options options;
  options.files = &disk;
  options.random = &random;
  return options;
}

/// Records chains of several actors, and remembers what it recorded.
class SampleActors {
 public:
  struct Written {
    ActorId actor;
    Digest hash{};
    std::uint64_t first_sequence = 0;
    std::uint64_t next_sequence = 0;
    /// In the sink that it was appended to.
    std::uint64_t position = 0;
  };

  explicit SampleActors(std::size_t count) : heads_(count) {}
  /// Goes on where the others are.
  void follow(const SampleActors& others) {
    heads_ = others.heads_;
    written_ = others.written_;
  }

  static ActorId id(std::size_t actor) { return chain::sample_actor(static_cast<std::uint8_t>(actor + 1)); }

  /// One link of this actor: its start, or a turn with a message of so many bytes.
  template <class Sink>
  void record(Sink& sink, std::size_t actor, std::size_t message_bytes = 10) {
    ChainHead& head = heads_[actor];
    builder_.begin(id(actor), head, chain::kSampleTimeNs + head.next_sequence);
    if (head.next_sequence == 0) {
      const FunctionTable functions = chain::sample_functions();
      StartedRecord started;
      const std::string name = "actor " + std::to_string(actor);
      started.name = name;
      started.functions = &functions;
      static_cast<void>(builder_.started(started));
    } else {
      const Bytes message = chain::pattern(message_bytes, static_cast<std::uint8_t>(head.next_sequence));
      builder_.call(1, std::nullopt, ValueView{chain::length_of(message_bytes), message});
      builder_.returned(ValueRecord(), StateRecord::changed(as_bytes(std::to_string(head.next_sequence))), 7);
    }
    add(sink, builder_.seal(head), head);
  }
  template <class Sink>
  void stop(Sink& sink, std::size_t actor) {
    ChainHead& head = heads_[actor];
    builder_.begin(id(actor), head, chain::kSampleTimeNs + head.next_sequence);
    builder_.stopped(StopReason::kRequested, "");
    add(sink, builder_.seal(head), head);
  }

  const ChainHead& head(std::size_t actor) const { return heads_[actor]; }
  ChainHead& head(std::size_t actor) { return heads_[actor]; }
  const std::vector<Written>& written() const { return written_; }

 private:
  void add(SegmentWriter& writer, const SealedLink& link, ChainHead&) {
    for (const RecordedPayload& payload : link.payloads) writer.add_payload(payload.digest, payload.content.view());
    writer.add_link({.actor = link.actor,
                     .first_sequence = link.first_sequence,
                     .event_count = link.event_count,
                     .bytes = link.bytes,
                     .hash = link.hash,
                     .has_lifecycle = link.has_lifecycle});
    written_.push_back({link.actor, link.hash, link.first_sequence, link.first_sequence + link.event_count, 0});
  }
  void add(EventSink& sink, const SealedLink& link, ChainHead& head) {
    sink.append(link, head);
    written_.push_back(
        {link.actor, link.hash, link.first_sequence, link.first_sequence + link.event_count, head.last_position});
  }

  LinkBuilder builder_;
  std::vector<ChainHead> heads_;
  std::vector<Written> written_;
};

/// The first `count` links of all, by actor: where each chain ends then.
inline std::map<ActorId, ChainEnd> ends_after(const std::vector<SampleActors::Written>& written, std::size_t count) {
  std::map<ActorId, ChainEnd> ends;
  for (std::size_t i = 0; i < count; ++i) ends[written[i].actor] = {written[i].hash, written[i].next_sequence};
  return ends;
}

/// Verifies one chain of a directory with its payloads.
inline VerifyReport verify_chain(const DataDirectory& directory, const ActorId& actor) {
  VerifyExpectation expectation;
  expectation.actor = actor;
  ChainVerifier verifier(expectation);
  const auto source = directory.chain(actor);
  if (!source) return verifier.finish(source.error().to_string());
  const auto links = (*source)->links(0);
  if (!links) return verifier.finish(links.error().to_string());
  while (true) {
    const auto link = (*links)->next();
    if (!link) return verifier.finish(link.error().to_string());
    if (!*link) return verifier.finish();
    // The view ends with the next call of the source.
    const Bytes bytes = to_bytes((*link)->bytes);
    const Digest hash = (*link)->hash;
    chain::LinkDecoder decoder(bytes);
    chain::EventView event;
    while (decoder.next(event)) {
      chain::visit_digests(event, [&](ByteView named, std::uint64_t) {
        Digest digest;
        std::ranges::copy(named, digest.begin());
        if (const auto content = (*source)->find(digest)) verifier.provide_payload(*content, digest);
      });
    }
    if (!verifier.link(bytes, &hash)) return verifier.finish();
  }
}

}  // namespace theater::store
