#include "actor/accounting.h"

#include <numeric>

#include "base/limits.h"

namespace theater::actor {

std::string_view to_string(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNoSuchActor: return "no-such-actor";
    case Refusal::kMailboxFull: return "mailbox-full";
    case Refusal::kTooLarge: return "too-large";
    case Refusal::kNotPermitted: return "not-permitted";
    case Refusal::kStopped: return "stopped";
    case Refusal::kNotAccepted: return "not-accepted";
    case Refusal::kChannelClosed: return "channel-closed";
    case Refusal::kCycle: return "cycle";
  }
  return "unknown";
}

std::string_view to_string(Undelivered reason) {
  switch (reason) {
    case Undelivered::kStopped: return "stopped";
    case Undelivered::kDroppedOldest: return "dropped-oldest";
    case Undelivered::kChannelClosed: return "channel-closed";
    case Undelivered::kExpired: return "expired";
    case Undelivered::kOverloaded: return "overloaded";
    case Undelivered::kNotRecorded: return "not-recorded";
  }
  return "unknown";
}

std::uint64_t Totals::refused() const {
  return std::accumulate(refused_by.begin(), refused_by.end(), std::uint64_t{0});
}

std::uint64_t Totals::dead_letters() const {
  return std::accumulate(dead_letters_by.begin(), dead_letters_by.end(), std::uint64_t{0});
}

Totals& Totals::operator+=(const Totals& other) {
  sent += other.sent;
  delivered += other.delivered;
  for (std::size_t i = 0; i < kRefusals; ++i) refused_by[i] += other.refused_by[i];
  for (std::size_t i = 0; i < kUndelivereds; ++i) dead_letters_by[i] += other.dead_letters_by[i];
  return *this;
}

void Accounting::dead_letter(const DeadLetter& letter) {
  bump(dead_[static_cast<std::size_t>(letter.reason)]);
  const std::lock_guard lock(letters_mutex_);
  if (letters_.size() == limits::kDeadLettersKept) letters_.pop_front();
  letters_.push_back(letter);
}

Totals Accounting::totals() const {
  Totals totals;
  totals.sent = sent_.load(std::memory_order_relaxed);
  totals.delivered = delivered_.load(std::memory_order_relaxed);
  for (std::size_t i = 0; i < kRefusals; ++i) totals.refused_by[i] = refused_[i].load(std::memory_order_relaxed);
  for (std::size_t i = 0; i < kUndelivereds; ++i) totals.dead_letters_by[i] = dead_[i].load(std::memory_order_relaxed);
  return totals;
}

std::vector<DeadLetter> Accounting::dead_letters() const {
  const std::lock_guard lock(letters_mutex_);
  return {letters_.begin(), letters_.end()};
}

}  // namespace theater::actor
