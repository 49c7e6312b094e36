#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "server/legacy_frames.h"

namespace {

void require(bool promise) {
  if (!promise) std::abort();
}

}  // namespace

/// What a client of the legacy protocol might send. The first byte says by how many bytes at once it arrives: the
/// messages must not depend on it. What came out is written and read again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace theater::server;
  if (size == 0) return 0;
  const std::size_t piece = data[0] + 1u;
  const theater::ByteView all(data + 1, size - 1);
  LegacyFrames frames;
  theater::Bytes received;
  std::size_t offset = 0;
  for (std::size_t at = 0; at < all.size() && !frames.broken(); at += piece) {
    theater::append(received, all.subspan(at, std::min(piece, all.size() - at)));
    while (!frames.broken()) {
      const std::size_t before = offset;
      const auto taken = frames.take(received, offset, {});
      require(offset <= received.size() && (taken || frames.broken() || offset > before));
      if (!taken) continue;
      if (!taken->more) break;
      require(offset > before);
      if (!taken->message) continue;
      const std::string again = legacy_frames(theater::as_text(*taken->message), 1);
      theater::Bytes written = theater::to_bytes(again);
      std::size_t read = 0;
      LegacyFrames other;
      const auto same = other.take(written, read, {});
      require(same && same->message == taken->message && read == written.size());
    }
  }
  return 0;
}
