#include "jobs.h"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace patterns {

using namespace theater;

namespace {

/// In the order of the interface's functions.
enum Function : std::uint32_t { kStart, kPoll, kCollect };

Bytes collected(std::uint64_t value) {
  Bytes result;
  ValueWriter writer(result);
  writer.ok();
  writer.unsigned_integer(value);
  return result;
}

}  // namespace

/// The jobs and the thread that does them, the oldest first. Any thread.
class Workshop {
 public:
  struct Progress {
    std::uint32_t done = 0;
    std::uint32_t of = 0;
  };

  explicit Workshop(std::chrono::microseconds step)
      : step_(step), worker_([this](const std::stop_token& stop) { work(stop); }) {}

  Result<std::uint64_t> start(const ActorId& owner, std::uint32_t steps) {
    const std::lock_guard lock(mutex_);
    const auto mine = [&](const auto& entry) { return entry.second.owner == owner; };
    if (std::ranges::count_if(jobs_, mine) >= static_cast<std::ptrdiff_t>(JobsHandler::kJobsMax)) {
      return fail(ErrorCode::kResourceExhausted,
                  "an actor has at most " + std::to_string(JobsHandler::kJobsMax) + " jobs; collect one");
    }
    const std::uint64_t number = ++last_number_;
    jobs_[number] = {.owner = owner, .steps = steps, .done = 0, .sum = 0, .waiter = std::nullopt};
    wakeup_.notify_one();
    return number;
  }

  Result<Progress> poll(const ActorId& owner, std::uint64_t number) const {
    const std::lock_guard lock(mutex_);
    const auto job = jobs_.find(number);
    if (job == jobs_.end() || job->second.owner != owner) return no_such_job(number);
    return Progress{.done = job->second.done, .of = job->second.steps};
  }

  /// The result, or none yet: then `waiter` is completed with it.
  Result<std::optional<std::uint64_t>> collect(const ActorId& owner, std::uint64_t number, const Completion& waiter) {
    const std::lock_guard lock(mutex_);
    const auto job = jobs_.find(number);
    if (job == jobs_.end() || job->second.owner != owner) return no_such_job(number);
    if (job->second.done < job->second.steps) {
      job->second.waiter = waiter;
      return std::nullopt;
    }
    const std::uint64_t sum = job->second.sum;
    jobs_.erase(job);
    return sum;
  }

  /// Ends the actor's jobs, the one that runs included. None completes after this.
  void drop(const ActorId& owner) {
    const std::lock_guard lock(mutex_);
    std::erase_if(jobs_, [&](const auto& entry) { return entry.second.owner == owner; });
  }

  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return jobs_.size();
  }

 private:
  struct Job {
    ActorId owner;
    std::uint32_t steps = 0;
    std::uint32_t done = 0;
    std::uint64_t sum = 0;
    std::optional<Completion> waiter;
  };

  static std::unexpected<Error> no_such_job(std::uint64_t number) {
    return fail(ErrorCode::kNotFound, "no such job: " + std::to_string(number));
  }

  std::map<std::uint64_t, Job>::iterator next_unfinished() {
    return std::ranges::find_if(jobs_, [](const auto& entry) { return entry.second.done < entry.second.steps; });
  }

  void work(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (wakeup_.wait(lock, stop, [&] { return next_unfinished() != jobs_.end(); })) {
      const std::uint64_t number = next_unfinished()->first;
      // A step without the lock; the job may be gone after it.
      lock.unlock();
      std::this_thread::sleep_for(step_);
      lock.lock();
      const auto job = jobs_.find(number);
      if (job == jobs_.end()) continue;
      job->second.sum += ++job->second.done;
      if (job->second.done < job->second.steps || !job->second.waiter) continue;
      job->second.waiter->complete(collected(job->second.sum));
      jobs_.erase(job);
    }
  }

  const std::chrono::microseconds step_;
  mutable std::mutex mutex_;
  std::condition_variable_any wakeup_;
  std::map<std::uint64_t, Job> jobs_;
  std::uint64_t last_number_ = 0;
  /// Last, so that it ends before what it uses.
  std::jthread worker_;
};

namespace {

/// One actor's side.
class Jobs final : public HandlerInstance {
 public:
  Jobs(std::shared_ptr<Workshop> workshop, const ActorId& owner) : workshop_(std::move(workshop)), owner_(owner) {}

  HostStatus call(HostCall& call) override {
    ValueReader params = call.params();
    const std::uint64_t number = params.unsigned_integer(call.function() == kStart ? UINT32_MAX : UINT64_MAX);
    if (!params.done()) return call.trap("malformed parameters");
    switch (static_cast<Function>(call.function())) {
      case kStart: return start(call, static_cast<std::uint32_t>(number));
      case kPoll: return poll(call, number);
      case kCollect: return collect(call, number);
    }
    return call.trap("no such function");
  }

  /// Also when the actor ends while it waits in collect.
  void actor_ended() override { workshop_->drop(owner_); }

 private:
  HostStatus start(const HostCall& call, std::uint32_t steps) {
    const auto number = workshop_->start(owner_, steps);
    if (!number) return call.done_with_error(number.error().message());
    call.result().ok();
    call.result().unsigned_integer(*number);
    return call.done();
  }
  HostStatus poll(const HostCall& call, std::uint64_t number) {
    const auto progress = workshop_->poll(owner_, number);
    if (!progress) return call.done_with_error(progress.error().message());
    call.result().ok();
    call.result().unsigned_integer(progress->done);
    call.result().unsigned_integer(progress->of);
    return call.done();
  }
  HostStatus collect(const HostCall& call, std::uint64_t number) {
    const auto result = workshop_->collect(owner_, number, call.completion());
    if (!result) return call.done_with_error(result.error().message());
    if (!*result) return call.suspend();
    call.result().ok();
    call.result().unsigned_integer(**result);
    return call.done();
  }

  const std::shared_ptr<Workshop> workshop_;
  const ActorId owner_;
};

}  // namespace

JobsHandler::JobsHandler(std::chrono::microseconds step) : workshop_(std::make_shared<Workshop>(step)) {}
JobsHandler::~JobsHandler() = default;

std::size_t JobsHandler::jobs() const { return workshop_->size(); }

std::span<const HandlerInterface> JobsHandler::imports() const {
  static const std::vector<HandlerInterface> interfaces = {
      {.name = "example:patterns/jobs",
       .functions = {{.name = "start"}, {.name = "poll"}, {.name = "collect", .suspends = true}}}};
  return interfaces;
}

Result<std::unique_ptr<HandlerInstance>> JobsHandler::create(const HandlerSetup& setup) const {
  return std::make_unique<Jobs>(workshop_, setup.actor.id());
}

}  // namespace patterns
