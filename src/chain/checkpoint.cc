#include "chain/checkpoint.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/base64.h"
#include "base/limits.h"

namespace theater {
namespace {

constexpr std::string_view kNamePrefix = "theater/";
/// So many bytes of the key's digest are in the name that nobody finds a second key for it.
constexpr std::size_t kNameDigestBytes = 16;
constexpr std::string_view kProofHeader = "c2sp.org/tlog-proof@v1";

std::unexpected<Error> malformed(std::string_view what) { return fail(ErrorCode::kCorrupt, std::string(what)); }

/// Takes a line off the front, without its line feed; none when there is no whole line.
std::optional<std::string_view> take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

/// A decimal number as it must be written: no sign, no leading zero.
std::optional<std::uint64_t> parse_decimal(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || std::to_string(value) != text) return std::nullopt;
  return value;
}

std::optional<Digest> parse_digest(std::string_view text) {
  const auto bytes = parse_base64(text);
  Digest digest;
  if (!bytes || bytes->size() != digest.size()) return std::nullopt;
  std::copy(bytes->begin(), bytes->end(), digest.begin());
  return digest;
}

/// `<label> <number>` on the first line.
std::optional<std::uint64_t> take_number(std::string_view& text, std::string_view label) {
  const auto line = take_line(text);
  if (!line || !line->starts_with(label)) return std::nullopt;
  return parse_decimal(line->substr(label.size()));
}

/// Lines of hashes up to an empty line, which is taken as well.
std::optional<std::vector<Digest>> take_path(std::string_view& text) {
  std::vector<Digest> path;
  while (true) {
    const auto line = take_line(text);
    if (!line || path.size() > merkle::kProofHashesMax) return std::nullopt;
    if (line->empty()) return path;
    const auto hash = parse_digest(*line);
    if (!hash) return std::nullopt;
    path.push_back(*hash);
  }
}

void add_path(std::string& text, const std::vector<Digest>& path) {
  for (const Digest& hash : path) text += to_base64(hash) + "\n";
  text += "\n";
}

}  // namespace

std::array<std::uint8_t, HeadEntry::kBytes> HeadEntry::encode() const {
  std::array<std::uint8_t, kBytes> bytes;
  auto at = std::copy(actor.bytes().begin(), actor.bytes().end(), bytes.begin());
  for (int shift = 56; shift >= 0; shift -= 8) *at++ = static_cast<std::uint8_t>(next_sequence >> shift);
  std::copy(head.begin(), head.end(), at);
  return bytes;
}

Result<HeadEntry> HeadEntry::decode(ByteView bytes) {
  if (bytes.size() != kBytes) return malformed("a log entry has another length than 56 bytes");
  HeadEntry entry;
  std::array<std::uint8_t, 16> id;
  std::copy_n(bytes.begin(), id.size(), id.begin());
  entry.actor = ActorId(id);
  for (std::size_t i = 16; i < 24; ++i) entry.next_sequence = (entry.next_sequence << 8) | bytes[i];
  std::copy_n(bytes.begin() + 24, entry.head.size(), entry.head.begin());
  if (entry.next_sequence == 0) return malformed("a log entry tells of a chain without events");
  return entry;
}

std::string Checkpoint::to_text() const { return origin + "\n" + std::to_string(size) + "\n" + to_base64(root) + "\n"; }

Result<Checkpoint> Checkpoint::parse(std::string_view text) {
  const auto origin = take_line(text);
  const auto size = take_number(text, "");
  const auto root_line = take_line(text);
  const auto root = root_line ? parse_digest(*root_line) : std::nullopt;
  if (!origin || origin->empty() || !size || !root) {
    return malformed("no checkpoint: it does not have origin, tree size and root hash on three lines");
  }
  while (!text.empty()) {
    const auto line = take_line(text);
    if (!line || line->empty()) return malformed("no checkpoint: an empty line in it");
  }
  return Checkpoint{.origin = std::string(*origin), .size = *size, .root = *root};
}

std::string log_name(const ed25519::PublicKey& key) {
  return std::string(kNamePrefix) + to_hex(ByteView(sha256(key)).first(kNameDigestBytes));
}

note::SigningKey make_log_key(RandomSource& random) {
  ed25519::Seed seed;
  random.fill(seed);
  return {log_name(ed25519::public_key(seed)), seed};
}

Result<void> check_log_key(const note::VerifierKey& key) {
  if (key.name() == log_name(key.key())) return {};
  return fail(ErrorCode::kInvalidArgument,
              "the key is not that of " + key.name() + ": a log's name is made from its key");
}

Result<Checkpoint> open_checkpoint(std::string_view note, const note::VerifierKey& key) {
  if (auto checked = check_log_key(key); !checked) return fail(std::move(checked.error()));
  const auto text = note::open(note, key);
  if (!text) return fail(text.error());
  auto checkpoint = Checkpoint::parse(*text);
  if (checkpoint && checkpoint->origin != key.name()) {
    return malformed("the checkpoint is of " + printable(as_bytes(checkpoint->origin), 100) + ", the key of " +
                     key.name());
  }
  return checkpoint;
}

Result<Checkpoint> unverified_checkpoint(std::string_view note) {
  const auto text = note::text_of_unverified(note);
  if (!text) return fail(text.error());
  return Checkpoint::parse(*text);
}

std::string HeadProof::to_text() const {
  Bytes extra = to_bytes(ByteView(entry.encode()));
  append(extra, key);
  std::string text =
      std::string(kProofHeader) + "\nextra " + to_base64(extra) + "\nindex " + std::to_string(index) + "\n";
  add_path(text, path);
  return text + checkpoint_note;
}

Result<HeadProof> HeadProof::parse(std::string_view text) {
  constexpr std::string_view kExtra = "extra ";
  if (take_line(text) != kProofHeader)
    return malformed("no proof: it does not begin with " + std::string(kProofHeader));
  const auto extra_line = take_line(text);
  if (!extra_line || !extra_line->starts_with(kExtra))
    return malformed("no proof of a chain's head: it names no entry");
  const auto extra = parse_base64(extra_line->substr(kExtra.size()));
  HeadProof proof;
  if (!extra || extra->size() != HeadEntry::kBytes + proof.key.size()) {
    return malformed("no proof of a chain's head: its extra data is not an entry and a key");
  }
  auto entry = HeadEntry::decode(ByteView(*extra).first(HeadEntry::kBytes));
  if (!entry) return fail(std::move(entry.error()));
  proof.entry = *entry;
  std::copy(extra->begin() + HeadEntry::kBytes, extra->end(), proof.key.begin());
  const auto index = take_number(text, "index ");
  auto path = index ? take_path(text) : std::nullopt;
  if (!path) return malformed("no proof: no index, or no hashes up to an empty line");
  proof.index = *index;
  proof.path = std::move(*path);
  proof.checkpoint_note = std::string(text);
  return proof;
}

Result<Checkpoint> HeadProof::verify() const {
  auto checkpoint = open_checkpoint(checkpoint_note, verifier());
  if (!checkpoint) return checkpoint;
  if (!merkle::verify_inclusion(entry.leaf(), index, checkpoint->size, path, checkpoint->root)) {
    return malformed("the entry is not at this place of the log that the checkpoint signs");
  }
  return checkpoint;
}

std::string GrowthProof::to_text() const {
  std::string text = "old " + std::to_string(old_size) + "\n";
  add_path(text, path);
  return text + checkpoint_note;
}

Result<GrowthProof> GrowthProof::parse(std::string_view text) {
  GrowthProof proof;
  const auto old_size = take_number(text, "old ");
  auto path = old_size ? take_path(text) : std::nullopt;
  if (!path) return malformed("no proof of growth: no old size, or no hashes up to an empty line");
  proof.old_size = *old_size;
  proof.path = std::move(*path);
  proof.checkpoint_note = std::string(text);
  return proof;
}

Result<Checkpoint> GrowthProof::verify(const Checkpoint& old, const note::VerifierKey& key) const {
  auto checkpoint = open_checkpoint(checkpoint_note, key);
  if (!checkpoint) return checkpoint;
  if (old.origin != checkpoint->origin)
    return malformed("the older checkpoint is of another log, " + printable(as_bytes(old.origin), 100));
  if (old.size != old_size ||
      !merkle::verify_consistency(old.size, old.root, checkpoint->size, checkpoint->root, path)) {
    return malformed("the log does not begin with that of the older checkpoint: it was rewritten, or rolled back");
  }
  return checkpoint;
}

}  // namespace theater
