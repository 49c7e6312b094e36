#include <algorithm>
#include <iterator>
#include <set>

#include "base/limits.h"
#include "runtime/runtime_core.h"

// Who waits for whom.
namespace theater::runtime {

template <class Value>
std::vector<std::optional<Value>> RuntimeCore::ask_shards(const std::function<Value(ShardRuntime&)>& question,
                                                          std::chrono::milliseconds patience) const {
  struct Answers {
    std::mutex mutex;
    std::condition_variable came;
    std::size_t count = 0;
    std::vector<std::optional<Value>> by_shard;
  };
  // A shard may answer when nobody listens any more.
  const auto answers = std::make_shared<Answers>();
  const std::size_t shards = shard_runtimes_.size();
  answers->by_shard.resize(shards);
  {
    const std::lock_guard lock(actors_mutex_);
    if (shutting_down_) return answers->by_shard;
    for (std::uint32_t i = 0; i < shards; ++i) {
      post(i, [answers, i, question](ShardRuntime& shard) {
        Value value = question(shard);
        const std::lock_guard answered(answers->mutex);
        answers->by_shard[i] = std::move(value);
        ++answers->count;
        answers->came.notify_one();
      });
    }
  }
  std::unique_lock lock(answers->mutex);
  (void)answers->came.wait_for(lock, patience, [&] { return answers->count == shards; });
  return answers->by_shard;
}

WaitReport RuntimeCore::waits(std::chrono::milliseconds patience) const {
  WaitReport report;
  auto waits = ask_shards<std::vector<ActorWait>>([](ShardRuntime& shard) { return shard.waits(); }, patience);
  std::set<ActorId> waiting;
  for (std::uint32_t i = 0; i < waits.size(); ++i) {
    ShardActivity& activity = report.shards.emplace_back(ShardActivity{.shard = i});
    activity.answers = waits[i].has_value();
    if (waits[i]) {
      std::ranges::move(*waits[i], std::back_inserter(report.waits));
    } else if (const auto [gate, since_ns] = shard_runtimes_[i]->services().active(); gate != nullptr) {
      activity.runs = gate->actor_id();
      const std::uint64_t now_ns = clock_.wall_ns();
      activity.running_ns = now_ns > since_ns ? now_ns - since_ns : 0;
    }
  }
  std::ranges::sort(report.waits, std::ranges::greater(), &ActorWait::waiting_ns);
  if (report.waits.size() > limits::kWaitsReported) report.waits.resize(limits::kWaitsReported);
  for (const ActorWait& wait : report.waits) waiting.insert(wait.actor);
  std::set<ActorId> wanted;
  for (const ActorWait& wait : report.waits) {
    if (wait.waits_for && !waiting.contains(*wait.waits_for)) wanted.insert(*wait.waits_for);
  }
  if (wanted.empty()) return report;
  const auto found = ask_shards<std::vector<AwaitedActor>>(
      [wanted](ShardRuntime& shard) {
        std::vector<AwaitedActor> here;
        for (const ActorId& id : wanted) {
          if (auto awaited = shard.awaited(id)) here.push_back(std::move(*awaited));
        }
        return here;
      },
      patience);
  for (const auto& here : found) {
    if (here) report.awaited.insert(report.awaited.end(), here->begin(), here->end());
  }
  for (const AwaitedActor& awaited : report.awaited) wanted.erase(awaited.actor);
  for (const ActorId& id : wanted) {
    AwaitedActor& awaited = report.awaited.emplace_back(AwaitedActor{.actor = id});
    const std::lock_guard lock(actors_mutex_);
    const auto entry = actors_.find(id);
    // Otherwise it is on a shard that did not answer.
    awaited.has_ended = entry == actors_.end() || entry->second.ended.has_value();
    if (entry != actors_.end()) awaited.name = entry->second.name;
  }
  return report;
}

}  // namespace theater::runtime
