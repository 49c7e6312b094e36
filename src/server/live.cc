#include "server/live.h"

#include <utility>

#include "server/json_forms.h"

namespace theater::server {
namespace {

/// Events taken from a feed at once, and the text that is made before it is written.
constexpr std::size_t kEventsAtOnce = 64;
constexpr std::size_t kTextAtOnce = 64u << 10;

}  // namespace

void Wakeup::call() {
  work_.serve([self = shared_from_this()] {
    self->called_ = true;
    // A copy: the target may end itself.
    if (const auto target = self->target_) target();
  });
}

void Wakeup::set(std::function<void()> target) {
  const auto self = shared_from_this();
  target_ = std::move(target);
  if (!called_) return;
  if (const auto now = target_) now();
}

LiveEvents::LiveEvents(std::shared_ptr<api::EventFeed> feed, std::shared_ptr<Wakeup> wakeup, api::EventFilter filter,
                       bool one_actor)
    : feed_(std::move(feed)), wakeup_(std::move(wakeup)), filter_(std::move(filter)), one_actor_(one_actor) {}

LiveEvents::~LiveEvents() { wakeup_->set(nullptr); }

const Event* LiveEvents::next() {
  while (true) {
    if (taken_next_ == taken_.size()) {
      taken_ = feed_->take(kEventsAtOnce);
      taken_next_ = 0;
      if (taken_.empty()) return nullptr;
    }
    const Event& event = taken_[taken_next_++];
    if (filter_.matches(event)) return &event;
  }
}

std::string LiveEvents::next_sent_events() {
  std::string text;
  while (text.size() < kTextAtOnce) {
    const Event* event = next();
    if (event == nullptr) break;
    if (text.empty()) text.reserve(kTextAtOnce + kTextAtOnce / 4);
    if (one_actor_) text.append("id: ").append(std::to_string(event->sequence)).append("\n");
    text.append("event: ").append(to_string(event->kind));
    text.append("\ndata: ").append(to_json(*event)).append("\n\n");
  }
  return text;
}

std::optional<std::string> LiveEvents::next_message() {
  const Event* event = next();
  return event != nullptr ? std::optional(to_json(*event)) : std::nullopt;
}

std::string cut_notice() {
  return to_text({{"code", "too-slow"},
                  {"detail", "events came faster than this connection took them: subscribe again from the last one"}});
}

// Channels ------------------------------------------------------------------------------------------------------------

/// What came for the client. Filled on the actor's shard, emptied by the serving thread.
class ChannelFeed::Inbox final : public ChannelListener {
 public:
  Inbox(api::Management& management, Work& work) : management_(management), wakeup_(std::make_shared<Wakeup>(work)) {}

  /// Before the channel is opened.
  void tell(std::weak_ptr<Inbox> self, std::function<void(Result<std::shared_ptr<ChannelFeed>>)> outcome) {
    self_ = std::move(self);
    outcome_ = std::move(outcome);
  }
  void forget() { outcome_ = nullptr; }

  void opened(const ChannelId& channel) override {
    const auto outcome = std::exchange(outcome_, nullptr);
    outcome(std::shared_ptr<ChannelFeed>(new ChannelFeed(management_, self_.lock(), channel)));
  }
  void refused(const Error& error) override { std::exchange(outcome_, nullptr)(fail(error)); }
  void message(const ChannelId&, ByteView message) override {
    {
      const std::lock_guard lock(mutex_);
      if (cut_) return;
      if (!messages_.empty() &&
          (messages_.size() >= kWaitingMessages || waiting_bytes_ + message.size() > kWaitingBytes)) {
        cut_ = true;
      } else {
        messages_.push_back(to_bytes(message));
        waiting_bytes_ += message.size();
        // The one before was told of and not taken yet.
        if (messages_.size() > 1) return;
      }
    }
    wakeup_->call();
  }
  void closed(const ChannelId&) override {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    wakeup_->call();
  }

  std::optional<Bytes> next() {
    const std::lock_guard lock(mutex_);
    if (messages_.empty()) return std::nullopt;
    Bytes message = std::move(messages_.front());
    messages_.pop_front();
    waiting_bytes_ -= message.size();
    return message;
  }
  bool is_closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
  }
  bool is_cut() const {
    const std::lock_guard lock(mutex_);
    return cut_;
  }
  Wakeup& wakeup() { return *wakeup_; }

 private:
  api::Management& management_;
  const std::shared_ptr<Wakeup> wakeup_;
  std::weak_ptr<Inbox> self_;
  std::function<void(Result<std::shared_ptr<ChannelFeed>>)> outcome_;
  mutable std::mutex mutex_;
  std::deque<Bytes> messages_;
  std::size_t waiting_bytes_ = 0;
  bool closed_ = false;
  bool cut_ = false;
};

void ChannelFeed::open(api::Management& management, Work& work, const ActorId& actor, ByteView first_message,
                       std::function<void(Result<std::shared_ptr<ChannelFeed>>)> outcome) {
  auto inbox = std::make_shared<Inbox>(management, work);
  inbox->tell(inbox, outcome);
  // An error here is the only one told: the listener hears nothing then.
  auto opening = management.open_channel(actor, first_message, inbox);
  if (!opening) {
    inbox->forget();
    outcome(fail(std::move(opening.error())));
  }
}

ChannelFeed::ChannelFeed(api::Management& management, std::shared_ptr<Inbox> inbox, const ChannelId& id)
    : management_(management), inbox_(std::move(inbox)), id_(id) {}

ChannelFeed::~ChannelFeed() {
  inbox_->wakeup().set(nullptr);
  // Closed already is as good.
  if (!inbox_->is_closed()) (void)management_.close_channel(id_);
}

void ChannelFeed::on_ready(std::function<void()> ready) { inbox_->wakeup().set(std::move(ready)); }
std::optional<Bytes> ChannelFeed::next() { return inbox_->next(); }
bool ChannelFeed::closed() const { return inbox_->is_closed(); }
bool ChannelFeed::cut() const { return inbox_->is_cut(); }

}  // namespace theater::server
