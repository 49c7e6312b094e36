#include "store/head_log_file.h"

#include <algorithm>
#include <cstring>

#include "chain/record.h"

namespace theater::store {
namespace {

constexpr std::size_t kSearchBytes = 1u << 20;

bool is_possible(const chain::RecordHeader& header) {
  switch (static_cast<HeadLogRecord>(header.type)) {
    case HeadLogRecord::kHeads: return header.length <= kHeadsPerRecordMax * HeadEntry::kBytes;
    case HeadLogRecord::kCheckpoint: return header.length <= limits::kNoteBytes;
    case HeadLogRecord::kMark: return header.length == 0;
  }
  return false;
}

struct Record {
  HeadLogRecord type{};
  Bytes content;
};

/// The record at `offset`; none when there is no good one.
Result<std::optional<Record>> record_at(const File& file, std::uint64_t offset) {
  std::uint8_t header_bytes[chain::kRecordHeaderBytes];
  const auto read = file.read(offset, header_bytes);
  if (!read) return fail(read.error());
  if (*read < sizeof(header_bytes)) return std::optional<Record>();
  const auto header = chain::get_record_header(header_bytes);
  if (!header || !is_possible(*header)) return std::optional<Record>();
  Bytes rest(header->length + sizeof(Digest));
  const auto rest_read = file.read(offset + sizeof(header_bytes), rest);
  if (!rest_read) return fail(rest_read.error());
  if (*rest_read < rest.size()) return std::optional<Record>();
  const Digest digest = sha256(ByteView(rest).first(header->length));
  if (!std::equal(digest.begin(), digest.end(), rest.begin() + header->length)) return std::optional<Record>();
  rest.resize(header->length);
  return Record{.type = static_cast<HeadLogRecord>(header->type), .content = std::move(rest)};
}

/// Whether a record that says that what is before it was safe begins somewhere behind `offset`.
Result<bool> is_safe_behind(const File& file, std::uint64_t offset, std::uint64_t size) {
  Bytes part(kSearchBytes + chain::kRecordHeaderBytes);
  for (++offset; offset < size; offset += kSearchBytes) {
    const auto read = file.read(offset, part);
    if (!read) return fail(read.error());
    for (std::size_t at = 0; at < kSearchBytes && at + chain::kRecordHeaderBytes <= *read; ++at) {
      // Cheaper than the check, and rarely true.
      if (part[at] != static_cast<std::uint8_t>(HeadLogRecord::kCheckpoint) &&
          part[at] != static_cast<std::uint8_t>(HeadLogRecord::kMark)) {
        continue;
      }
      if (!chain::get_record_header(part.data() + at)) continue;
      const auto record = record_at(file, offset + at);
      if (!record) return fail(record.error());
      if (*record) return true;
    }
  }
  return false;
}

}  // namespace

std::filesystem::path head_log_path(const std::filesystem::path& directory) { return directory / "heads.log"; }
std::filesystem::path signing_key_path(const std::filesystem::path& directory) { return directory / "log.key"; }
std::filesystem::path verifier_key_path(const std::filesystem::path& directory) { return directory / "log.pub"; }

Result<note::VerifierKey> read_verifier_key(FileSystem& files, const std::filesystem::path& directory) {
  const std::filesystem::path path = verifier_key_path(directory);
  const auto text = read_file(files, path, kKeyTextBytesMax);
  if (!text) return fail(text.error());
  std::string_view line = as_text(*text);
  if (line.ends_with('\n')) line.remove_suffix(1);
  auto key = note::VerifierKey::parse(line);
  if (!key) return fail(std::move(key.error()).with_context("reading " + path.string()));
  return key;
}

Result<HeadLogEnd> read_head_log(const File& file,
                                 const std::function<bool(HeadLogRecord type, ByteView content)>& visit) {
  const auto size = file.size();
  if (!size) return fail(size.error());
  std::uint8_t magic[kHeadLogMagic.size()];
  const auto read = file.read(0, magic);
  if (!read) return fail(read.error());
  if (as_text({magic, *read}) != kHeadLogMagic) {
    return fail(ErrorCode::kCorrupt, "this is no log of heads, or one of another version");
  }
  HeadLogEnd end{.end = kHeadLogMagic.size()};
  std::uint64_t offset = end.end;
  while (offset < *size) {
    const auto record = record_at(file, offset);
    if (!record) return fail(record.error());
    if (!*record) {
      const auto is_damage = is_safe_behind(file, offset, *size);
      if (!is_damage) return fail(is_damage.error());
      if (*is_damage) {
        return fail(ErrorCode::kCorrupt, "the log of heads is damaged at byte " + std::to_string(offset));
      }
      end.torn_bytes = *size - offset;
      return end;
    }
    offset += chain::kRecordFrameBytes + (*record)->content.size();
    if ((*record)->type != HeadLogRecord::kHeads) end.end = offset;
    if (!visit((*record)->type, (*record)->content)) return end;
  }
  return end;
}

Result<HeadLogVerdict> verify_head_log(FileSystem& files, const std::filesystem::path& directory,
                                       const std::optional<Checkpoint>& older) {
  const auto key = read_verifier_key(files, directory);
  if (!key) return fail(key.error());
  const auto file = files.open(head_log_path(directory), OpenMode::kRead);
  if (!file) return fail(file.error());
  HeadLogVerifier verifier(*key, older);
  const auto end = read_head_log(**file, [&](HeadLogRecord type, ByteView content) {
    if (type == HeadLogRecord::kHeads) return verifier.heads(content);
    return type == HeadLogRecord::kMark || verifier.checkpoint(as_text(content));
  });
  if (!end) {
    if (end.error().code() != ErrorCode::kCorrupt) return fail(end.error());
    verifier.fail(end.error().message());
  }
  return HeadLogVerdict{.log = verifier.finish(), .end = end ? *end : HeadLogEnd{}};
}

}  // namespace theater::store
