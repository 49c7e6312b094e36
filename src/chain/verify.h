#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "chain/chain_file.h"
#include "chain/chain_snapshot.h"
#include "chain/link_codec.h"
#include "theater/bytes.h"
#include "theater/error.h"
#include "theater/event.h"

namespace theater {

/// The first thing that is wrong with a chain. Nothing from this sequence on is proven by it.
struct Fault {
  std::uint64_t sequence = 0;
  std::string what;
};

/// What was found out about a chain. Counts are of what comes before the fault.
struct VerifyReport {
  ActorId actor;
  std::uint64_t links = 0;
  std::uint64_t events = 0;
  std::uint64_t first_sequence = 0;
  std::uint64_t last_sequence = 0;  ///< meaningless when events is 0
  /// Hash of the last good link.
  Digest head_hash{};
  /// Begins with the chain's first event. (That it ends where it should only an expected head can tell.)
  bool complete = false;
  /// Large values and states whose content was there and has the recorded digest and size; and those whose content is
  /// not there, which is no fault: a chain proves what it names without having it.
  std::uint64_t payloads_checked = 0;
  std::uint64_t payloads_missing = 0;
  /// Links whose time lies before that of the link before: the machine's clock was set back.
  std::uint64_t clock_steps_back = 0;
  /// Known heads that the chain runs through; and those of events before the first that is shown, which nothing here
  /// can be compared with.
  std::uint64_t heads_checked = 0;
  std::uint64_t heads_before = 0;
  std::optional<Fault> fault;

  bool ok() const { return !fault; }
};

/// A chain had these events once, and the link that ended there this hash: what a checkpoint tells (checkpoint.h).
struct KnownHead {
  std::uint64_t next_sequence = 0;
  Digest head{};

  auto operator<=>(const KnownHead&) const = default;
};

/// What the one who verifies knows from elsewhere. Without it a chain that was cut at its end, or written anew from
/// some event on, cannot be told from a true one.
struct VerifyExpectation {
  std::optional<ActorId> actor;
  /// Sequence of the first event that is shown.
  std::optional<std::uint64_t> first_sequence;
  /// Hash of the last link, and the sequence after its last event.
  std::optional<Digest> head_hash;
  std::optional<std::uint64_t> next_sequence;
  /// Heads that the chain must run through, ordered.
  std::vector<KnownHead> heads;
};

/// Verifies one actor's links in order, trusting nothing but its input: hashes, encoding, dense sequences, and that the
/// events make sense (a call before its end, a function that exists…). Stops at the first fault. One thread at a time;
/// allocates nothing for a link.
class ChainVerifier {
 public:
  /// Tells of large values kept elsewhere than beside the chain.
  class KeptValues {
   public:
    virtual ~KeptValues() = default;
    /// The length of the content with this digest; none when it is not kept. That it has the digest was checked.
    virtual std::optional<std::uint64_t> size_of(const Digest& digest) const = 0;
  };

  explicit ChainVerifier(VerifyExpectation expectation = {}) : expectation_(std::move(expectation)) {}

  /// Content of a large value with the digest stored beside it; to be given before the link that names it. False: the
  /// content does not have that digest; the event that names it will be at fault.
  bool provide_payload(ByteView content, const Digest& stored_digest);
  /// Forget what was provided; what comes later no longer finds it.
  void forget_payloads() { payload_sizes_.clear(); }
  /// Where to ask for what was not provided; borrowed, null for nowhere.
  void use_values(const KeptValues* values) { values_ = values; }

  /// The next link with the hash that was stored beside it, if one was. False: a fault was found, now or before.
  bool link(ByteView bytes, const Digest* stored_hash);
  /// The same for a link whose bytes were found to have this hash.
  bool link_with_hash(ByteView bytes, const Digest& hash);
  /// To be called once, after the last link. `extra_fault`: what the source of the links found wrong with itself after
  /// them.
  VerifyReport finish(std::optional<std::string> extra_fault = std::nullopt);

  const VerifyReport& report() const { return report_; }

 private:
  /// Where the actor is, as far as its events tell.
  enum class Phase : std::uint8_t { kNew, kUnknown, kIdle, kInCall, kSuspended, kStopped };

  bool check_header(const chain::LinkHeader& header);
  bool check_events(chain::LinkDecoder& decoder);
  std::uint64_t expected_sequence() const;
  /// Null when the event is in order; otherwise what is wrong.
  const char* check_event(const chain::EventView& event);
  const char* check_order(EventKind kind, bool is_resumption);
  const char* check_functions(const chain::EventView& event);
  const char* check_values(const chain::EventView& event);
  /// Compares the end of a link with the heads known there.
  bool check_heads(std::uint64_t next_sequence, const Digest& hash);
  bool fault(std::uint64_t sequence, std::string what);

  const VerifyExpectation expectation_;
  VerifyReport report_;
  Phase phase_ = Phase::kUnknown;
  bool is_first_ = true;
  std::uint64_t next_sequence_ = 0;
  std::uint64_t last_time_ns_ = 0;
  /// The first of the known heads that no link has come to yet.
  std::size_t next_head_ = 0;
  /// The report where the chain last ran through a known head: all that is certain when it misses a later one.
  VerifyReport certain_;
  std::optional<std::uint64_t> import_count_;
  std::optional<std::uint64_t> export_count_;
  struct DigestHash {
    std::size_t operator()(const Digest& digest) const;
  };
  /// None: the content was changed.
  std::unordered_map<Digest, std::optional<std::uint64_t>, DigestHash> payload_sizes_;
  const KeptValues* values_ = nullptr;
};

/// Verifies a snapshot against its own head (and the expectation's, where that says more).
VerifyReport verify(const ChainSnapshot& snapshot, VerifyExpectation expectation = {});

/// What was found in a chain file (chain_file.h).
struct FileVerifyReport {
  VerifyReport chain;
  /// The file ends with its closing record; otherwise its writer was cut off, or the file was cut after a whole record.
  bool closed = false;
  /// Bytes after the last whole record: a torn tail.
  std::uint64_t torn_bytes = 0;

  bool ok() const { return chain.ok(); }
};

/// Verifies a chain file in bounded memory. An error only when it cannot be opened or read or is no chain file;
/// everything else is in the report. `progress`: told now and then how many events were verified.
Result<FileVerifyReport> verify_chain_file(const std::string& path, VerifyExpectation expectation = {},
                                           FileSection section = {},
                                           const std::function<void(std::uint64_t events)>& progress = {});

}  // namespace theater
