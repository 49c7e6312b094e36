#include "store/open_segment_index.h"

#include <algorithm>

namespace theater::store {

OpenSegmentIndex::OpenSegmentIndex(const SegmentIndex& index) {
  for (const auto& [actor, part] : index.chains) chains_.emplace(actor, Chain{.part = part});
  for (const PayloadPlace& place : index.payloads) payloads_.emplace(place.digest, place.offset);
}

void OpenSegmentIndex::add_payload(const Digest& digest, std::uint64_t offset) {
  const std::lock_guard lock(mutex_);
  payloads_.emplace(digest, offset);
}

void OpenSegmentIndex::publish(std::uint64_t file_bytes) {
  const std::lock_guard lock(mutex_);
  file_bytes_ = file_bytes;
  for (const Added& added : added_) {
    Chain& chain = chains_[added.actor];
    extend(chain.part, added.link);
    links_.push_back({.first_sequence = added.link.first_sequence,
                      .offset = added.link.first_offset,
                      .bytes = added.bytes,
                      .before = chain.last_link});
    chain.last_link = static_cast<std::uint32_t>(links_.size());
  }
  added_.clear();
}

SegmentIndex OpenSegmentIndex::contents() const {
  SegmentIndex index;
  for (const auto& [actor, chain] : chains_) index.chains.emplace(actor, chain.part);
  for (const auto& [digest, offset] : payloads_) index.payloads.push_back({digest, offset});
  return index;
}

std::optional<ChainPart> OpenSegmentIndex::chain(const ActorId& actor) const {
  const std::lock_guard lock(mutex_);
  const auto found = chains_.find(actor);
  return found == chains_.end() ? std::nullopt : std::optional(found->second.part);
}

std::vector<std::pair<ActorId, ChainPart>> OpenSegmentIndex::chains() const {
  std::vector<std::pair<ActorId, ChainPart>> chains;
  const std::lock_guard lock(mutex_);
  chains.reserve(chains_.size());
  for (const auto& [actor, chain] : chains_) chains.emplace_back(actor, chain.part);
  return chains;
}

std::vector<LinkPlace> OpenSegmentIndex::links(const ActorId& actor, std::uint64_t from_sequence,
                                               std::uint64_t until_sequence) const {
  std::vector<LinkPlace> places;
  {
    const std::lock_guard lock(mutex_);
    const auto found = chains_.find(actor);
    std::uint32_t at = found == chains_.end() ? 0 : found->second.last_link;
    while (at != 0) {
      const Link& link = links_[at - 1];
      if (link.first_sequence < until_sequence) places.push_back({link.first_sequence, link.offset, link.bytes});
      if (link.first_sequence <= from_sequence) break;
      at = link.before;
    }
  }
  std::ranges::reverse(places);
  return places;
}

std::optional<std::uint64_t> OpenSegmentIndex::payload(const Digest& digest) const {
  const std::lock_guard lock(mutex_);
  const auto found = payloads_.find(digest);
  if (found == payloads_.end() || found->second >= file_bytes_) return std::nullopt;
  return found->second;
}

}  // namespace theater::store
