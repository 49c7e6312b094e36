#include "chain/signed_note.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>

#include "base/base64.h"
#include "base/check.h"
#include "base/sha256.h"

namespace theater::note {
namespace {

/// Assigned to Ed25519 signatures by the specification.
constexpr std::uint8_t kEd25519 = 1;
constexpr std::string_view kPrivatePrefix = "PRIVATE+KEY+";
constexpr std::string_view kSignaturePrefix = "\xe2\x80\x94 ";  // an em dash and a blank
constexpr std::size_t kKeyIdBytes = 4;

std::uint32_t read_id(ByteView bytes) {
  std::uint32_t id = 0;
  for (std::size_t i = 0; i < kKeyIdBytes; ++i) id = (id << 8) | bytes[i];
  return id;
}

std::array<std::uint8_t, kKeyIdBytes> id_bytes(std::uint32_t id) {
  return {static_cast<std::uint8_t>(id >> 24), static_cast<std::uint8_t>(id >> 16), static_cast<std::uint8_t>(id >> 8),
          static_cast<std::uint8_t>(id)};
}

std::uint32_t key_id(std::string_view name, const ed25519::PublicKey& key) {
  Bytes bytes = to_bytes(name);
  bytes.push_back('\n');
  bytes.push_back(kEd25519);
  append(bytes, key);
  return read_id(sha256(bytes));
}

/// Name, id and 32 bytes of a key's text form, whichever key it is.
struct KeyParts {
  std::string_view name;
  std::uint32_t id = 0;
  std::array<std::uint8_t, 32> bytes{};
};

std::optional<KeyParts> parse_key(std::string_view text) {
  const std::size_t first = text.find('+');
  const std::size_t second = first == std::string_view::npos ? first : text.find('+', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  KeyParts parts;
  parts.name = text.substr(0, first);
  std::array<std::uint8_t, kKeyIdBytes> id{};
  // Standard base64 may hold further plus signs.
  const auto bytes = parse_base64(text.substr(second + 1));
  if (!is_key_name(parts.name) || !parse_hex(text.substr(first + 1, second - first - 1), id) || !bytes ||
      bytes->size() != 1 + parts.bytes.size() || bytes->front() != kEd25519) {
    return std::nullopt;
  }
  parts.id = read_id(id);
  std::copy(bytes->begin() + 1, bytes->end(), parts.bytes.begin());
  return parts;
}

std::string key_text(const std::string& name, std::uint32_t id, const std::array<std::uint8_t, 32>& key) {
  Bytes bytes{kEd25519};
  append(bytes, key);
  return name + "+" + to_hex(id_bytes(id)) + "+" + to_base64(bytes);
}

/// Text and signature lines, told apart by the last empty line.
struct Parts {
  std::string_view text;
  std::string_view signatures;
};

Result<Parts> divide(std::string_view note) {
  const auto malformed = [](std::string_view what) {
    return fail(ErrorCode::kCorrupt, "no signed note: " + std::string(what));
  };
  if (note.size() > limits::kNoteBytes) return malformed("longer than a note may be");
  if (!is_utf8(as_bytes(note))) return malformed("it is not UTF-8");
  if (std::any_of(note.begin(), note.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\n'; })) {
    return malformed("it holds a control character");
  }
  const std::size_t blank = note.rfind("\n\n");
  if (blank == std::string_view::npos) return malformed("no empty line before its signatures");
  Parts parts{.text = note.substr(0, blank + 1), .signatures = note.substr(blank + 2)};
  if (parts.signatures.empty() || !parts.signatures.ends_with('\n')) return malformed("no signature lines at its end");
  return parts;
}

/// A line without its line feed, taken off the front.
std::string_view take_signature_line(std::string_view& lines) {
  const std::size_t end = lines.find('\n');
  const std::string_view line = lines.substr(0, end);
  lines.remove_prefix(end + 1);
  return line;
}

struct SignatureLine {
  std::string_view name;
  std::uint32_t key_id = 0;
  Bytes signature;
};

std::optional<SignatureLine> parse_signature(std::string_view line) {
  if (!line.starts_with(kSignaturePrefix)) return std::nullopt;
  line.remove_prefix(kSignaturePrefix.size());
  const std::size_t blank = line.find(' ');
  if (blank == std::string_view::npos || !is_key_name(line.substr(0, blank))) return std::nullopt;
  auto bytes = parse_base64(line.substr(blank + 1));
  if (!bytes || bytes->size() <= kKeyIdBytes) return std::nullopt;
  SignatureLine result{.name = line.substr(0, blank), .key_id = read_id(*bytes), .signature = {}};
  result.signature.assign(bytes->begin() + kKeyIdBytes, bytes->end());
  return result;
}

bool is_good(const SignatureLine& line, std::string_view text, const VerifierKey& key) {
  ed25519::Signature signature;
  if (line.signature.size() != signature.size()) return false;
  std::copy(line.signature.begin(), line.signature.end(), signature.begin());
  return ed25519::verify(key.key(), as_bytes(text), signature);
}

}  // namespace

bool is_key_name(std::string_view name) {
  // Blanks beyond ASCII: no-break, Ogham, en quad to hair space, the separators, narrow, medium and ideographic space,
  // and next line.
  constexpr std::string_view kBlanks[] = {
      "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81", "\xe2\x80\x82", "\xe2\x80\x83",
      "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86", "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a",
      "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80"};
  return !name.empty() && is_utf8(as_bytes(name)) && std::none_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) <= 0x20 || c == '+' || c == 0x7f;
  }) && std::none_of(std::begin(kBlanks), std::end(kBlanks), [&](std::string_view blank) {
    return name.find(blank) != std::string_view::npos;
  });
}

VerifierKey::VerifierKey(std::string name, const ed25519::PublicKey& key)
    : name_(std::move(name)), key_(key), id_(key_id(name_, key_)) {
  THEATER_CHECK(is_key_name(name_));
}

Result<VerifierKey> VerifierKey::parse(std::string_view text) {
  const auto parts = parse_key(text);
  if (!parts) {
    return fail(ErrorCode::kInvalidArgument, "no Ed25519 verifier key of the form <name>+<key id>+<base64>");
  }
  VerifierKey key(std::string(parts->name), parts->bytes);
  if (key.id() != parts->id) {
    return fail(ErrorCode::kInvalidArgument,
                "the verifier key of " + key.name() + " does not have its id: a part of it was changed");
  }
  return key;
}

std::string VerifierKey::to_text() const { return key_text(name_, id_, key_); }

SigningKey::SigningKey(std::string name, const ed25519::Seed& seed)
    : seed_(seed), verifier_(std::move(name), ed25519::public_key(seed)) {}

Result<SigningKey> SigningKey::parse(std::string_view text) {
  const auto parts = text.starts_with(kPrivatePrefix) ? parse_key(text.substr(kPrivatePrefix.size())) : std::nullopt;
  if (!parts) {
    return fail(ErrorCode::kInvalidArgument, "no Ed25519 signing key of the form PRIVATE+KEY+<name>+<key id>+<base64>");
  }
  SigningKey key(std::string(parts->name), parts->bytes);
  if (key.verifier().id() != parts->id) {
    return fail(ErrorCode::kInvalidArgument,
                "the signing key of " + key.verifier().name() + " does not have its id: a part of it was changed");
  }
  return key;
}

std::string SigningKey::to_text() const {
  return std::string(kPrivatePrefix) + key_text(verifier_.name(), verifier_.id(), seed_);
}

std::string SigningKey::sign(std::string_view text) const {
  THEATER_CHECK(text.ends_with('\n'));
  const auto id = id_bytes(verifier_.id());
  Bytes bytes(id.begin(), id.end());
  append(bytes, ed25519::sign(seed_, as_bytes(text)));
  return std::string(text) + "\n" + std::string(kSignaturePrefix) + verifier_.name() + " " + to_base64(bytes) + "\n";
}

Result<std::string_view> open(std::string_view note, const VerifierKey& key) {
  const auto parts = divide(note);
  if (!parts) return fail(parts.error());
  bool was_found = false;
  std::size_t count = 0;
  for (std::string_view rest = parts->signatures; !rest.empty();) {
    const auto line = parse_signature(take_signature_line(rest));
    if (!line || ++count > limits::kNoteSignatures) {
      return fail(ErrorCode::kCorrupt, "no signed note: a malformed signature line, or too many of them");
    }
    if (line->name != key.name() || line->key_id != key.id()) continue;
    if (!is_good(*line, parts->text, key)) {
      return fail(ErrorCode::kCorrupt,
                  "the signature by " + key.name() + " is false: the text was changed, or another key signed it");
    }
    was_found = true;
  }
  if (!was_found) return fail(ErrorCode::kNotFound, "not signed by " + key.name());
  return parts->text;
}

Result<std::string_view> text_of_unverified(std::string_view note) {
  const auto parts = divide(note);
  if (!parts) return fail(parts.error());
  return parts->text;
}

}  // namespace theater::note
