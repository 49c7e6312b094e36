#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <vector>

#include "base/sha256.h"
#include "chain/chain_source.h"
#include "chain/link_codec.h"

namespace theater::testing {

/// What a forger does who can compute hashes: changes events of a chain and seals all links anew.
class ChainEditor {
 public:
  struct Link {
    chain::LinkHeader header;
    std::vector<chain::EventView> events;
  };

  explicit ChainEditor(const ChainSource& source) { append(source, 0); }

  /// Adds the other chain's events from a sequence on, as this actor's.
  void append(const ChainSource& source, std::uint64_t from_sequence) {
    auto reader = source.links(from_sequence);
    EXPECT_TRUE(reader);
    while (true) {
      const auto next = (*reader)->next();
      EXPECT_TRUE(next) << next.error().to_string();
      if (!next || !*next) return;
      bytes_.push_back(to_bytes((*next)->bytes));
      chain::LinkDecoder decoder(bytes_.back());
      Link link{.header = decoder.header(), .events = {}};
      chain::EventView event;
      while (decoder.next(event)) {
        chain::visit_digests(event, [&](ByteView digest, std::uint64_t) { keep(source, digest); });
        if (event.sequence >= from_sequence) link.events.push_back(event);
      }
      if (!link.events.empty()) links.push_back(std::move(link));
    }
  }

  /// Removes the last events until there are so many.
  void cut(std::uint64_t events) {
    while (count() > events) {
      links.back().events.pop_back();
      if (links.back().events.empty()) links.pop_back();
    }
  }
  /// Adds an event in a link of its own.
  void add(chain::EventBody body) {
    const std::uint64_t time_ns = links.back().events.back().time_ns;
    links.push_back({.header = {.actor = links.front().header.actor, .base_time_ns = time_ns},
                     .events = {{.sequence = 0, .time_ns = time_ns, .body = std::move(body)}}});
  }

  std::uint64_t count() const {
    std::uint64_t events = 0;
    for (const Link& link : links) events += link.events.size();
    return events;
  }
  chain::EventView& event(std::uint64_t sequence) {
    for (Link& link : links) {
      if (sequence < link.events.size()) return link.events[sequence];
      sequence -= link.events.size();
    }
    ADD_FAILURE() << "no such event";
    return links.front().events.front();
  }
  template <class Body>
  Body& body(std::uint64_t sequence) {
    return std::get<Body>(event(sequence).body);
  }

  /// Bytes that live as long as the editor.
  ByteView own(Bytes bytes) {
    bytes_.push_back(std::move(bytes));
    return bytes_.back();
  }
  /// The content is no longer kept.
  void redact(const Digest& digest) {
    std::erase_if(payloads_, [&](const RecordedPayload& payload) { return payload.digest == digest; });
  }
  void redact_all() { payloads_.clear(); }

  std::unique_ptr<ChainSource> sealed() const {
    ChainSnapshot snapshot;
    snapshot.actor = links.front().header.actor;
    snapshot.complete = true;
    for (const Link& link : links) {
      chain::LinkHeader header = link.header;
      header.actor = snapshot.actor;
      header.previous = snapshot.head_hash;
      header.first_sequence = snapshot.next_sequence;
      header.event_count = static_cast<std::uint32_t>(link.events.size());
      const Bytes bytes = chain::encode_link(header, link.events);
      snapshot.links.push_back({.first_sequence = header.first_sequence,
                                .event_count = header.event_count,
                                .hash = sha256(bytes),
                                .offset = snapshot.bytes.size(),
                                .size = bytes.size()});
      theater::append(snapshot.bytes, bytes);
      snapshot.head_hash = snapshot.links.back().hash;
      snapshot.next_sequence += link.events.size();
    }
    snapshot.payloads = payloads_;
    std::ranges::sort(snapshot.payloads, {}, &RecordedPayload::digest);
    return make_chain_source(std::move(snapshot), "an edited chain");
  }

  std::vector<Link> links;

 private:
  void keep(const ChainSource& source, ByteView digest) {
    Digest wanted{};
    std::ranges::copy(digest, wanted.begin());
    const bool is_kept = std::ranges::find(payloads_, wanted, &RecordedPayload::digest) != payloads_.end();
    const auto content = is_kept ? std::nullopt : source.find(wanted);
    if (content) payloads_.push_back({.digest = wanted, .content = Payload::copy(*content)});
  }

  std::deque<Bytes> bytes_;
  std::vector<RecordedPayload> payloads_;
};

}  // namespace theater::testing
