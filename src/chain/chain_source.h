#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "chain/chain_file.h"
#include "chain/chain_snapshot.h"
#include "theater/bytes.h"
#include "theater/error.h"
#include "theater/event.h"

namespace theater {

/// A link as it is kept, not verified: `hash` is what was stored beside it.
struct KeptLink {
  ByteView bytes;  ///< valid until the next call of the Links it came from
  Digest hash{};
};

/// One actor's recorded chain, wherever it is kept: a chain file, a data directory, a bundle, memory. What it hands out
/// is not verified: whoever must not be deceived gives the links to a ChainVerifier as they come. It shows what was
/// there when it was opened. One thread at a time.
class ChainSource : public ChainReader::Payloads {
 public:
  /// Reads links in order. Independent of other readers of the same source, which must outlive it.
  class Links {
   public:
    virtual ~Links() = default;
    /// The next link; none at the end of what is whole. kCorrupt where the source is damaged, kIo; nothing can be read
    /// after an error.
    virtual Result<std::optional<KeptLink>> next() = 0;
  };

  /// What errors call it, e.g. a path.
  virtual const std::string& name() const = 0;
  virtual const ActorId& actor() const = 0;
  /// Sequence of the first event that is kept; 0 unless the chain's beginning was given up.
  virtual std::uint64_t first_sequence() const = 0;
  /// Sequence after the last event that is kept.
  virtual std::uint64_t next_sequence() const = 0;

  /// From the link that holds `from_sequence` on (from the first that is kept, where that comes later). Cheap enough to
  /// be called for single events.
  virtual Result<std::unique_ptr<Links>> links(std::uint64_t from_sequence) const = 0;

  // From ChainReader::Payloads: the content of a large value or state by its digest, checked to have it; none when it
  // is not kept, or no longer.
  std::optional<Bytes> find(const Digest& digest) const override = 0;

  /// The component's binary, checked to have this digest; none when it is not kept here.
  virtual std::optional<Bytes> component(const Digest& digest) const = 0;
  /// The manifest's text, checked to have this digest; none when it is not kept here.
  virtual std::optional<std::string> manifest(const Digest& digest) const = 0;
};

/// The chain in a chain file (chain_file.h). Reads the file once to know where things lie, and takes about 50 bytes of
/// memory for each large value in it. A torn tail is left out; where the file is damaged its links end with that error.
/// kIo, or kCorrupt when it is no chain file or holds no link.
Result<std::unique_ptr<ChainSource>> open_chain_file(const std::string& path, FileSection section = {});

/// A chain in memory. It should begin with its first event.
std::unique_ptr<ChainSource> make_chain_source(ChainSnapshot snapshot, std::string name);

}  // namespace theater
