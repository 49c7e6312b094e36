#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/ed25519.h"
#include "base/limits.h"
#include "theater/error.h"

/// Text signed by keys that have names, as c2sp.org/signed-note has it, with Ed25519 keys in the text forms that Go's
/// sumdb/note made usual. Any thread.
namespace theater::note {

/// Who a signature is from. Its text form is `<name>+<key id, 8 hex digits>+<base64 of 01 and the key>`.
class VerifierKey {
 public:
  /// `name` must be valid (is_key_name).
  VerifierKey(std::string name, const ed25519::PublicKey& key);
  static Result<VerifierKey> parse(std::string_view text);
  std::string to_text() const;

  const std::string& name() const { return name_; }
  const ed25519::PublicKey& key() const { return key_; }
  /// The first four bytes, big-endian, of SHA-256 over name, line feed, 01 and key: tells keys of one name apart,
  /// proves nothing.
  std::uint32_t id() const { return id_; }

  bool operator==(const VerifierKey&) const = default;

 private:
  std::string name_;
  ed25519::PublicKey key_;
  std::uint32_t id_;
};

/// Signs notes; secret. Its text form is `PRIVATE+KEY+<name>+<key id>+<base64 of 01 and the seed>`.
class SigningKey {
 public:
  SigningKey(std::string name, const ed25519::Seed& seed);
  static Result<SigningKey> parse(std::string_view text);
  std::string to_text() const;

  const VerifierKey& verifier() const { return verifier_; }
  /// The note: `text`, which ends with a line feed, an empty line, and this key's signature line.
  std::string sign(std::string_view text) const;

 private:
  ed25519::Seed seed_;
  VerifierKey verifier_;
};

/// Not empty, well-formed UTF-8 without control characters, blanks and plus signs.
bool is_key_name(std::string_view name);

/// The note's text, borrowed, if `key` signed it; other keys' signatures are passed over. kCorrupt when it is no note,
/// or a signature by that key is false; kNotFound when that key did not sign it.
Result<std::string_view> open(std::string_view note, const VerifierKey& key);

/// The text without looking at who signed it. kCorrupt when it is no note.
Result<std::string_view> text_of_unverified(std::string_view note);

}  // namespace theater::note
