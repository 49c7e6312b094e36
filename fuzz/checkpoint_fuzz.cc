// Signed notes, checkpoints, keys, proofs and logs of heads from anywhere: reading ends well, and what is accepted as a
// proof or a key is the only text for what it says. The first byte says what the rest is taken for.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/base64.h"
#include "base/check.h"
#include "chain/head_log.h"

namespace {

using theater::note::SigningKey;

/// The key that signed the corpus.
const SigningKey& key() {
  static const SigningKey kKey = [] {
    theater::SeededRandom random(1);
    return theater::make_log_key(random);
  }();
  return kKey;
}

void read_note(std::string_view text) {
  const auto opened = theater::note::open(text, key().verifier());
  const auto unverified = theater::note::text_of_unverified(text);
  if (opened) THEATER_CHECK(unverified && *opened == *unverified && opened->ends_with('\n'));
  static_cast<void>(theater::open_checkpoint(text, key().verifier()));
}

void read_checkpoint(std::string_view text) {
  const auto checkpoint = theater::Checkpoint::parse(text);
  if (checkpoint) THEATER_CHECK(text.starts_with(checkpoint->to_text()));
}

void read_key(std::string_view text) {
  const auto verifier = theater::note::VerifierKey::parse(text);
  if (verifier) THEATER_CHECK(theater::note::VerifierKey::parse(verifier->to_text()) == *verifier);
  const auto signing = SigningKey::parse(text);
  if (signing) THEATER_CHECK(SigningKey::parse(signing->to_text())->verifier() == signing->verifier());
}

/// The records of a log of heads, without their frames: a length byte before each; odd bytes are checkpoints.
void read_log(theater::ByteView bytes) {
  theater::HeadLogVerifier verifier(key().verifier(),
                                    theater::Checkpoint{.origin = key().verifier().name(), .size = 2});
  while (!bytes.empty()) {
    const std::size_t size = std::min<std::size_t>(bytes[0], bytes.size() - 1);
    if (bytes[0] % 2 == 0) {
      static_cast<void>(verifier.heads(bytes.subspan(1, size)));
    } else {
      static_cast<void>(verifier.checkpoint(theater::as_text(bytes.subspan(1, size))));
    }
    bytes = bytes.subspan(1 + size);
  }
  const theater::HeadLogReport report = verifier.finish();
  THEATER_CHECK(!report.ok() || report.last.size >= 2);
}

void read_base64(std::string_view text) {
  const auto bytes = theater::parse_base64(text);
  if (bytes) THEATER_CHECK(theater::to_base64(*bytes) == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 7) {
    case 0: read_note(text); break;
    case 1: read_checkpoint(text); break;
    case 2: read_key(text); break;
    case 3: read_base64(text); break;
    case 4:
      if (const auto proof = theater::HeadProof::parse(text)) {
        THEATER_CHECK(proof->to_text() == text);
        static_cast<void>(proof->verify());
      }
      break;
    case 5:
      if (const auto proof = theater::GrowthProof::parse(text)) {
        THEATER_CHECK(proof->to_text() == text);
        static_cast<void>(proof->verify({.origin = key().verifier().name(), .size = 3, .root = {}}, key().verifier()));
      }
      break;
    default: read_log(theater::as_bytes(text));
  }
  return 0;
}
