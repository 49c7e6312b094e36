#include "chain/chain_snapshot.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "chain/link_codec.h"

namespace theater {
namespace {

void add_digest(std::vector<Digest>& digests, ByteView digest) {
  if (digest.empty()) return;
  std::memcpy(digests.emplace_back().data(), digest.data(), sizeof(Digest));
}

}  // namespace

std::optional<Bytes> ChainSnapshot::find(const Digest& digest) const {
  const auto at =
      std::lower_bound(payloads.begin(), payloads.end(), digest,
                       [](const RecordedPayload& payload, const Digest& wanted) { return payload.digest < wanted; });
  if (at == payloads.end() || at->digest != digest) return std::nullopt;
  return to_bytes(at->content.view());
}

std::vector<Digest> ChainSnapshot::named_digests() const {
  std::vector<Digest> digests;
  chain::EventView event;
  for (const Link& link : links) {
    chain::LinkDecoder decoder(link_bytes(link));
    while (decoder.next(event)) {
      chain::visit_digests(event, [&](ByteView digest, std::uint64_t) { add_digest(digests, digest); });
    }
  }
  std::sort(digests.begin(), digests.end());
  digests.erase(std::unique(digests.begin(), digests.end()), digests.end());
  return digests;
}

Result<std::vector<Event>> ChainSnapshot::events() const {
  ChainReader reader = functions ? ChainReader(*functions) : ChainReader();
  reader.use_payloads(this);
  std::vector<Event> events;
  for (const Link& link : links) {
    Result<std::vector<Event>> read = reader.read(link_bytes(link));
    if (!read) return fail(std::move(read.error()));
    std::move(read->begin(), read->end(), std::back_inserter(events));
  }
  return events;
}

namespace {

class SnapshotHistory final : public EventHistory {
 public:
  SnapshotHistory(ChainSnapshot snapshot, std::uint64_t from_sequence, std::uint64_t end_sequence, std::uint64_t size)
      : snapshot_(std::move(snapshot)),
        from_sequence_(from_sequence),
        end_sequence_(end_sequence),
        size_(size),
        reader_(snapshot_.functions ? ChainReader(*snapshot_.functions) : ChainReader()) {
    reader_.use_payloads(&snapshot_);
  }

  std::vector<Event> next() override {
    while (next_link_ < snapshot_.links.size()) {
      // It was looked at before: decoding it cannot fail.
      auto events = reader_.read(snapshot_.link_bytes(snapshot_.links[next_link_++]));
      if (!events) break;
      std::erase_if(*events, [&](const Event& event) {
        return event.sequence < from_sequence_ || event.sequence >= end_sequence_;
      });
      if (!events->empty()) return std::move(*events);
    }
    return {};
  }
  std::uint64_t size() const override { return size_; }
  std::uint64_t next_sequence() const override { return end_sequence_; }

 private:
  const ChainSnapshot snapshot_;
  const std::uint64_t from_sequence_;
  const std::uint64_t end_sequence_;
  const std::uint64_t size_;
  std::size_t next_link_ = 0;
  ChainReader reader_;
};

}  // namespace

Result<std::unique_ptr<EventHistory>> make_event_history(ChainSnapshot snapshot, std::uint64_t from_sequence,
                                                         std::uint64_t events_max) {
  std::uint64_t size = 0;
  std::uint64_t end = 0;
  for (const ChainSnapshot::Link& link : snapshot.links) {
    chain::LinkDecoder decoder(snapshot.link_bytes(link));
    chain::EventView event;
    while (decoder.next(event)) {
      if (event.sequence < from_sequence || size == events_max) continue;
      ++size;
      end = event.sequence + 1;
    }
    if (decoder.fault()) return fail(ErrorCode::kCorrupt, "not a link of a chain: " + decoder.fault()->to_string());
  }
  return std::make_unique<SnapshotHistory>(std::move(snapshot), from_sequence, end, size);
}

}  // namespace theater
