#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

#include "chain/chain_source.h"
#include "chain/link_codec.h"
#include "chain/verify.h"
#include "theater/error.h"

namespace theater::replay {

/// The events of a chain one after the other, each link verified before its events are shown. One thread at a time; the
/// source must outlive it.
class EventCursor {
 public:
  /// Begins with the link that holds `from_sequence`.
  static Result<EventCursor> open(const ChainSource& source, std::uint64_t from_sequence);

  /// The next event; null at the chain's end, and where it is broken (see fault()). Its views are valid until the next
  /// call after take().
  const chain::EventView* peek();
  /// Goes on behind the event that peek() showed.
  void take() { has_event_ = false; }

  /// Why nothing more can be read, other than that the chain ends.
  const std::optional<Fault>& fault() const { return fault_; }
  /// Sequence of the event that peek() shows, or would show.
  std::uint64_t sequence() const { return sequence_; }

  /// How the call ends that runs where the cursor stands. What belongs to it comes before `end_sequence`.
  struct CallEnd {
    /// kReturned or kFailed; nothing when the chain ends before, or the runtime had ended.
    std::optional<EventKind> kind;
    FailureReason failure{};
    std::uint64_t fuel = 0;
    std::uint64_t end_sequence = 0;
    /// Of the last event that the guest or the host added to the call; none when there is none.
    std::optional<std::uint64_t> last_host_event;
  };
  /// Reads ahead without moving. What it reads is verified only when the cursor comes there. The event that was taken
  /// is no longer there afterwards.
  CallEnd find_call_end();

 private:
  EventCursor(const ChainSource& source, std::unique_ptr<ChainSource::Links> links, std::uint64_t from_sequence)
      : source_(&source), links_(std::move(links)), sequence_(from_sequence) {}

  /// A copy of a link, since the reader's own goes away when it reads ahead.
  struct Link {
    Bytes bytes;
    Digest hash{};
  };

  /// Goes on to the next link, decoded and verified.
  bool read_link();
  bool go_to_next_link();
  /// False at the source's end and where it is damaged.
  bool read(Link& link);
  /// The link after the current one and so many others; null where there is none, or no room for more.
  const Link* look_ahead(std::size_t links);

  const ChainSource* source_;
  std::unique_ptr<ChainSource::Links> links_;
  Link current_;
  std::deque<Link> ahead_;
  std::size_t ahead_bytes_ = 0;
  std::optional<Error> read_error_;
  bool has_read_all_ = false;
  std::unique_ptr<ChainVerifier> verifier_ = std::make_unique<ChainVerifier>();
  std::optional<chain::LinkDecoder> decoder_;
  chain::EventView event_;
  bool has_event_ = false;
  bool ended_ = false;
  std::uint64_t sequence_ = 0;
  std::uint64_t link_end_ = 0;
  std::optional<Fault> fault_;
};

}  // namespace theater::replay
