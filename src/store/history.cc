#include "store/history.h"

#include <algorithm>

#include "chain/link_codec.h"

namespace theater::store {

Result<void> prepend(ChainSnapshot& snapshot, const ChainSource& source, std::uint64_t from_sequence) {
  const std::uint64_t end = snapshot.links.empty() ? snapshot.next_sequence : snapshot.links.front().first_sequence;
  if (from_sequence >= end) return {};
  auto links = source.links(from_sequence);
  if (!links) return fail(std::move(links.error()));
  ChainSnapshot history;
  while (true) {
    const auto link = (*links)->next();
    if (!link) return fail(link.error());
    if (!*link) break;
    const chain::LinkDecoder decoder((*link)->bytes);
    if (!decoder.ok()) return fail(ErrorCode::kCorrupt, source.name() + ": " + decoder.fault()->to_string());
    if (decoder.header().first_sequence >= end) break;
    history.links.push_back({.first_sequence = decoder.header().first_sequence,
                             .event_count = decoder.header().event_count,
                             .hash = (*link)->hash,
                             .offset = history.bytes.size(),
                             .size = (*link)->bytes.size()});
    append(history.bytes, (*link)->bytes);
  }
  for (const Digest& digest : history.named_digests()) {
    const auto known =
        std::ranges::lower_bound(snapshot.payloads, digest, {}, [](const RecordedPayload& p) { return p.digest; });
    if (known != snapshot.payloads.end() && known->digest == digest) continue;
    if (const auto content = source.find(digest)) snapshot.payloads.insert(known, {digest, Payload::copy(*content)});
  }
  for (ChainSnapshot::Link& link : snapshot.links) link.offset += history.bytes.size();
  snapshot.links.insert(snapshot.links.begin(), history.links.begin(), history.links.end());
  snapshot.bytes.insert(snapshot.bytes.begin(), history.bytes.begin(), history.bytes.end());
  snapshot.complete = !snapshot.links.empty() && snapshot.links.front().first_sequence == 0;
  return {};
}

}  // namespace theater::store
