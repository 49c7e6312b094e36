#include "store/history.h"

#include <algorithm>
#include <map>
#include <vector>

#include "chain/link_codec.h"

namespace theater::store {

namespace {

bool has_payload(const ChainSnapshot& snapshot, const Digest& digest) {
  return std::ranges::binary_search(snapshot.payloads, digest, {}, [](const RecordedPayload& p) { return p.digest; });
}

}  // namespace

Result<void> prepend(ChainSnapshot& snapshot, const ChainSource& source, std::uint64_t from_sequence,
                     std::uint64_t events_max) {
  const std::uint64_t end = snapshot.links.empty() ? snapshot.next_sequence : snapshot.links.front().first_sequence;
  if (from_sequence >= end) return {};
  const std::uint64_t begin = std::max(from_sequence, source.first_sequence());
  auto links = source.links(from_sequence);
  if (!links) return fail(std::move(links.error()));
  std::vector<ChainSnapshot::Link> history;
  Bytes bytes;
  std::map<Digest, Payload> payloads;
  while (true) {
    const auto link = (*links)->next();
    if (!link) return fail(link.error());
    if (!*link) break;
    chain::LinkDecoder decoder((*link)->bytes);
    if (!decoder.ok()) return fail(ErrorCode::kCorrupt, source.name() + ": " + decoder.fault()->to_string());
    const chain::LinkHeader header = decoder.header();
    if (header.first_sequence >= end) break;
    if (header.first_sequence > begin && header.first_sequence - begin >= events_max) {
      // What lies between would be missing.
      snapshot.links.clear();
      snapshot.bytes.clear();
      break;
    }
    history.push_back({.first_sequence = header.first_sequence,
                       .event_count = header.event_count,
                       .hash = (*link)->hash,
                       .offset = bytes.size(),
                       .size = (*link)->bytes.size()});
    append(bytes, (*link)->bytes);
    // Now, since the source looks for them where it read last.
    chain::LinkDecoder copy(ByteView(bytes).last(history.back().size));
    chain::EventView event;
    while (copy.next(event)) {
      chain::visit_digests(event, [&](ByteView named, std::uint64_t) {
        Digest digest;
        std::ranges::copy(named, digest.begin());
        if (payloads.contains(digest) || has_payload(snapshot, digest)) return;
        if (const auto content = source.find(digest)) payloads.emplace(digest, Payload::copy(*content));
      });
    }
  }
  // After the disk failed, what memory gave up since then is nowhere.
  const bool has_gap =
      !snapshot.links.empty() && !history.empty() && history.back().first_sequence + history.back().event_count != end;
  if (has_gap) return {};
  for (ChainSnapshot::Link& link : snapshot.links) link.offset += bytes.size();
  snapshot.links.insert(snapshot.links.begin(), history.begin(), history.end());
  snapshot.bytes.insert(snapshot.bytes.begin(), bytes.begin(), bytes.end());
  for (const auto& [digest, content] : payloads) snapshot.payloads.push_back({digest, content});
  std::ranges::sort(snapshot.payloads, {}, &RecordedPayload::digest);
  snapshot.complete = !snapshot.links.empty() && snapshot.links.front().first_sequence == 0;
  return {};
}

}  // namespace theater::store
