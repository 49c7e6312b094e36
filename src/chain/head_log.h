#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chain/checkpoint.h"
#include "chain/verify.h"

namespace theater {

/// The file that holds a data directory's log of heads (docs/event-format.md, "The log of heads"): its first bytes, and
/// the types of its records, which are framed as a chain file's are.
inline constexpr std::string_view kHeadLogMagic = "theater heads 1\n";
enum class HeadLogRecord : std::uint8_t {
  kHeads = 1,       ///< entries, one after the other
  kCheckpoint = 2,  ///< the note that signs all entries before it
  kMark = 3,        ///< nothing; what is before it is safe on the disk
};
inline constexpr std::size_t kHeadsPerRecordMax = 16'384;

/// What was found out about a log of heads.
struct HeadLogReport {
  /// Of the last checkpoint; 0 entries when there is none.
  Checkpoint last;
  std::string last_note;
  /// Over the signed entries.
  merkle::GrowingTree tree;
  std::uint64_t checkpoints = 0;
  /// Entries after the last checkpoint: nobody signed them, so they count for nothing.
  std::uint64_t unsigned_entries = 0;
  /// What the signed entries say of each chain, ordered as ChainVerifier wants it; or only the last for each.
  std::map<ActorId, std::vector<KnownHead>> heads;
  /// The first thing that is wrong with the log.
  std::optional<std::string> fault;

  bool ok() const { return !fault; }
};

/// Verifies a log of heads record by record: that each checkpoint in it is of the entries before it, that each chain
/// only grew, that the last checkpoint is signed by the log's key (and with it all before it), and that the log begins
/// with that of an older checkpoint, when one is given. Stops at the first fault. One thread at a time.
class HeadLogVerifier {
 public:
  enum class Keep : std::uint8_t {
    kAllHeads,
    kLastHeads,  ///< of each actor: all that is needed to go on with the log
  };
  /// `older`: a checkpoint from elsewhere, whose signature was verified.
  explicit HeadLogVerifier(note::VerifierKey key, std::optional<Checkpoint> older = std::nullopt,
                           Keep keep = Keep::kAllHeads);

  /// A record's content. False: a fault was found, now or before.
  bool heads(ByteView content);
  bool checkpoint(std::string_view note);
  /// Whether the fault is in something after the records themselves, such as a damaged file.
  bool fail(std::string what);
  /// To be called once, after the last record.
  HeadLogReport finish();

 private:
  bool entry(const HeadEntry& entry);

  const note::VerifierKey key_;
  const std::optional<Checkpoint> older_;
  const Keep keep_;
  /// Over all entries, signed or not.
  merkle::GrowingTree tree_;
  /// Entries that no checkpoint has come after yet.
  std::vector<HeadEntry> pending_;
  HeadLogReport report_;
};

}  // namespace theater
