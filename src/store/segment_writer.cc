#include "store/segment_writer.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "chain/link_codec.h"

namespace theater::store {
namespace {

/// Content from this size on is written from where it lies; a copy would cost more than a write.
constexpr std::size_t kWriteAloneBytes = 128u << 10;

void put_record(Bytes& out, RecordType type, ByteView content, const Digest& digest) {
  std::uint8_t header[chain::kRecordHeaderBytes];
  chain::put_record_header(
      header, {.type = static_cast<std::uint8_t>(type), .length = static_cast<std::uint32_t>(content.size())});
  append(out, header);
  append(out, content);
  append(out, digest);
}

}  // namespace

Result<std::unique_ptr<SegmentWriter>> SegmentWriter::create(FileSystem& files, const std::filesystem::path& directory,
                                                             const SegmentHeader& header) {
  auto file = files.open(directory / segment_file_name(header.number, header.shard), OpenMode::kCreate);
  if (!file) return fail(std::move(file.error()));
  Bytes bytes = to_bytes(kSegmentMagic);
  const auto content = encode(header);
  put_record(bytes, RecordType::kSegment, content, sha256(content));
  THEATER_CHECK(bytes.size() == kFirstGroupOffset);
  if (auto written = (*file)->write(0, bytes); !written) return fail(std::move(written.error()));
  if (auto synced = (*file)->sync(); !synced) return fail(std::move(synced.error()));
  if (auto synced = files.sync_directory(directory); !synced) return fail(std::move(synced.error()));
  return go_on(std::move(*file), header, kFirstGroupOffset, {});
}

std::unique_ptr<SegmentWriter> SegmentWriter::go_on(std::unique_ptr<File> file, const SegmentHeader& header,
                                                    std::uint64_t end, const SegmentIndex& index) {
  std::unique_ptr<SegmentWriter> writer(
      new SegmentWriter(std::move(file), header, std::make_shared<OpenSegmentIndex>(index)));
  writer->written_bytes_ = end;
  writer->synced_bytes_ = end;
  for (const auto& [actor, part] : index.chains) writer->links_ += part.links;
  return writer;
}

SegmentWriter::SegmentWriter(std::unique_ptr<File> file, const SegmentHeader& header,
                             std::shared_ptr<OpenSegmentIndex> index)
    : file_(std::move(file)), header_(header), index_(std::move(index)), pending_(kPendingFront) {}

Result<void> SegmentWriter::cut(std::uint64_t group_offset) {
  // What was read may be in the machine's memory only.
  synced_bytes_ = 0;
  const auto keep = [&](Result<void> result) {
    if (!result && !error_) error_ = result.error();
    return result;
  };
  if (auto cut = keep(file_->truncate(written_bytes_)); !cut) return cut;
  if (group_offset < written_bytes_) {
    // The group has fewer records now.
    std::uint8_t record[kGroupRecordBytes];
    put_group_record(record, group_offset, written_bytes_ - group_offset - kGroupRecordBytes);
    if (auto written = keep(file_->write(group_offset, record)); !written) return written;
  }
  return sync();
}

void SegmentWriter::add_link(const LinkToWrite& link) {
  const std::uint64_t offset = next_record_offset();
  ChainPart part{.first_sequence = link.first_sequence,
                 .next_sequence = link.first_sequence + link.event_count,
                 .links = 1,
                 .head = link.hash,
                 .first_offset = offset,
                 .last_offset = offset,
                 .bytes = std::exchange(payload_bytes_, 0) + chain::kRecordFrameBytes + link.bytes.size(),
                 .stopped = {}};
  // Version and actor stand before the hash of the link before.
  constexpr std::size_t kPreviousOffset = 1 + 16;
  std::copy_n(link.bytes.begin() + kPreviousOffset, part.previous.size(), part.previous.begin());
  if (link.has_lifecycle) note_lifecycle(link.bytes, offset, part);
  index_->add_link(link.actor, part, static_cast<std::uint32_t>(link.bytes.size()));
  ++links_;
  put(RecordType::kLink, link.bytes, link.hash);
}

void SegmentWriter::add_payload(const Digest& digest, ByteView content) {
  if (index_->has_payload(digest)) return;
  payload_bytes_ += chain::kRecordFrameBytes + content.size();
  if (content.size() >= kWriteAloneBytes) return write_alone(RecordType::kPayload, content, digest);
  index_->add_payload(digest, next_record_offset());
  put(RecordType::kPayload, content, digest);
}

void SegmentWriter::put(RecordType type, ByteView content, const Digest& digest) {
  put_record(pending_, type, content, digest);
}

void SegmentWriter::write_alone(RecordType type, ByteView content, const Digest& digest) {
  // The error, if any, stays in error_.
  if (!write()) return;
  Bytes front(kPendingFront);
  put_group_record(front.data(), written_bytes_, chain::kRecordFrameBytes + content.size());
  std::uint8_t header[chain::kRecordHeaderBytes];
  chain::put_record_header(
      header, {.type = static_cast<std::uint8_t>(type), .length = static_cast<std::uint32_t>(content.size())});
  append(front, header);
  index_->add_payload(digest, written_bytes_ + kPendingFront);
  if (!write_at_end(front) || !write_at_end(content)) return;
  static_cast<void>(write_at_end(digest));
}

void SegmentWriter::put_group_record(std::uint8_t* out, std::uint64_t offset, std::uint64_t bytes) const {
  const auto content = encode(GroupHeader{
      .marker = header_.marker, .offset = offset, .synced = std::min(offset, synced_bytes_), .bytes = bytes});
  chain::put_record_header(out, {.type = static_cast<std::uint8_t>(RecordType::kGroup), .length = content.size()});
  const Digest digest = sha256(content);
  std::copy(content.begin(), content.end(), out + chain::kRecordHeaderBytes);
  std::copy(digest.begin(), digest.end(), out + chain::kRecordHeaderBytes + content.size());
}

Result<void> SegmentWriter::write() {
  if (error_) return fail(*error_);
  if (pending_bytes() == 0) return {};
  put_group_record(pending_.data(), written_bytes_, pending_bytes());
  auto written = write_at_end(pending_);
  pending_.resize(kPendingFront);
  if (written) index_->publish(written_bytes_);
  return written;
}

Result<void> SegmentWriter::write_at_end(ByteView bytes) {
  if (error_) return fail(*error_);
  auto written = file_->write(written_bytes_, bytes);
  if (!written) {
    error_ = written.error();
    return written;
  }
  written_bytes_ += bytes.size();
  return {};
}

Result<void> SegmentWriter::sync() {
  if (error_) return fail(*error_);
  if (synced_bytes_ == written_bytes_) return {};
  auto synced = file_->sync();
  if (!synced) {
    error_ = synced.error();
    return synced;
  }
  synced_bytes_ = written_bytes_;
  return {};
}

Result<void> SegmentWriter::write_mark() {
  std::uint8_t record[kGroupRecordBytes];
  put_group_record(record, written_bytes_, 0);
  return write_at_end(record);
}

Result<SegmentIndex> SegmentWriter::close(bool is_damaged) {
  if (auto written = write(); !written) return fail(std::move(written.error()));
  if (auto synced = sync(); !synced) return fail(std::move(synced.error()));
  SegmentIndex content_index = index_->contents();
  content_index.is_damaged = is_damaged;
  SegmentEnd end{.marker = header_.marker, .offset = 0, .index_offset = next_record_offset(), .links = links_};
  const Bytes index = encode(content_index);
  put(RecordType::kIndex, index, sha256(index));
  end.offset = next_record_offset();
  const auto content = encode(end);
  put(RecordType::kEnd, content, sha256(content));
  if (auto written = write(); !written) return fail(std::move(written.error()));
  if (auto synced = sync(); !synced) return fail(std::move(synced.error()));
  return content_index;
}

}  // namespace theater::store
