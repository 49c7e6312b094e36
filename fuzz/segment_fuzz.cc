// Files of a data directory from anywhere, segments and what retention left: a directory that holds them opens, is
// verified, and what is found true can be read; opened to be written it is whole afterwards, or says what is damaged.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>

#include "base/check.h"
#include "base/random.h"
#include "chain/record.h"
#include "store/data_directory.h"
#include "store/memory_disk.h"
#include "store/verify_directory.h"

namespace theater::store {
namespace {

const std::filesystem::path kDirectory = "/data";
constexpr Marker kMarker{'m', 'a', 'r', 'k', 'e', 'r'};

void put_record(Bytes& out, std::uint8_t type, ByteView content) {
  std::uint8_t header[chain::kRecordHeaderBytes];
  chain::put_record_header(header, {.type = type, .length = static_cast<std::uint32_t>(content.size())});
  append(out, header);
  append(out, content);
  append(out, sha256(content));
}

/// Records with right checks and digests, so that what is in them is looked at: of each its type and two bytes of
/// length, then its content.
Bytes records_from(ByteView bytes) {
  Bytes records;
  while (bytes.size() > 3) {
    const std::size_t length = std::min<std::size_t>(bytes[1] + bytes[2] * 256u, bytes.size() - 3);
    put_record(records, bytes[0], bytes.subspan(3, length));
    bytes = bytes.subspan(3 + length);
  }
  return records;
}

/// A segment whose only group holds these records.
Bytes segment_of(const Bytes& records) {
  Bytes segment = to_bytes(kSegmentMagic);
  put_record(segment, static_cast<std::uint8_t>(RecordType::kSegment),
             encode(SegmentHeader{.number = 1, .session = 1, .marker = kMarker}));
  put_record(segment, static_cast<std::uint8_t>(RecordType::kGroup),
             encode(GroupHeader{
                 .marker = kMarker, .offset = segment.size(), .synced = segment.size(), .bytes = records.size()}));
  append(segment, records);
  return segment;
}

void put_files(MemoryDisk& disk, std::uint8_t kind, std::uint8_t cut, ByteView bytes) {
  const auto put_segment = [&](std::uint64_t number, ByteView content) {
    disk.set_content(kDirectory / "segments" / segment_file_name(number, 0), to_bytes(content));
  };
  const auto put_removed = [&](ByteView content) { disk.set_content(removed_path(kDirectory), to_bytes(content)); };
  // The first so many 256ths are one file, the rest another.
  const std::size_t first = bytes.size() * (cut + 1) / 256;
  switch (kind) {
    case 's':
      put_segment(1, bytes.first(first));
      if (first < bytes.size()) put_segment(2, bytes.subspan(first));
      break;
    case 'r': put_segment(1, segment_of(records_from(bytes))); break;
    case 'm': put_removed(bytes); break;
    case 'b': {
      Bytes removed = to_bytes(kRemovedMagic);
      append(removed, records_from(bytes.first(first)));
      put_removed(removed);
      put_segment(1, segment_of(records_from(bytes.subspan(first))));
      break;
    }
    default: break;
  }
}

std::unique_ptr<DataDirectory> open(MemoryDisk& disk, DataDirectory::Access access) {
  static SeededRandom random(1);
  DataDirectory::Options options;
  options.files = &disk;
  options.random = &random;
  auto directory = DataDirectory::open(kDirectory, access, options);
  THEATER_CHECK(directory.has_value());
  return std::move(*directory);
}

/// Reads all chains, and what their links name; the number of links.
std::uint64_t read_chains(const DataDirectory& directory, std::set<Digest>* values = nullptr) {
  std::uint64_t count = 0;
  const auto actors = directory.actors();
  THEATER_CHECK(actors.has_value());
  for (const auto& actor : *actors) {
    const auto chain = directory.chain(actor.id);
    THEATER_CHECK(chain.has_value());
    const auto links = (*chain)->links(0);
    THEATER_CHECK(links.has_value());
    while (true) {
      const auto link = (*links)->next();
      if (!link || !*link) break;
      ++count;
      chain::LinkDecoder decoder((*link)->bytes);
      chain::EventView event;
      while (decoder.next(event)) {
        chain::visit_digests(event, [&](ByteView named, std::uint64_t) {
          Digest digest;
          std::ranges::copy(named, digest.begin());
          const auto content = (*chain)->find(digest);
          THEATER_CHECK(!content || sha256(*content) == digest);
          if (content && values != nullptr) values->insert(digest);
        });
      }
    }
  }
  return count;
}

}  // namespace
}  // namespace theater::store

// The first byte says what the rest is ('s' segments, 'r' the records of one, 'm' what was removed, 'b' the records of
// both), the second where it is cut in two.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace theater::store;
  if (size < 2) return 0;
  MemoryDisk disk;
  static_cast<void>(open(disk, DataDirectory::Access::kWrite));
  put_files(disk, data[0], data[1], theater::ByteView(data + 2, size - 2));

  DirectoryVerifyOptions verifying;
  verifying.files = &disk;
  const auto report = verify_directory(kDirectory, verifying);
  THEATER_CHECK(report.has_value());
  if (report->ok()) {
    std::uint64_t verified = 0;
    for (const auto& [id, chain] : report->chains) verified += chain.report.links;
    THEATER_CHECK(read_chains(*open(disk, DataDirectory::Access::kRead)) == verified);
  }
  const auto removed = read_removed(disk, kDirectory);
  if (removed) THEATER_CHECK(decode_removed(encode(*removed)) == *removed);

  std::set<theater::Digest> values;
  const std::uint64_t links = read_chains(*open(disk, DataDirectory::Access::kWrite), &values);
  {
    const auto again = open(disk, DataDirectory::Access::kWrite);
    THEATER_CHECK(again->torn_bytes() == 0 || !again->damages().empty());
    THEATER_CHECK(read_chains(*again) == links);
    if (!again->redact(values)) return 0;
    for (const theater::Digest& digest : values) THEATER_CHECK(!again->content(digest).value_or(std::nullopt));
  }
  THEATER_CHECK(read_chains(*open(disk, DataDirectory::Access::kRead)) == links);
  const auto redacted = verify_directory(kDirectory, verifying);
  THEATER_CHECK(redacted.has_value() && (redacted->ok() || !report->ok()));
  return 0;
}
