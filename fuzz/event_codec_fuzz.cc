// Links and chain files from anywhere: nothing is read past its end, what is accepted is the only encoding of what it
// says, and whatever happens in a link, reading and showing it ends well. The first byte says what the rest is taken
// for: even a link, odd a chain file.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/check.h"
#include "chain/chain_file.h"
#include "chain/link_codec.h"
#include "chain/verify.h"
#include "theater/event.h"

namespace {

using theater::ByteView;

void read_link(ByteView link) {
  theater::chain::LinkDecoder decoder(link);
  std::vector<theater::chain::EventView> events;
  theater::chain::EventView event;
  while (decoder.next(event)) events.push_back(event);

  theater::ChainReader reader;
  const auto read = reader.read(link);
  THEATER_CHECK(read.has_value() == !decoder.fault().has_value());
  theater::ChainVerifier verifier;
  const bool is_verified = verifier.link(link, nullptr);
  if (!read) {
    THEATER_CHECK(!is_verified && !decoder.fault()->to_string().empty());
    return;
  }
  const theater::Bytes again = theater::chain::encode_link(decoder.header(), events);
  THEATER_CHECK(std::equal(again.begin(), again.end(), link.begin(), link.end()));
  for (const theater::Event& decoded : *read) {
    THEATER_CHECK(theater::to_line(decoded).find('\n') == std::string::npos);
    THEATER_CHECK(theater::is_utf8(theater::as_bytes(theater::to_json(decoded))));
  }
}

void read_file(ByteView file) {
  const int descriptor = memfd_create("chain", MFD_CLOEXEC);
  THEATER_CHECK(descriptor >= 0);
  THEATER_CHECK(write(descriptor, file.data(), file.size()) == static_cast<ssize_t>(file.size()));
  const auto report = theater::verify_chain_file("/proc/self/fd/" + std::to_string(descriptor));
  if (report) THEATER_CHECK(report->torn_bytes <= file.size());
  close(descriptor);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input(data, size);
  if (input.empty()) return 0;
  if (input[0] % 2 == 0) {
    read_link(input.subspan(1));
  } else {
    read_file(input.subspan(1));
  }
  return 0;
}
