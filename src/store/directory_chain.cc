#include "store/directory_chain.h"

#include <algorithm>
#include <cstring>

#include "chain/link_codec.h"

namespace theater::store {
namespace {

constexpr std::uint64_t kLinksPerLandmark = 64;
/// Of segments with many large values an index has megabytes.
constexpr std::size_t kIndexesKept = 4;

}  // namespace

class DirectoryChain::PlacedLinks final : public ChainSource::Links {
 public:
  PlacedLinks(const DirectoryChain& chain, std::uint64_t from_sequence) : chain_(chain), from_sequence_(from_sequence) {
    const auto& places = chain.places_;
    while (place_ < places.size() && places[place_].next_sequence <= from_sequence) ++place_;
  }

  Result<std::optional<KeptLink>> next() override {
    while (place_ < chain_.places_.size()) {
      if (!scanner_) {
        if (auto opened = open(); !opened) return fail(std::move(opened.error()));
      }
      auto step = scanner_->next();
      if (!step) return fail(std::move(step.error()));
      if (std::holds_alternative<SegmentTail>(*step)) {
        scanner_.reset();
        ++place_;
        continue;
      }
      const auto* record = std::get_if<SegmentRecord>(&*step);
      // What damage took away shows by its absence.
      if (record == nullptr || record->type != RecordType::kLink || !is_ours(record->content)) continue;
      const chain::LinkDecoder decoder(record->content);
      if (decoder.ok()) {
        note(decoder.header().first_sequence, record->offset);
        if (decoder.header().first_sequence + decoder.header().event_count <= from_sequence_) continue;
      }
      return KeptLink{.bytes = record->content, .hash = record->digest};
    }
    if (chain_.broken_) return fail(ErrorCode::kCorrupt, chain_.broken_->to_string());
    return std::optional<KeptLink>();
  }

 private:
  Result<void> open() {
    const ChainPlace& place = chain_.places_[place_];
    chain_.last_place_ = place_;
    auto file = chain_.directory_.open_segment(place.segment);
    if (!file) return fail(std::move(file.error()));
    std::uint64_t from_offset = place.first_offset;
    const auto& landmarks = chain_.landmarks_[place_];
    const auto after = std::ranges::upper_bound(landmarks, from_sequence_, {}, &Landmark::first_sequence);
    if (after != landmarks.begin()) from_offset = std::prev(after)->offset;
    links_ = 0;
    auto scanner = SegmentScanner::open(
        std::move(*file), {.check_content = false, .from_offset = from_offset, .until_offset = place.last_offset + 1});
    if (!scanner) return fail(std::move(scanner.error()));
    scanner_ = std::move(*scanner);
    return {};
  }

  bool is_ours(ByteView link) const {
    constexpr std::size_t kActorOffset = 1;
    const auto& id = chain_.actor_.bytes();
    return link.size() >= kActorOffset + id.size() &&
           std::memcmp(link.data() + kActorOffset, id.data(), id.size()) == 0;
  }

  void note(std::uint64_t first_sequence, std::uint64_t offset) {
    if (links_++ % kLinksPerLandmark != 0) return;
    auto& landmarks = chain_.landmarks_[place_];
    if (landmarks.empty() || landmarks.back().first_sequence < first_sequence) {
      landmarks.push_back({first_sequence, offset});
    }
  }

  const DirectoryChain& chain_;
  const std::uint64_t from_sequence_;
  std::size_t place_ = 0;
  std::unique_ptr<SegmentScanner> scanner_;
  /// Read from this place since it was opened.
  std::uint64_t links_ = 0;
};

DirectoryChain::DirectoryChain(const DataDirectory& directory, ActorId actor, std::vector<ChainPlace> places,
                               std::optional<Damage> broken, std::uint64_t removed_before)
    : directory_(directory),
      actor_(actor),
      name_(directory.path().string() + ": actor " + to_string(actor)),
      places_(std::move(places)),
      broken_(std::move(broken)),
      removed_before_(removed_before),
      landmarks_(places_.size()) {}

DirectoryChain::~DirectoryChain() = default;

std::uint64_t DirectoryChain::first_sequence() const {
  return places_.empty() ? removed_before_ : places_.front().first_sequence;
}
std::uint64_t DirectoryChain::next_sequence() const {
  return places_.empty() ? removed_before_ : places_.back().next_sequence;
}

Result<std::unique_ptr<ChainSource::Links>> DirectoryChain::links(std::uint64_t from_sequence) const {
  return std::make_unique<PlacedLinks>(*this, from_sequence);
}

std::optional<Bytes> DirectoryChain::payload_in(std::uint64_t segment, const Digest& digest) const {
  auto known = std::ranges::find(indexes_, segment, &KnownIndex::segment);
  if (known == indexes_.end()) {
    auto index = directory_.index_of(segment);
    auto file = directory_.open_segment(segment);
    if (!index || !file) return std::nullopt;
    if (indexes_.size() == kIndexesKept) indexes_.pop_back();
    indexes_.push_front({segment, std::move(*index), std::move(*file)});
    known = indexes_.begin();
  }
  auto content = DataDirectory::payload_in(segment, *known->file, *known->index, digest);
  return content ? std::move(*content) : std::nullopt;
}

std::optional<Bytes> DirectoryChain::find(const Digest& digest) const {
  // A link's large values lie in its own segment.
  for (std::size_t i = 0; i < places_.size(); ++i) {
    const std::size_t place = (last_place_ + i) % places_.size();
    if (auto content = payload_in(places_[place].segment, digest)) return content;
  }
  return component(digest);
}

std::optional<Bytes> DirectoryChain::component(const Digest& digest) const {
  auto content = directory_.content_files().get(digest, limits::kComponentBytes);
  if (!content) return std::nullopt;
  return std::move(*content);
}

std::optional<std::string> DirectoryChain::manifest(const Digest& digest) const {
  auto text = component(digest);
  return text ? std::optional(std::string(as_text(*text))) : std::nullopt;
}

}  // namespace theater::store
