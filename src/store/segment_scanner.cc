#include "store/segment_scanner.h"

#include <algorithm>
#include <cstring>

#include "chain/link_codec.h"

namespace theater::store {
namespace {

using chain::kRecordFrameBytes;
using chain::kRecordHeaderBytes;
using chain::RecordHeader;

constexpr std::uint64_t kWindowBytes = 256u << 10;

Digest digest_at(const std::uint8_t* bytes) {
  Digest digest;
  std::memcpy(digest.data(), bytes, digest.size());
  return digest;
}

/// A record of this type with right frame and content at the start of `bytes`.
bool is_whole(ByteView bytes, RecordType type) {
  if (bytes.size() < kRecordFrameBytes) return false;
  const auto header = chain::get_record_header(bytes.data());
  if (!header || header->type != static_cast<std::uint8_t>(type) || !is_possible(header->type, header->length)) {
    return false;
  }
  if (bytes.size() - kRecordFrameBytes < header->length) return false;
  const ByteView content = bytes.subspan(kRecordHeaderBytes, header->length);
  return sha256(content) == digest_at(content.data() + content.size());
}

/// The header of a payload that was redacted: one of type and check is the payload's.
std::optional<RecordHeader> redacted_header(const std::uint8_t* bytes) {
  constexpr auto kPayload = static_cast<std::uint8_t>(RecordType::kPayload);
  constexpr auto kRedacted = static_cast<std::uint8_t>(RecordType::kRedacted);
  if (bytes[0] != kPayload && bytes[0] != kRedacted) return std::nullopt;
  std::uint8_t other[kRecordHeaderBytes];
  std::memcpy(other, bytes, sizeof(other));
  other[0] = bytes[0] == kPayload ? kRedacted : kPayload;
  auto header = chain::get_record_header(other);
  if (header) header->type = kRedacted;
  return header;
}

}  // namespace

Result<std::unique_ptr<SegmentScanner>> SegmentScanner::open(std::unique_ptr<File> file, Options options) {
  const auto size = file->size();
  if (!size) return fail(size.error());
  std::unique_ptr<SegmentScanner> scanner(new SegmentScanner(std::move(file), *size, options));
  if (auto read = scanner->read_header(); !read) return fail(std::move(read.error()));
  return scanner;
}

SegmentScanner::SegmentScanner(std::unique_ptr<File> file, std::uint64_t file_bytes, Options options)
    : file_(std::move(file)), file_bytes_(file_bytes), options_(options) {
  if (options_.from_offset == 0) return;
  offset_ = options_.from_offset;
  // Within a group of unknown extent.
  group_end_ = UINT64_MAX;
}

Result<ByteView> SegmentScanner::bytes_at(std::uint64_t offset, std::uint64_t bytes) {
  if (offset >= file_bytes_) return ByteView();
  bytes = std::min(bytes, file_bytes_ - offset);
  const bool is_there = offset >= window_offset_ && offset + bytes <= window_offset_ + window_.size();
  if (!is_there) {
    window_.resize(std::min(std::max(bytes, kWindowBytes), file_bytes_ - offset));
    window_offset_ = offset;
    const auto read = file_->read(offset, window_);
    if (!read) {
      window_.clear();
      return fail(read.error());
    }
    window_.resize(*read);
    bytes = std::min<std::uint64_t>(bytes, *read);
  }
  return ByteView(window_).subspan(offset - window_offset_, bytes);
}

Result<void> SegmentScanner::read_header() {
  auto header = read_segment_header(*file_);
  if (!header) return fail(std::move(header.error()));
  header_ = *header;
  if (header_) {
    marker_ = header_->marker;
    return {};
  }
  SegmentFault fault{
      .offset = 0, .bytes = std::min(file_bytes_, kFirstGroupOffset), .what = "the header is damaged", .record = {}};
  header_fault_ = std::move(fault);
  return {};
}

ScanStep SegmentScanner::tail(std::uint64_t offset) {
  tail_ = SegmentTail{.closed = false,
                      .offset = offset,
                      .torn_bytes = file_bytes_ - std::min(offset, file_bytes_),
                      .group_offset = offset < group_end_ ? group_offset_ : offset};
  return *tail_;
}

Result<ScanStep> SegmentScanner::next() {
  if (tail_) return *tail_;
  if (header_fault_) {
    const auto torn = may_be_torn(0);
    if (!torn) return fail(torn.error());
    // Made, and nothing acknowledged was ever in it.
    if (*torn) return tail(0);
    return *std::exchange(header_fault_, std::nullopt);
  }
  while (true) {
    if (offset_ >= options_.until_offset) return tail(std::min(offset_, file_bytes_));
    if (offset_ == group_end_ || (offset_ >= file_bytes_ && group_end_ == UINT64_MAX)) {
      if (offset_ >= file_bytes_) {
        if (!options_.was_closed) return tail(offset_);
        static_cast<void>(tail(offset_));
        return SegmentFault{.offset = offset_, .bytes = 0, .what = "the file was cut here", .record = {}};
      }
      auto step = enter_group();
      if (!step) return fail(std::move(step.error()));
      if (*step) return **step;
      continue;
    }
    auto step = read_record();
    if (!step) return step;
    if (const auto* record = std::get_if<SegmentRecord>(&*step)) {
      if (record->type == RecordType::kGroup) {
        // Only where the group's extent was not known.
        const GroupHeader group = decode_group_header(record->content);
        group_offset_ = record->offset;
        group_end_ = offset_ + group.bytes;
        continue;
      }
      if (record->type == RecordType::kIndex) continue;
      if (record->type == RecordType::kEnd) {
        tail_ = SegmentTail{.closed = true, .offset = offset_, .torn_bytes = 0, .group_offset = offset_};
        if (offset_ == file_bytes_) return *tail_;
        return SegmentFault{
            .offset = offset_, .bytes = file_bytes_ - offset_, .what = "bytes follow the end", .record = {}};
      }
    }
    return step;
  }
}

Result<std::optional<ScanStep>> SegmentScanner::enter_group() {
  const auto bytes = bytes_at(offset_, kGroupRecordBytes);
  if (!bytes) return fail(bytes.error());
  if (is_whole(*bytes, RecordType::kGroup)) {
    const GroupHeader group = decode_group_header(bytes->subspan(kRecordHeaderBytes, kGroupHeaderBytes));
    if (!marker_) marker_ = group.marker;
    if (group.marker == *marker_ && group.offset == offset_ &&
        group.bytes <= UINT64_MAX - offset_ - kGroupRecordBytes) {
      group_offset_ = offset_;
      offset_ += kGroupRecordBytes;
      group_end_ = offset_ + group.bytes;
      return std::optional<ScanStep>();
    }
  }
  auto step = bad_group();
  if (!step) return fail(std::move(step.error()));
  return std::optional(std::move(*step));
}

Result<ScanStep> SegmentScanner::read_record() {
  last_offset_ = offset_;
  const auto bytes = bytes_at(offset_, kRecordHeaderBytes);
  if (!bytes) return fail(bytes.error());
  if (bytes->size() < kRecordHeaderBytes) return bad_record("the file was cut within a record");
  auto header = chain::get_record_header(bytes->data());
  if (!header) header = redacted_header(bytes->data());
  if (!header) return bad_record("no record begins here");
  const bool is_group = header->type == static_cast<std::uint8_t>(RecordType::kGroup);
  if (!is_possible(header->type, header->length) || header->type == static_cast<std::uint8_t>(RecordType::kSegment) ||
      (is_group && group_end_ != UINT64_MAX)) {
    return bad_record("an unknown record (made by a newer version?)");
  }
  const std::uint64_t end = offset_ + kRecordFrameBytes + header->length;
  if (end > group_end_ || end > file_bytes_) return bad_record("a record does not end where it should");
  SegmentRecord record{.type = static_cast<RecordType>(header->type), .offset = offset_, .content = {}, .digest = {}};
  const bool is_content = record.type == RecordType::kPayload || record.type == RecordType::kRedacted;
  if (!is_content || (options_.check_content && record.type == RecordType::kPayload)) {
    const auto whole = bytes_at(offset_, kRecordFrameBytes + header->length);
    if (!whole) return fail(whole.error());
    if (whole->size() < kRecordFrameBytes + header->length) return bad_record("the file was cut within a record");
    record.content = whole->subspan(kRecordHeaderBytes, header->length);
    record.digest = digest_at(record.content.data() + header->length);
    const bool must_match = options_.check_content || record.type != RecordType::kLink;
    if (must_match && sha256(record.content) != record.digest) return bad_content(*header);
  } else {
    const auto digest = bytes_at(end - sizeof(Digest), sizeof(Digest));
    if (!digest) return fail(digest.error());
    if (digest->size() < sizeof(Digest)) return bad_record("the file was cut within a record");
    record.digest = digest_at(digest->data());
  }
  offset_ = end;
  return record;
}

Result<bool> SegmentScanner::may_be_torn(std::uint64_t offset) {
  if (options_.was_closed) return false;
  if (auto looked = look_behind(offset); !looked) return fail(std::move(looked.error()));
  return offset >= safe_until_;
}

Result<bool> SegmentScanner::reject_last() {
  const auto torn = may_be_torn(last_offset_);
  if (torn && *torn) static_cast<void>(tail(last_offset_));
  return torn;
}

Result<ScanStep> SegmentScanner::bad_content(const RecordHeader& header) {
  const auto torn = may_be_torn(offset_);
  if (!torn) return fail(torn.error());
  if (*torn) return tail(offset_);
  // Read again: looking behind may have moved the window.
  const std::uint64_t whole_bytes = kRecordFrameBytes + header.length;
  const auto bytes = bytes_at(offset_, whole_bytes);
  if (!bytes) return fail(bytes.error());
  if (bytes->size() < whole_bytes) return fail(ErrorCode::kIo, "the segment was cut while it was read");
  const ByteView content = bytes->subspan(kRecordHeaderBytes, header.length);
  SegmentFault fault{.offset = offset_, .bytes = whole_bytes, .what = "content or digest was changed", .record = {}};
  fault.record = SegmentRecord{.type = static_cast<RecordType>(header.type),
                               .offset = offset_,
                               .content = content,
                               .digest = digest_at(content.data() + content.size())};
  offset_ += whole_bytes;
  return fault;
}

Result<ScanStep> SegmentScanner::bad_record(const char* what) {
  const auto torn = may_be_torn(offset_);
  if (!torn) return fail(torn.error());
  if (*torn) return tail(offset_);
  const std::uint64_t limit = std::min(group_end_, file_bytes_);
  const auto mended = mend_header(offset_, limit);
  if (!mended) return fail(mended.error());
  if (*mended) {
    auto step = bad_content(**mended);
    if (step) std::get<SegmentFault>(*step).what = "a record's frame was changed";
    return step;
  }
  SegmentFault fault{.offset = offset_, .bytes = 0, .what = what, .record = {}};
  const auto group = next_group_from(offset_);
  if (!group) return fail(group.error());
  // The group's end is where the next begins, unless it is not known, or the file was cut before it.
  offset_ = std::min(group_end_, group->value_or(file_bytes_));
  group_end_ = offset_;
  fault.bytes = offset_ - fault.offset;
  return fault;
}

Result<ScanStep> SegmentScanner::bad_group() {
  const auto torn = may_be_torn(offset_);
  if (!torn) return fail(torn.error());
  if (*torn) return tail(offset_);
  const auto next_group = next_group_from(offset_ + 1);
  if (!next_group) return fail(next_group.error());
  SegmentFault fault{
      .offset = offset_, .bytes = kGroupRecordBytes, .what = "a group's frame was changed", .record = {}};
  group_offset_ = offset_;
  group_end_ = next_group->value_or(file_bytes_);
  // When the group's records are whole behind its own, nothing of them is lost.
  const std::uint64_t first = offset_ + kGroupRecordBytes;
  bool is_followed = false;
  if (const auto bytes = bytes_at(first, kRecordHeaderBytes); bytes && bytes->size() == kRecordHeaderBytes) {
    if (const auto header = chain::get_record_header(bytes->data())) {
      const auto matches = content_matches(first, *header);
      if (!matches) return fail(matches.error());
      is_followed = *matches;
    } else if (const auto redacted = redacted_header(bytes->data())) {
      // Its content proves nothing any more; its check and where it ends must do.
      is_followed =
          is_possible(redacted->type, redacted->length) && first + kRecordFrameBytes + redacted->length <= group_end_;
    }
  }
  if (!is_followed) fault.bytes = group_end_ - offset_;
  offset_ = is_followed ? first : group_end_;
  return fault;
}

Result<bool> SegmentScanner::content_matches(std::uint64_t offset, const RecordHeader& header) {
  if (!is_possible(header.type, header.length)) return false;
  const std::uint64_t whole_bytes = kRecordFrameBytes + header.length;
  if (whole_bytes > file_bytes_ || offset > file_bytes_ - whole_bytes) return false;
  const auto bytes = bytes_at(offset, whole_bytes);
  if (!bytes) return fail(bytes.error());
  if (bytes->size() < whole_bytes) return false;
  const ByteView content = bytes->subspan(kRecordHeaderBytes, header.length);
  return sha256(content) == digest_at(content.data() + content.size());
}

/// The header as it was when one of its bits is wrong: the one whose content has the digest that stands behind it.
Result<std::optional<RecordHeader>> SegmentScanner::mend_header(std::uint64_t offset, std::uint64_t limit) {
  const auto bytes = bytes_at(offset, kRecordHeaderBytes);
  if (!bytes) return fail(bytes.error());
  if (bytes->size() < kRecordHeaderBytes) return std::optional<RecordHeader>();
  std::uint8_t header_bytes[kRecordHeaderBytes];
  std::memcpy(header_bytes, bytes->data(), sizeof(header_bytes));
  for (std::size_t bit = 0; bit < sizeof(header_bytes) * 8; ++bit) {
    std::uint8_t tried[kRecordHeaderBytes];
    std::memcpy(tried, header_bytes, sizeof(tried));
    tried[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    const auto header = chain::get_record_header(tried);
    if (!header || offset + kRecordFrameBytes + header->length > limit) continue;
    const auto matches = content_matches(offset, *header);
    if (!matches) return fail(matches.error());
    if (*matches) return std::optional(*header);
  }
  return std::optional<RecordHeader>();
}

Result<std::optional<std::uint64_t>> SegmentScanner::next_group_from(std::uint64_t offset) {
  if (auto looked = look_behind(offset); !looked) return fail(std::move(looked.error()));
  const auto at = std::ranges::lower_bound(groups_behind_, offset);
  if (at == groups_behind_.end()) return std::optional<std::uint64_t>();
  return std::optional(*at);
}

/// Finds all groups from here to the file's end.
Result<void> SegmentScanner::look_behind(std::uint64_t offset) {
  if (looked_behind_) return {};
  looked_behind_ = true;
  constexpr std::uint64_t kRecordBytes = std::max(kGroupRecordBytes, kEndRecordBytes);
  Bytes part;
  for (std::uint64_t at = offset; at < file_bytes_;) {
    // A record that begins in one part and ends in the next is found in the next: the parts overlap.
    part.resize(std::min(kWindowBytes * 4, file_bytes_ - at));
    const auto read = file_->read(at, part);
    if (!read) return fail(read.error());
    part.resize(*read);
    if (part.size() < kGroupRecordBytes) break;
    for (std::size_t i = 0; i + kGroupRecordBytes <= part.size(); ++i) {
      const bool is_group = part[i] == static_cast<std::uint8_t>(RecordType::kGroup);
      const bool is_end = part[i] == static_cast<std::uint8_t>(RecordType::kEnd);
      if (!is_group && !is_end) continue;
      const ByteView rest = ByteView(part).subspan(i);
      // The marker first, since it is quick.
      if (marker_ && std::memcmp(rest.data() + kRecordHeaderBytes, marker_->data(), sizeof(Marker)) != 0) continue;
      if (!is_whole(rest, is_group ? RecordType::kGroup : RecordType::kEnd)) continue;
      if (is_group) {
        const GroupHeader group = decode_group_header(rest.subspan(kRecordHeaderBytes, kGroupHeaderBytes));
        if (group.offset != at + i) continue;
        groups_behind_.push_back(at + i);
        safe_until_ = std::max(safe_until_, group.synced);
      } else {
        const SegmentEnd end = decode_segment_end(rest.subspan(kRecordHeaderBytes, kSegmentEndBytes));
        // The group that it stands in was written with it, and may be torn before it.
        if (end.offset == at + i && end.index_offset <= end.offset && end.index_offset >= kGroupRecordBytes) {
          safe_until_ = std::max(safe_until_, end.index_offset - kGroupRecordBytes);
        }
      }
    }
    if (at + part.size() >= file_bytes_) break;
    at += part.size() - (kRecordBytes - 1);
  }
  const auto repeated = std::ranges::unique(groups_behind_);
  groups_behind_.erase(repeated.begin(), repeated.end());
  return {};
}

namespace {

std::unexpected<Error> changed_value(const Digest& digest) {
  return fail(ErrorCode::kCorrupt, "the large value " + to_hex(digest) + " was changed");
}

}  // namespace

Result<std::optional<StoredLink>> read_link(const File& file, std::uint64_t offset) {
  // Most links are read at once.
  Bytes record(4096);
  auto read = file.read(offset, record);
  if (!read) return fail(read.error());
  const auto header = *read < kRecordHeaderBytes ? std::nullopt : chain::get_record_header(record.data());
  const auto none = std::optional<StoredLink>();
  if (!header || header->type != static_cast<std::uint8_t>(RecordType::kLink)) return none;
  if (!is_possible(header->type, header->length)) return none;
  const std::size_t whole_bytes = kRecordFrameBytes + header->length;
  if (*read < whole_bytes && *read == record.size()) {
    record.resize(whole_bytes);
    read = file.read(offset, record);
    if (!read) return fail(read.error());
  }
  if (*read < whole_bytes) return none;
  const ByteView content = ByteView(record).subspan(kRecordHeaderBytes, header->length);
  return std::optional(StoredLink{.bytes = to_bytes(content), .hash = digest_at(content.data() + content.size())});
}

Result<RecordHeader> read_payload_header(const File& file, std::uint64_t offset, const Digest& digest) {
  std::uint8_t bytes[kRecordHeaderBytes];
  const auto read = file.read(offset, bytes);
  if (!read) return fail(read.error());
  if (*read < sizeof(bytes)) return changed_value(digest);
  auto header = chain::get_record_header(bytes);
  if (!header) header = redacted_header(bytes);
  const bool is_payload = header && (header->type == static_cast<std::uint8_t>(RecordType::kPayload) ||
                                     header->type == static_cast<std::uint8_t>(RecordType::kRedacted));
  if (!is_payload || !is_possible(header->type, header->length)) return changed_value(digest);
  return *header;
}

Result<std::optional<Bytes>> read_payload(const File& file, std::uint64_t offset, const Digest& digest) {
  const auto header = read_payload_header(file, offset, digest);
  if (!header) return fail(header.error());
  if (header->type == static_cast<std::uint8_t>(RecordType::kRedacted)) return std::optional<Bytes>();
  Bytes content(header->length);
  const auto read = file.read(offset + kRecordHeaderBytes, content);
  if (!read) return fail(read.error());
  if (*read < content.size() || sha256(content) != digest) return changed_value(digest);
  return std::optional(std::move(content));
}

Result<std::optional<SegmentHeader>> read_segment_header(const File& file) {
  Bytes bytes(kFirstGroupOffset);
  const auto read = file.read(0, bytes);
  if (!read) return fail(read.error());
  const ByteView view = ByteView(bytes).first(*read);
  if (*read < kFirstGroupOffset || as_text(view.first(kSegmentMagic.size())) != kSegmentMagic ||
      !is_whole(view.subspan(kSegmentMagic.size()), RecordType::kSegment)) {
    return std::optional<SegmentHeader>();
  }
  return std::optional(decode_segment_header(view.subspan(kSegmentMagic.size() + kRecordHeaderBytes)));
}

Result<std::optional<SegmentIndex>> read_index(const File& file) {
  const auto none = std::optional<SegmentIndex>();
  const auto header = read_segment_header(file);
  if (!header) return fail(header.error());
  const auto size = file.size();
  if (!size) return fail(size.error());
  if (!*header || *size < kFirstGroupOffset + kEndRecordBytes) return none;
  Bytes end_record(kEndRecordBytes);
  auto read = file.read(*size - kEndRecordBytes, end_record);
  if (!read) return fail(read.error());
  if (*read < end_record.size() || !is_whole(end_record, RecordType::kEnd)) return none;
  const SegmentEnd end = decode_segment_end(ByteView(end_record).subspan(kRecordHeaderBytes));
  if (end.marker != (*header)->marker || end.offset != *size - kEndRecordBytes || end.index_offset >= end.offset ||
      end.index_offset < kFirstGroupOffset + kGroupRecordBytes) {
    return none;
  }
  // With the group's own record: what was not all written is no end.
  Bytes group(kGroupRecordBytes + end.offset - end.index_offset);
  read = file.read(end.index_offset - kGroupRecordBytes, group);
  if (!read) return fail(read.error());
  const ByteView index_record = ByteView(group).subspan(kGroupRecordBytes);
  if (*read < group.size() || !is_whole(group, RecordType::kGroup) || !is_whole(index_record, RecordType::kIndex)) {
    return none;
  }
  const ByteView content = index_record.subspan(kRecordHeaderBytes);
  auto index = decode_index(content.first(content.size() - sizeof(Digest)));
  if (!index) return none;
  return std::optional(std::move(*index));
}

}  // namespace theater::store
