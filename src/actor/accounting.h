#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string_view>
#include <vector>

#include "actor/gate.h"
#include "theater/id.h"

namespace theater::actor {

/// Why a message was not accepted; its sender got the error.
enum class Refusal : std::uint8_t {
  kNoSuchActor,
  kMailboxFull,
  kTooLarge,
  kNotPermitted,
  kStopped,
  kNotAccepted,
  kChannelClosed,
  kCycle
};
inline constexpr std::size_t kRefusals = 8;
std::string_view to_string(Refusal refusal);

/// Why an accepted message started no turn.
enum class Undelivered : std::uint8_t {
  kStopped,        ///< the receiver ended before its turn came
  kDroppedOldest,  ///< the receiver's mailbox overflowed and its manifest says drop-oldest
  kChannelClosed,  ///< the channel was closed by the receiver meanwhile
  kExpired,        ///< a request whose sender no longer waits
  kOverloaded,     ///< a request to an actor that owes too many answers
  kNotRecorded,    ///< the sender's or the receiver's events can no longer be kept
};
inline constexpr std::size_t kUndelivereds = 6;
std::string_view to_string(Undelivered reason);

/// An accepted message that started no turn.
struct DeadLetter {
  std::uint64_t time_ns = 0;  ///< since the Unix epoch
  MessageKind kind{};
  Undelivered reason{};
  ActorId sender;  ///< nil: from outside
  ActorId receiver;
  std::uint64_t bytes = 0;
};

/// Totals over messages. When nothing is under way, sent = delivered + refused + dead_letters, exactly; otherwise the
/// difference is what stands in mailboxes.
struct Totals {
  std::uint64_t sent = 0;
  std::uint64_t delivered = 0;
  std::array<std::uint64_t, kRefusals> refused_by{};
  std::array<std::uint64_t, kUndelivereds> dead_letters_by{};

  std::uint64_t refused() const;
  std::uint64_t dead_letters() const;
  Totals& operator+=(const Totals& other);
};

/// Counts on one shard's thread, read by any: a plain increment that others may see late, but never torn.
class Accounting {
 public:
  void sent() { bump(sent_); }
  void delivered() { bump(delivered_); }
  void refused(Refusal reason) {
    bump(sent_);
    bump(refused_[static_cast<std::size_t>(reason)]);
  }
  /// A message counted as sent was taken back before it left.
  void withdrawn(Refusal reason) { bump(refused_[static_cast<std::size_t>(reason)]); }
  void dead_letter(const DeadLetter& letter);
  /// A turn has ended, after this much fuel.
  void turn(std::uint64_t fuel) {
    add(turns_, 1);
    add(fuel_used_, fuel);
  }

  Totals totals() const;
  std::uint64_t turns() const { return turns_.load(std::memory_order_relaxed); }
  std::uint64_t fuel_used() const { return fuel_used_.load(std::memory_order_relaxed); }
  /// The latest dead letters, oldest first, at most limits::kDeadLettersKept.
  std::vector<DeadLetter> dead_letters() const;

 private:
  static void bump(std::atomic<std::uint64_t>& counter) { add(counter, 1); }
  static void add(std::atomic<std::uint64_t>& counter, std::uint64_t more) {
    counter.store(counter.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
  }

  std::atomic<std::uint64_t> sent_{0};
  std::atomic<std::uint64_t> delivered_{0};
  std::atomic<std::uint64_t> turns_{0};
  std::atomic<std::uint64_t> fuel_used_{0};
  std::array<std::atomic<std::uint64_t>, kRefusals> refused_{};
  std::array<std::atomic<std::uint64_t>, kUndelivereds> dead_{};
  mutable std::mutex letters_mutex_;
  std::deque<DeadLetter> letters_;
};

}  // namespace theater::actor
