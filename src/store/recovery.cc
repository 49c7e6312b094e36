#include "store/recovery.h"

#include <algorithm>
#include <utility>

#include "chain/link_codec.h"

namespace theater::store {
namespace {

/// A changed payload: what names it comes behind it.
struct ChangedPayload {
  Digest stored{};
  Digest actual{};
  std::string what;
  std::uint64_t offset = 0;
  bool is_named = false;
};

std::string missing_events(std::uint64_t from, std::uint64_t to) {
  return from + 1 >= to ? "event " + std::to_string(from) + " is missing"
                        : "events " + std::to_string(from) + " to " + std::to_string(to - 1) + " are missing";
}

/// The link as it was, when one bit of its header was changed; otherwise as it is.
Bytes mend_link_header(ByteView link, const Digest& digest) {
  // Version, actor, hash of the link before, first sequence.
  constexpr std::size_t kHeaderBytes = 1 + 16 + 32 + 10;
  Bytes mended = to_bytes(link);
  for (std::size_t bit = 0; bit < std::min(kHeaderBytes, link.size()) * 8; ++bit) {
    const auto mask = static_cast<std::uint8_t>(1u << (bit % 8));
    mended[bit / 8] ^= mask;
    if (sha256(mended) == digest) break;
    mended[bit / 8] ^= mask;
  }
  return mended;
}

/// Puts one segment's records together.
class Assembly {
 public:
  Assembly(SegmentScanner& scanner, std::uint64_t segment, ChainEnds& ends, ScanObserver* observer)
      : scanner_(scanner), segment_(segment), ends_(ends), observer_(observer) {}

  Result<ScannedSegment> run() {
    if (observer_ != nullptr) observer_->segment_begins();
    while (true) {
      auto step = scanner_.next();
      if (!step) return fail(std::move(step.error()));
      if (const auto* tail = std::get_if<SegmentTail>(&*step)) {
        finish(*tail);
        return std::move(found_);
      }
      if (const auto* fault = std::get_if<SegmentFault>(&*step)) {
        take_fault(*fault);
        continue;
      }
      const auto& record = std::get<SegmentRecord>(*step);
      // A redacted payload is where it was, without its content.
      if (record.type == RecordType::kPayload) {
        payload_bytes_ += chain::kRecordFrameBytes + record.content.size();
        found_.index.payloads.push_back({record.digest, record.offset});
        if (observer_ != nullptr) observer_->payload(record.digest, record.content.size());
      }
      if (record.type != RecordType::kLink) continue;
      if (auto taken = take_link(record); !taken) return fail(std::move(taken.error()));
    }
  }

 private:
  void report(std::optional<ActorId> actor, std::uint64_t sequence, std::string what, std::uint64_t offset) {
    found_.damages.push_back(
        {.actor = actor, .sequence = sequence, .what = std::move(what), .segment = segment_, .offset = offset});
  }

  Result<void> take_link(const SegmentRecord& record) {
    // Views end with the scanner's next call, which reject_last() may make.
    const Bytes link = to_bytes(record.content);
    const Digest hash = record.digest;
    const std::uint64_t offset = record.offset;
    chain::LinkDecoder decoder(link);
    const chain::LinkHeader& header = decoder.header();
    const auto known = ends_.find(header.actor);
    const bool is_first = known == ends_.end();
    const ChainEnd end = is_first ? ChainEnd() : known->second;
    const std::uint64_t bytes = std::exchange(payload_bytes_, 0) + chain::kRecordFrameBytes + link.size();
    if (decoder.ok() && header.first_sequence < end.removed_before) return {};
    const bool follows =
        decoder.ok() && end.next_sequence == header.first_sequence && end.head == header.previous && !end.is_broken;
    if (!follows) {
      const auto torn = scanner_.reject_last();
      if (!torn) return fail(torn.error());
      if (*torn) return {};
      if (!decoder.ok()) {
        report(std::nullopt, 0, "a link is malformed: " + decoder.fault()->to_string(), offset);
        return {};
      }
      // Told once: the rest of a broken chain follows nothing.
      if (!end.is_broken) report_break(header, end, offset);
      ends_[header.actor].is_broken = true;
      return {};
    }
    ChainEnd& reached = ends_[header.actor];
    reached.head = hash;
    reached.next_sequence = header.first_sequence + header.event_count;
    if (observer_ != nullptr) observer_->link(header.actor, link, hash);
    ChainPart part{.first_sequence = header.first_sequence,
                   .next_sequence = reached.next_sequence,
                   .links = 1,
                   .previous = header.previous,
                   .head = hash,
                   .first_offset = offset,
                   .last_offset = offset,
                   .bytes = bytes,
                   .stopped = {}};
    note_lifecycle(link, offset, part);
    extend(found_.index.chains[header.actor], part);
    name_changed_payloads(link, header.actor);
    return {};
  }

  void report_break(const chain::LinkHeader& header, const ChainEnd& end, std::uint64_t offset) {
    report(header.actor, end.next_sequence,
           header.first_sequence > end.next_sequence ? missing_events(end.next_sequence, header.first_sequence)
                                                     : "the link does not follow the one before it",
           offset);
  }

  void name_changed_payloads(ByteView link, const ActorId& actor) {
    if (changed_payloads_.empty()) return;
    chain::LinkDecoder decoder(link);
    chain::EventView event;
    while (decoder.next(event)) match_changed_payloads(event, actor);
  }

  void match_changed_payloads(const chain::EventView& event, const ActorId& actor) {
    chain::visit_digests(event, [&](ByteView digest, std::uint64_t) {
      for (ChangedPayload& payload : changed_payloads_) {
        if (!std::ranges::equal(digest, payload.stored) && !std::ranges::equal(digest, payload.actual)) continue;
        payload.is_named = true;
        report(actor, event.sequence, "its large value: " + payload.what, payload.offset);
        found_.damages.back().breaks_chain = false;
      }
    });
  }

  void take_fault(const SegmentFault& fault) {
    if (!fault.record || (fault.record->type != RecordType::kLink && fault.record->type != RecordType::kPayload)) {
      report(std::nullopt, 0, std::string(fault.what) + " (" + std::to_string(fault.bytes) + " bytes)", fault.offset);
      return;
    }
    if (fault.record->type == RecordType::kPayload) {
      changed_payloads_.push_back({.stored = fault.record->digest,
                                   .actual = sha256(fault.record->content),
                                   .what = fault.what,
                                   .offset = fault.offset});
      return;
    }
    take_changed_link(fault);
  }

  /// Whose link it was: its id and its place in the chain tell, and if one of them was changed, the other does. A
  /// single bit in them is found by its digest.
  void take_changed_link(const SegmentFault& fault) {
    const Bytes link = mend_link_header(fault.record->content, fault.record->digest);
    const chain::LinkDecoder decoder(link);
    const chain::LinkHeader& header = decoder.header();
    auto end = ends_.find(header.actor);
    if (end == ends_.end() || end->second.head != header.previous) {
      const auto by_previous = std::ranges::find_if(ends_, [&](const auto& entry) {
        return entry.second.next_sequence > 0 && entry.second.head == header.previous;
      });
      if (by_previous != ends_.end()) end = by_previous;
    }
    if (end != ends_.end()) {
      if (header.first_sequence < end->second.removed_before) return;
      if (!end->second.is_broken) report(end->first, end->second.next_sequence, fault.what, fault.offset);
      end->second.is_broken = true;
      return;
    }
    report(header.actor, header.first_sequence, fault.what, fault.offset);
    ends_[header.actor].is_broken = true;
  }

  void finish(const SegmentTail& tail) {
    for (const ChangedPayload& payload : changed_payloads_) {
      if (!payload.is_named) report(std::nullopt, 0, "a large value: " + payload.what, payload.offset);
    }
    std::ranges::sort(found_.index.payloads);
    const auto repeated = std::ranges::unique(found_.index.payloads, {}, &PayloadPlace::digest);
    found_.index.payloads.erase(repeated.begin(), repeated.end());
    found_.index.is_damaged = !found_.damages.empty();
    found_.tail = tail;
  }

  SegmentScanner& scanner_;
  const std::uint64_t segment_;
  ChainEnds& ends_;
  ScanObserver* const observer_;
  ScannedSegment found_;
  std::vector<ChangedPayload> changed_payloads_;
  /// Since the last link.
  std::uint64_t payload_bytes_ = 0;
};

}  // namespace

std::string Damage::to_string() const {
  const std::string place = "segment " + std::to_string(segment) + ", byte " + std::to_string(offset);
  if (!actor) return what + " (" + place + ")";
  return "actor " + theater::to_string(*actor) + ", event " + std::to_string(sequence) + ": " + what + " (" + place +
         ")";
}

Result<ScannedSegment> scan_segment(SegmentScanner& scanner, std::uint64_t segment, ChainEnds& ends,
                                    ScanObserver* observer) {
  return Assembly(scanner, segment, ends, observer).run();
}

void join_index(const SegmentIndex& index, std::uint64_t segment, ChainEnds& ends, std::vector<Damage>& damages) {
  for (const auto& [actor, part] : index.chains) {
    ChainEnd& end = ends[actor];
    if (end.is_broken || part.next_sequence <= end.removed_before) continue;
    if (part.first_sequence != end.next_sequence || part.previous != end.head) {
      end.is_broken = true;
      damages.push_back({.actor = actor,
                         .sequence = end.next_sequence,
                         .what = part.first_sequence > end.next_sequence
                                     ? missing_events(end.next_sequence, part.first_sequence)
                                     : "the link does not follow the one before it",
                         .segment = segment,
                         .offset = part.first_offset});
      continue;
    }
    end.head = part.head;
    end.next_sequence = part.next_sequence;
  }
}

}  // namespace theater::store
