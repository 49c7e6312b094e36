#include "store/removed_events.h"

#include <algorithm>

#include "chain/link_codec.h"
#include "chain/record.h"
#include "store/segment_format.h"

namespace theater::store {
namespace {

constexpr std::uint8_t kRemovedRecord = 1;
constexpr std::size_t kRemnantsMax = 2;
constexpr std::uint64_t kFileBytesMax = 1ull << 30;
/// Actor, next sequence, head, links, bytes, time, reason, number of remnants.
constexpr std::size_t kFixedBytes = 16 + 8 + 32 + 8 + 8 + 8 + 1 + 1;

void put_number(Bytes& out, std::uint64_t number) {
  std::uint8_t bytes[8];
  chain::put_little_endian(bytes, number);
  append(out, bytes);
}

Bytes encode(const ActorId& actor, const RemovedEvents& removed) {
  Bytes content;
  append(content, actor.bytes());
  put_number(content, removed.next_sequence);
  append(content, removed.head);
  put_number(content, removed.links);
  put_number(content, removed.bytes);
  put_number(content, removed.removed_ns);
  content.push_back(removed.stopped ? static_cast<std::uint8_t>(*removed.stopped) : 0);
  content.push_back(static_cast<std::uint8_t>(removed.remnants.size()));
  for (const Bytes& link : removed.remnants) {
    put_number(content, link.size());
    append(content, link);
  }
  return content;
}

/// Takes what it is asked for from the front; `ok` is false once there is not so much.
struct Fields {
  ByteView rest;
  bool ok = true;

  ByteView take(std::uint64_t bytes) {
    ok = ok && bytes <= rest.size();
    if (!ok) return {};
    const ByteView taken = rest.first(bytes);
    rest = rest.subspan(bytes);
    return taken;
  }
  std::uint64_t number() {
    const ByteView bytes = take(8);
    return ok ? chain::get_little_endian<std::uint64_t>(bytes.data()) : 0;
  }
};

/// Whether the link is one of this actor's removed ones.
bool is_remnant(ByteView link, const ActorId& actor, std::uint64_t next_sequence) {
  chain::LinkDecoder decoder(link);
  if (!decoder.ok()) return false;
  const chain::LinkHeader header = decoder.header();
  chain::EventView event;
  while (decoder.next(event)) {
  }
  return !decoder.fault() && header.actor == actor && header.first_sequence < next_sequence;
}

bool decode(ByteView content, RemovedChains& chains) {
  if (content.size() < kFixedBytes) return false;
  Fields fields{.rest = content};
  std::array<std::uint8_t, 16> id;
  std::ranges::copy(fields.take(id.size()), id.begin());
  const ActorId actor(id);
  if (!chains.empty() && !(chains.rbegin()->first < actor)) return false;
  RemovedEvents removed;
  removed.next_sequence = fields.number();
  std::ranges::copy(fields.take(removed.head.size()), removed.head.begin());
  removed.links = fields.number();
  removed.bytes = fields.number();
  removed.removed_ns = fields.number();
  const std::uint8_t stopped = fields.take(1)[0];
  const std::uint8_t remnants = fields.take(1)[0];
  if (removed.next_sequence == 0 || stopped > static_cast<std::uint8_t>(kLastStopReason) || remnants > kRemnantsMax) {
    return false;
  }
  if (stopped != 0) removed.stopped = static_cast<StopReason>(stopped);
  for (std::uint8_t i = 0; i < remnants; ++i) {
    const ByteView link = fields.take(fields.number());
    if (!fields.ok || !is_remnant(link, actor, removed.next_sequence)) return false;
    removed.remnants.push_back(to_bytes(link));
  }
  chains.emplace_hint(chains.end(), actor, std::move(removed));
  return fields.rest.empty();
}

}  // namespace

std::filesystem::path removed_path(const std::filesystem::path& directory) { return directory / "removed"; }

Bytes encode(const RemovedChains& chains) {
  Bytes bytes = to_bytes(kRemovedMagic);
  for (const auto& [actor, removed] : chains) {
    const Bytes content = encode(actor, removed);
    std::uint8_t header[chain::kRecordHeaderBytes];
    chain::put_record_header(header, {.type = kRemovedRecord, .length = static_cast<std::uint32_t>(content.size())});
    append(bytes, header);
    append(bytes, content);
    append(bytes, sha256(content));
  }
  return bytes;
}

Result<RemovedChains> decode_removed(ByteView bytes) {
  const auto damaged = [&](std::size_t at) {
    return fail(ErrorCode::kCorrupt, "the file of what was removed is damaged at byte " + std::to_string(at));
  };
  RemovedChains chains;
  if (as_text(bytes.first(std::min(bytes.size(), kRemovedMagic.size()))) != kRemovedMagic) return damaged(0);
  for (std::size_t at = kRemovedMagic.size(); at < bytes.size();) {
    const ByteView rest = bytes.subspan(at);
    if (rest.size() < chain::kRecordFrameBytes) return damaged(at);
    const auto header = chain::get_record_header(rest.data());
    if (!header || header->type != kRemovedRecord || header->length > rest.size() - chain::kRecordFrameBytes) {
      return damaged(at);
    }
    const ByteView content = rest.subspan(chain::kRecordHeaderBytes, header->length);
    const Digest digest = sha256(content);
    if (!std::ranges::equal(digest, rest.subspan(chain::kRecordHeaderBytes + header->length, digest.size())) ||
        !decode(content, chains)) {
      return damaged(at);
    }
    at += chain::kRecordFrameBytes + header->length;
  }
  return chains;
}

Result<RemovedChains> read_removed(FileSystem& files, const std::filesystem::path& directory) {
  const std::filesystem::path path = removed_path(directory);
  const auto bytes = read_file(files, path, kFileBytesMax);
  if (!bytes && bytes.error().code() == ErrorCode::kNotFound) return RemovedChains();
  if (!bytes) return fail(bytes.error());
  auto chains = decode_removed(*bytes);
  if (!chains) return fail(std::move(chains.error()).with_context(path.string()));
  return chains;
}

Result<void> write_removed(FileSystem& files, const std::filesystem::path& directory, const RemovedChains& chains) {
  return write_file(files, removed_path(directory), encode(chains));
}

}  // namespace theater::store
