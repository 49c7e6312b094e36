#include "line_feed.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <thread>

#include "bounded_lines.h"

namespace patterns {

using namespace theater;

namespace {

constexpr std::size_t kBatchLines = 8;
/// How soon a full mailbox is tried again.
constexpr std::chrono::milliseconds kRetry{5};

/// Place in LineFeedHandler::exports().
constexpr std::size_t kHandleLines = 0;

/// tuple<list<string>, u64>
Bytes encode(const BoundedLines::Batch& batch) {
  Bytes params;
  ValueWriter writer(params);
  writer.unsigned_integer(batch.lines.size());
  for (const std::string& line : batch.lines) writer.string(line);
  writer.unsigned_integer(batch.lost);
  return params;
}

}  // namespace

/// One actor's lines.
struct Feed {
  Feed(std::size_t lines_max, Poster poster) : lines(lines_max), poster(std::move(poster)) {}
  BoundedLines lines;
  const Poster poster;
};

/// The feeds, and the thread that brings their lines into mailboxes. Any thread.
class LineHub {
 public:
  LineHub() : thread_([this](std::stop_token stop) { run(stop); }) {}

  void add(std::shared_ptr<Feed> feed) {
    const std::lock_guard lock(mutex_);
    if (std::ranges::find(feeds_, feed) == feeds_.end()) feeds_.push_back(std::move(feed));
  }
  /// When this returns nothing is posted for the feed any more: deliver() holds the same lock.
  void remove(const std::shared_ptr<Feed>& feed) {
    const std::lock_guard lock(mutex_);
    std::erase(feeds_, feed);
  }
  void publish(std::string_view line) {
    const std::lock_guard lock(mutex_);
    for (const auto& feed : feeds_) feed->lines.add(std::string(line));
    arrived_ = true;
    wakeup_.notify_one();
  }
  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return feeds_.size();
  }

 private:
  void run(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    bool again = false;
    while (!stop.stop_requested()) {
      if (again) {
        wakeup_.wait_for(lock, stop, kRetry, [&] { return arrived_; });
      } else {
        wakeup_.wait(lock, stop, [&] { return arrived_; });
      }
      arrived_ = false;
      again = false;
      for (const auto& feed : feeds_) again |= !deliver(*feed);
    }
  }

  /// False when lines are left for later. post() never waits, so the lock is held for a short time only.
  static bool deliver(Feed& feed) {
    while (true) {
      BoundedLines::Batch batch = feed.lines.take(kBatchLines);
      if (batch.empty()) return true;
      const auto posted = feed.poster.post(kHandleLines, encode(batch));
      if (posted) continue;
      if (posted.error().code() == ErrorCode::kMailboxFull) {
        feed.lines.give_back(std::move(batch));
        return false;
      }
      if (posted.error().code() != ErrorCode::kTooLarge) return true;  // it has ended and is about to be removed
      // Lines that no message can hold are lost like those for which there was no room.
      feed.lines.give_back({.lines = {}, .lost = batch.lost + batch.lines.size()});
    }
  }

  mutable std::mutex mutex_;
  std::condition_variable_any wakeup_;
  std::vector<std::shared_ptr<Feed>> feeds_;
  bool arrived_ = false;
  /// Last, so that it ends before what it uses.
  std::jthread thread_;
};

namespace {

/// One actor's side.
class LineFeed final : public HandlerInstance {
 public:
  LineFeed(std::shared_ptr<LineHub> hub, std::size_t lines_max, Poster poster)
      : hub_(std::move(hub)), feed_(std::make_shared<Feed>(lines_max, std::move(poster))) {}

  HostStatus call(HostCall& call) override {
    hub_->add(feed_);
    call.result().ok();
    return call.done();
  }
  void actor_ended() override { hub_->remove(feed_); }

 private:
  const std::shared_ptr<LineHub> hub_;
  const std::shared_ptr<Feed> feed_;
};

}  // namespace

LineFeedHandler::LineFeedHandler() : hub_(std::make_shared<LineHub>()) {}
LineFeedHandler::~LineFeedHandler() = default;

void LineFeedHandler::publish(std::string_view line) { hub_->publish(line); }
std::size_t LineFeedHandler::subscribers() const { return hub_->size(); }

std::span<const HandlerInterface> LineFeedHandler::imports() const {
  static const std::vector<HandlerInterface> interfaces = {
      {.name = "example:patterns/line-feed", .functions = {{.name = "subscribe"}}}};
  return interfaces;
}

std::span<const std::string_view> LineFeedHandler::exports() const {
  static constexpr std::array<std::string_view, 1> kExports = {"example:patterns/line-feed-client.handle-lines"};
  return kExports;
}

HandlerSchema LineFeedHandler::schema() const {
  return {
      .type = std::string(type()),
      .description = "Lines from outside",
      .fields = {{.name = "buffer_lines",
                  .kind = FieldKind::kUnsigned,
                  .description = "Lines that wait while the mailbox is full; the oldest beyond are lost and counted",
                  .default_value = std::uint64_t{1000},
                  .min = 1,
                  .max = 1'000'000}}};
}

Result<std::unique_ptr<HandlerInstance>> LineFeedHandler::create(const HandlerSetup& setup) const {
  return std::make_unique<LineFeed>(hub_, *setup.config.unsigned_integer("buffer_lines"), setup.poster);
}

}  // namespace patterns
