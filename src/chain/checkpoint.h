#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/sha256.h"
#include "chain/merkle.h"
#include "chain/signed_note.h"
#include "theater/error.h"
#include "theater/id.h"

/// What a data directory signs: the root of a log that only grows, each entry of which says how far one actor's chain
/// had come (docs/event-format.md, "Checkpoints"). Any thread.
namespace theater {

/// An entry of the log: the actor's chain has these events, and its last link has this hash.
struct HeadEntry {
  static constexpr std::size_t kBytes = 16 + 8 + sizeof(Digest);

  ActorId actor;
  /// Sequence after the last event; at least 1.
  std::uint64_t next_sequence = 0;
  Digest head{};

  std::array<std::uint8_t, kBytes> encode() const;
  /// kCorrupt unless it is exactly what encode() makes.
  static Result<HeadEntry> decode(ByteView bytes);
  Digest leaf() const { return merkle::leaf_hash(encode()); }

  bool operator==(const HeadEntry&) const = default;
};

/// A tree head as c2sp.org/tlog-checkpoint has it.
struct Checkpoint {
  std::string origin;
  std::uint64_t size = 0;
  Digest root{};

  /// The three lines that are signed.
  std::string to_text() const;
  /// kCorrupt unless it is a checkpoint. Extension lines are passed over.
  static Result<Checkpoint> parse(std::string_view text);

  bool operator==(const Checkpoint&) const = default;
};

/// The name of the log that has this key: whoever knows the name knows the key, so that an old checkpoint alone tells
/// whether a directory is still the same.
std::string log_name(const ed25519::PublicKey& key);
note::SigningKey make_log_key(RandomSource& random);
/// kInvalidArgument when the key does not belong to its name.
Result<void> check_log_key(const note::VerifierKey& key);

/// The checkpoint in a note that `key` signed, whose origin is the key's name, made from the key.
Result<Checkpoint> open_checkpoint(std::string_view note, const note::VerifierKey& key);

/// The checkpoint in a note, whoever signed it.
Result<Checkpoint> unverified_checkpoint(std::string_view note);

/// That an entry is in the log that a checkpoint signs; stands on its own. Its text form is that of
/// c2sp.org/tlog-proof, with the entry and the log's key as extra data.
struct HeadProof {
  HeadEntry entry;
  ed25519::PublicKey key{};
  std::uint64_t index = 0;
  std::vector<Digest> path;
  std::string checkpoint_note;

  std::string to_text() const;
  static Result<HeadProof> parse(std::string_view text);
  note::VerifierKey verifier() const { return {log_name(key), key}; }
  /// The checkpoint, when it is signed by the key and holds the entry. Whose key it is the caller must know: compare
  /// the checkpoint's origin with a name from elsewhere.
  Result<Checkpoint> verify() const;
};

/// That a log only grew between two checkpoints. Its text form is what c2sp.org/tlog-witness takes as a request to
/// cosign the newer one.
struct GrowthProof {
  std::uint64_t old_size = 0;
  std::vector<Digest> path;
  std::string checkpoint_note;

  std::string to_text() const;
  static Result<GrowthProof> parse(std::string_view text);
  /// The newer checkpoint, when it is signed by the key and its log begins with that of `old`.
  Result<Checkpoint> verify(const Checkpoint& old, const note::VerifierKey& key) const;
};

}  // namespace theater
