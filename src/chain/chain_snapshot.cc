#include "chain/chain_snapshot.h"

#include <algorithm>
#include <cstring>

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

}  // namespace theater
