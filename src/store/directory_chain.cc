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

/// An actor's links in a segment whose writer knows where each lies.
class ListedLinks {
 public:
  ListedLinks(std::unique_ptr<File> file, std::vector<LinkPlace> places)
      : file_(std::move(file)), places_(std::move(places)) {}

  /// None behind the last. Valid until the next call.
  Result<std::optional<KeptLink>> next() {
    while (at_ < places_.size()) {
      if (at_ == read_until_) {
        if (auto read = read_on(); !read) return fail(std::move(read.error()));
      }
      const LinkPlace& place = places_[at_++];
      const std::size_t begin = place.offset - window_offset_;
      // What damage took away shows by its absence.
      if (begin + record_bytes(place) > window_.size()) continue;
      const auto header = chain::get_record_header(window_.data() + begin);
      const bool is_link = header && header->type == static_cast<std::uint8_t>(RecordType::kLink);
      if (!is_link || header->length != place.bytes) continue;
      KeptLink link{.bytes = ByteView(window_).subspan(begin + chain::kRecordHeaderBytes, place.bytes), .hash = {}};
      std::copy_n(link.bytes.end(), link.hash.size(), link.hash.begin());
      return link;
    }
    return std::optional<KeptLink>();
  }

 private:
  /// Read with what is wanted when it lies between: it costs less than to ask once more.
  static constexpr std::uint64_t kGapBytes = 4096;
  static constexpr std::uint64_t kWindowBytes = 64u << 10;

  static std::uint64_t record_bytes(const LinkPlace& place) { return chain::kRecordFrameBytes + place.bytes; }

  /// The next link, and those behind it that lie close.
  Result<void> read_on() {
    window_offset_ = places_[at_].offset;
    std::uint64_t end = window_offset_;
    for (read_until_ = at_; read_until_ < places_.size(); ++read_until_) {
      const LinkPlace& place = places_[read_until_];
      const std::uint64_t reached = place.offset + record_bytes(place);
      if (read_until_ > at_ && (place.offset > end + kGapBytes || reached > window_offset_ + kWindowBytes)) break;
      end = reached;
    }
    window_.resize(end - window_offset_);
    const auto read = file_->read(window_offset_, window_);
    if (!read) return fail(read.error());
    window_.resize(*read);
    return {};
  }

  std::unique_ptr<File> file_;
  const std::vector<LinkPlace> places_;
  std::size_t at_ = 0;
  std::size_t read_until_ = 0;
  Bytes window_;
  std::uint64_t window_offset_ = 0;
};

class DirectoryChain::PlacedLinks final : public ChainSource::Links {
 public:
  PlacedLinks(const DirectoryChain& chain, std::uint64_t from_sequence) : chain_(chain), from_sequence_(from_sequence) {
    const auto& places = chain.places_;
    while (place_ < places.size() && places[place_].next_sequence <= from_sequence) ++place_;
  }

  Result<std::optional<KeptLink>> next() override {
    while (place_ < chain_.places_.size()) {
      if (!scanner_ && !listed_) {
        if (auto opened = open(); !opened) return fail(std::move(opened.error()));
      }
      auto link = listed_ ? listed_->next() : next_scanned();
      if (!link || *link) return link;
      scanner_.reset();
      listed_.reset();
      ++place_;
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
    if (place.open) {
      listed_.emplace(std::move(*file), place.open->links(chain_.actor_, from_sequence_, place.next_sequence));
      return {};
    }
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

  /// The next link of this place; none behind its last.
  Result<std::optional<KeptLink>> next_scanned() {
    while (true) {
      auto step = scanner_->next();
      if (!step) return fail(std::move(step.error()));
      if (std::holds_alternative<SegmentTail>(*step)) return std::optional<KeptLink>();
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
  /// One of the two reads the place.
  std::unique_ptr<SegmentScanner> scanner_;
  std::optional<ListedLinks> listed_;
  /// Scanned of this place since it was opened.
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
  auto known = std::ranges::find(payloads_, segment, &DataDirectory::SegmentPayloads::segment);
  if (known == payloads_.end()) {
    auto payloads = directory_.payloads_of(segment);
    if (!payloads) return std::nullopt;
    if (payloads_.size() == kIndexesKept) payloads_.pop_back();
    payloads_.push_front(std::move(*payloads));
    known = payloads_.begin();
  }
  auto content = known->find(digest);
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
