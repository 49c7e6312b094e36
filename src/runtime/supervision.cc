#include "runtime/supervision.h"

#include <algorithm>

#include "base/check.h"
#include "base/clock.h"

namespace theater::runtime {
namespace {

bool comes_back(RestartPolicy policy, ChildEnd end) {
  switch (policy) {
    case RestartPolicy::kPermanent: return true;
    case RestartPolicy::kTransient: return end == ChildEnd::kAbnormal;
    case RestartPolicy::kTemporary: return false;
  }
  return false;
}

/// The first of the children that share the fate of the one that ended; the last is always the last child, but for
/// one-for-one.
std::size_t first_touched(RestartStrategy strategy, std::size_t ended) {
  return strategy == RestartStrategy::kOneForAll ? 0 : ended;
}

std::size_t end_touched(RestartStrategy strategy, std::size_t ended, std::size_t children) {
  return strategy == RestartStrategy::kOneForOne ? ended + 1 : children;
}

}  // namespace

std::uint64_t restart_delay_ms(const Supervision& supervisor, std::size_t earlier, std::uint64_t random) {
  std::uint64_t delay = supervisor.backoff_min_ms;
  for (std::size_t i = 0; i < earlier && delay < supervisor.backoff_max_ms; ++i) delay *= 2;
  delay = std::min(delay, supervisor.backoff_max_ms);
  return delay + random % (supervisor.backoff_jitter_ms + 1);
}

SupervisionDecision decide_restart(const Supervision& supervisor, std::span<const RestartPolicy> children,
                                   std::size_t ended, ChildEnd end, const RestartHistory& history, std::uint64_t now_ns,
                                   std::uint64_t random) {
  THEATER_CHECK(ended < children.size());
  SupervisionDecision decision;
  decision.history = history;
  if (!comes_back(children[ended], end)) return decision;
  const std::uint64_t within_ns = supervisor.within_s * kNsPerSecond;
  std::erase_if(decision.history.restarts_ns,
                [&](std::uint64_t restart_ns) { return now_ns - restart_ns > within_ns; });
  const std::size_t earlier = decision.history.restarts_ns.size();
  if (earlier >= supervisor.max_restarts) {
    decision.action = SupervisionDecision::Action::kEscalate;
    return decision;
  }
  decision.history.restarts_ns.push_back(now_ns);
  decision.action = SupervisionDecision::Action::kRestart;
  decision.delay_ms = restart_delay_ms(supervisor, earlier, random);
  const std::size_t first = first_touched(supervisor.strategy, ended);
  const std::size_t behind = end_touched(supervisor.strategy, ended, children.size());
  for (std::size_t child = behind; child-- > first;) {
    if (child != ended) decision.stop.push_back(child);
  }
  for (std::size_t child = first; child < behind; ++child) {
    if (child == ended || children[child] != RestartPolicy::kTemporary) decision.start.push_back(child);
  }
  return decision;
}

}  // namespace theater::runtime
